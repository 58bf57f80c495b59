//! Functions of one number: activations and elementary functions.

use sgmn_graph::flow::{Combination, FlowResult, Function};

use super::{Calls, one};
use crate::any_net::pt2::call::{Call, Item};

pub(super) const CALLS: Calls = &[
    ("relu", |call| apply(call, Function::Relu)),
    ("relu6", |call| apply(call, Function::Clip { low: 0.0, high: 6.0 })),
    ("tanh", |call| apply(call, Function::Tanh)),
    ("sin", |call| apply(call, Function::Sine)),
    ("cos", |call| apply(call, Function::Cosine)),
    ("tan", |call| apply(call, Function::Tangent)),
    ("atan", |call| apply(call, Function::Arctangent)),
    ("arctan", |call| apply(call, Function::Arctangent)),
    ("sinh", |call| apply(call, Function::HyperbolicSine)),
    ("cosh", |call| apply(call, Function::HyperbolicCosine)),
    ("asinh", |call| apply(call, Function::InverseHyperbolicSine)),
    ("erf", |call| apply(call, Function::Erf)),
    ("abs", |call| apply(call, Function::Absolute)),
    ("neg", |call| apply(call, Function::Negate)),
    ("sign", |call| apply(call, Function::Sign)),
    ("sgn", |call| apply(call, Function::Sign)),
    ("sigmoid", |call| apply(call, Function::Sigmoid)),
    ("silu", |call| apply(call, Function::Silu)),
    ("mish", |call| apply(call, Function::Mish)),
    ("exp", |call| apply(call, Function::Exponential)),
    ("log", |call| apply(call, Function::Logarithm)),
    ("log2", |call| logarithm(call, std::f64::consts::LN_2)),
    ("log10", |call| logarithm(call, std::f64::consts::LN_10)),
    ("log1p", log1p),
    ("expm1", expm1),
    ("exp2", exp2),
    ("sqrt", |call| apply(call, Function::Power { exponent: 0.5 })),
    ("rsqrt", |call| apply(call, Function::Power { exponent: -0.5 })),
    ("reciprocal", |call| apply(call, Function::Power { exponent: -1.0 })),
    ("square", |call| apply(call, Function::Power { exponent: 2.0 })),
    ("floor", |call| apply(call, Function::Floor)),
    ("ceil", |call| apply(call, Function::Ceiling)),
    ("round", round),
    ("trunc", |call| apply(call, Function::Truncate)),
    ("fix", |call| apply(call, Function::Truncate)),
    ("hardswish", |call| apply(call, Function::HardSwish)),
    ("hardsigmoid", |call| apply(call, Function::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 })),
    ("selu", |call| apply(call, Function::Elu { alpha: SELU.0, gamma: SELU.1 })),
    ("softsign", |call| apply(call, Function::Softsign)),
    ("log_sigmoid", log_sigmoid),
    ("isnan", |call| apply(call, Function::IsNan)),
    ("leaky_relu", leaky_relu),
    ("rrelu", rrelu),
    ("hardtanh", hardtanh),
    ("gelu", gelu),
    ("elu", elu),
    ("celu", celu),
    ("softplus", softplus),
    ("softshrink", |call| shrink(call, true)),
    ("hardshrink", |call| shrink(call, false)),
    ("threshold", threshold),
    ("softmax", |call| softmax(call, false)),
    ("_softmax", |call| softmax(call, false)),
    ("_safe_softmax", |call| softmax(call, false)),
    ("log_softmax", |call| softmax(call, true)),
    ("_log_softmax", |call| softmax(call, true)),
    ("glu", glu),
    ("logit", logit),
];

/// Bound and factor of SELU (Klambauer et al. 2017).
const SELU: (f64, f64) = (1.673_263_242_354_377_2, 1.050_700_987_355_480_5);

fn apply(call: &mut Call<'_>, function: Function) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    one(call.apply(function, x)?)
}

fn logarithm(call: &mut Call<'_>, of_base: f64) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let natural = call.apply(Function::Logarithm, x)?;
    one(call.scale(natural, 1.0 / of_base)?)
}

fn log1p(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, unit) = (call.tensor("self")?, call.draft.number(1.0)?);
    let more = call.add(x, unit)?;
    one(call.apply(Function::Logarithm, more)?)
}

fn expm1(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, unit) = (call.tensor("self")?, call.draft.number(1.0)?);
    let power = call.apply(Function::Exponential, x)?;
    one(call.combine(Combination::Subtract, power, unit)?)
}

fn exp2(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let x = call.scale(x, std::f64::consts::LN_2)?;
    one(call.apply(Function::Exponential, x)?)
}

fn round(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    if call.int_or("decimals", 0)? != 0 {
        return call.fault("rounding to whole numbers", "decimals");
    }
    apply(call, Function::Round)
}

/// `−softplus(−x)`; the second result is a buffer.
fn log_sigmoid(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let x = call.apply(Function::Negate, x)?;
    let x = call.apply(Function::Softplus, x)?;
    one(call.apply(Function::Negate, x)?)
}

fn leaky_relu(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let slope = call.number_or("negative_slope", 0.01)?;
    apply(call, Function::LeakyRelu { slope })
}

fn rrelu(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    if call.flag_or("training", false)? {
        return call.fault("a net in evaluation", "a random slope");
    }
    let slope = (call.number_or("lower", 0.125)? + call.number_or("upper", 1.0 / 3.0)?) / 2.0;
    apply(call, Function::LeakyRelu { slope })
}

fn hardtanh(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (low, high) = (call.number_or("min_val", -1.0)?, call.number_or("max_val", 1.0)?);
    apply(call, Function::Clip { low, high })
}

fn gelu(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    match call.text("approximate") {
        "" | "none" => apply(call, Function::Gelu),
        "tanh" => apply(call, Function::GeluTanh),
        other => call.fault("an approximation none or tanh", format!("{other:?}")),
    }
}

fn elu(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (alpha, gamma) = (call.number_or("alpha", 1.0)?, call.number_or("scale", 1.0)?);
    if call.number_or("input_scale", 1.0)? != 1.0 {
        return call.fault("an elu with input scale 1", "another one");
    }
    apply(call, Function::Elu { alpha, gamma })
}

fn celu(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let alpha = call.number_or("alpha", 1.0)?;
    apply(call, Function::Celu { alpha })
}

/// `softplus(beta x) / beta`. Above the threshold PyTorch gives x, which differs by less than rounding.
fn softplus(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let beta = call.number_or("beta", 1.0)?;
    let x = call.tensor("self")?;
    let x = call.scale(x, beta)?;
    let x = call.apply(Function::Softplus, x)?;
    one(call.scale(x, 1.0 / beta)?)
}

fn shrink(call: &mut Call<'_>, moves: bool) -> FlowResult<Vec<Item>> {
    let bound = call.number_or("lambd", 0.5)?;
    apply(call, Function::Shrink { bound, bias: if moves { bound } else { 0.0 } })
}

fn threshold(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let bound = call.number("threshold")?;
    let value = call.number("value")?;
    if value == 0.0 {
        return apply(call, Function::Threshold { bound });
    }
    let (x, bound, value) = (call.tensor("self")?, call.draft.number(bound)?, call.draft.number(value)?);
    let above = call.combine(Combination::Greater, x, bound)?;
    one(call.choose(above, x, value)?)
}

fn softmax(call: &mut Call<'_>, log: bool) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let axis = call.axis("dim", call.rank(x))?;
    one(call.step(sgmn_graph::flow::Softmax { axis, log }, &[x])?)
}

/// One half of an axis times the sigmoid of the other.
fn glu(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let axis = call.axis_or("dim", -1, call.rank(x))?;
    let size = call.shape(x).get(axis).copied().unwrap_or(0);
    if !size.is_multiple_of(2) {
        return call.fault("an axis of even size", size);
    }
    let a = call.slice(x, axis, 0, size / 2)?;
    let gate = call.slice(x, axis, size / 2, size / 2)?;
    let gate = call.apply(Function::Sigmoid, gate)?;
    one(call.multiply(a, gate)?)
}

/// `ln(x / (1 − x))`.
fn logit(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let mut x = call.tensor("self")?;
    if call.has("eps") {
        let low = call.number("eps")?;
        x = call.apply(Function::Clip { low, high: 1.0 - low }, x)?;
    }
    let unit = call.draft.number(1.0)?;
    let rest = call.combine(Combination::Subtract, unit, x)?;
    let odds = call.combine(Combination::Divide, x, rest)?;
    one(call.apply(Function::Logarithm, odds)?)
}
