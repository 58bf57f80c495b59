//! Functions of each number.

use sgmn_graph::flow::{Combination, Function};

use super::{Call, Family, Kind, Lower, Operand, Outcome, Value, unsupported, wrong};

pub(super) const OPERATORS: Family = &[
    ("Abs", |lower, call| plain(lower, call, Function::Absolute)),
    ("Acosh", inverse_cosine),
    ("Asinh", |lower, call| plain(lower, call, Function::InverseHyperbolicSine)),
    ("Atan", |lower, call| plain(lower, call, Function::Arctangent)),
    ("Atanh", inverse_tangent),
    ("BitwiseNot", bitwise_not),
    ("Cast", cast),
    ("CastLike", cast_like),
    ("Ceil", |lower, call| plain(lower, call, Function::Ceiling)),
    ("Celu", celu),
    ("Clip", clip),
    ("Cos", |lower, call| plain(lower, call, Function::Cosine)),
    ("Cosh", |lower, call| plain(lower, call, Function::HyperbolicCosine)),
    ("Dropout", dropout),
    ("Elu", elu),
    ("Erf", |lower, call| plain(lower, call, Function::Erf)),
    ("Exp", |lower, call| plain(lower, call, Function::Exponential)),
    ("Floor", |lower, call| plain(lower, call, Function::Floor)),
    ("Gelu", gelu),
    ("HardSigmoid", hard_sigmoid),
    ("HardSwish", |lower, call| plain(lower, call, Function::HardSwish)),
    ("Identity", identity),
    ("IsInf", is_infinite),
    ("IsNaN", is_nan),
    ("LeakyRelu", leaky_relu),
    ("Log", |lower, call| plain(lower, call, Function::Logarithm)),
    ("Mish", |lower, call| plain(lower, call, Function::Mish)),
    ("Neg", |lower, call| plain(lower, call, Function::Negate)),
    ("Not", not),
    ("Reciprocal", |lower, call| plain(lower, call, Function::Power { exponent: -1.0 })),
    ("Relu", |lower, call| plain(lower, call, Function::Relu)),
    ("Round", |lower, call| plain(lower, call, Function::Round)),
    ("Selu", selu),
    ("Shrink", shrink),
    ("Sigmoid", |lower, call| plain(lower, call, Function::Sigmoid)),
    ("Sign", |lower, call| plain(lower, call, Function::Sign)),
    ("Sin", |lower, call| plain(lower, call, Function::Sine)),
    ("Sinh", |lower, call| plain(lower, call, Function::HyperbolicSine)),
    ("Softplus", |lower, call| plain(lower, call, Function::Softplus)),
    ("Softsign", |lower, call| plain(lower, call, Function::Softsign)),
    ("Sqrt", |lower, call| plain(lower, call, Function::Power { exponent: 0.5 })),
    ("Swish", swish),
    ("Tan", |lower, call| plain(lower, call, Function::Tangent)),
    ("Tanh", |lower, call| plain(lower, call, Function::Tanh)),
    ("ThresholdedRelu", thresholded_relu),
];

fn plain(lower: &mut Lower<'_, '_>, call: &Call<'_>, function: Function) -> Outcome<Vec<Value>> {
    Ok(lower.pointwise(function, call.input(0)?)?.into())
}

fn identity(_: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    match call.inputs.first() {
        Some(Some(value)) => Ok(vec![value.clone()]),
        _ => wrong("expected an operand, found none"),
    }
}

/// Identity: a net that is read is asked, not trained. The mask keeps all.
fn dropout(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    if let Some(training) = call.optional(2)?
        && lower.known_number(training, "the mode of training")? != 0.0
    {
        return unsupported("dropout in the mode of training is random, and not read");
    }
    if !call.has_output(1) {
        return Ok(x.into());
    }
    let ones = sgmn_graph::flow::Array::full(lower.shape(x), 1.0);
    let mask = lower.constant(ones, Kind::Truth)?;
    Ok(super::steps::tensors([x, mask]))
}

/// Numbers in another type: what is rounded to a float type stays as it is, what becomes whole loses its fraction.
fn cast(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let Some(to) = call.int("to")? else { return wrong("expected the type `to`, found none") };
    let element = super::Element::of(to);
    if element.size() == 0 {
        return unsupported(format!("a cast to {} is not read", element.name()));
    }
    cast_to(lower, call.input(0)?, element.kind())
}

fn cast_like(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    cast_to(lower, call.input(0)?, call.input(1)?.kind)
}

fn cast_to(lower: &mut Lower<'_, '_>, x: Operand, kind: Kind) -> Outcome<Vec<Value>> {
    let id = match (x.kind, kind) {
        (Kind::Real, Kind::Whole) => lower.pointwise(Function::Truncate, x)?.id,
        (Kind::Real | Kind::Whole, Kind::Truth) => lower.pointwise(Function::IsNonZero, x)?.id,
        _ => x.id,
    };
    Ok(Operand { id, kind }.into())
}

/// Bounds are attributes before version 11, operands since.
fn clip(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let (low, high) = if call.opset < 11 {
        (call.float_or("min", f64::NEG_INFINITY)?, call.float_or("max", f64::INFINITY)?)
    } else {
        let mut bound = |i: usize, absent: f64| match call.optional(i)? {
            Some(bound) => lower.known_number(bound, "a bound"),
            None => Ok(absent),
        };
        (bound(1, f64::NEG_INFINITY)?, bound(2, f64::INFINITY)?)
    };
    // The largest numbers of f32 and f16 are written for `no bound`.
    const NO_BOUND: f64 = 3e38;
    let low = if low <= -NO_BOUND { f64::NEG_INFINITY } else { low };
    let high = if high >= NO_BOUND { f64::INFINITY } else { high };
    let function =
        if low == 0.0 && high == f64::INFINITY { Function::Relu } else { Function::Clip { low, high } };
    Ok(lower.pointwise(function, x)?.into())
}

fn gelu(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    match call.text_or("approximate", "none")? {
        "none" => plain(lower, call, Function::Gelu),
        "tanh" => plain(lower, call, Function::GeluTanh),
        other => wrong(format!("expected none or tanh as approximate, found {other:?}")),
    }
}

/// `x · sigmoid(alpha x)`.
fn swish(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let alpha = call.float_or("alpha", 1.0)?;
    if alpha == 1.0 {
        return plain(lower, call, Function::Silu);
    }
    let scaled = lower.scale(x, alpha)?;
    let gate = lower.pointwise(Function::Sigmoid, scaled)?;
    Ok(lower.multiply(x, gate)?.into())
}

fn leaky_relu(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let slope = call.float_or("alpha", 0.01)?;
    plain(lower, call, Function::LeakyRelu { slope })
}

fn elu(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let alpha = call.float_or("alpha", 1.0)?;
    plain(lower, call, Function::Elu { alpha, gamma: 1.0 })
}

fn selu(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let alpha = call.float_or("alpha", 1.673_263_192_176_818_8)?;
    let gamma = call.float_or("gamma", 1.050_701_022_148_132_3)?;
    plain(lower, call, Function::Elu { alpha, gamma })
}

fn celu(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let alpha = call.float_or("alpha", 1.0)?;
    plain(lower, call, Function::Celu { alpha })
}

fn hard_sigmoid(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (alpha, beta) = (call.float_or("alpha", 0.2)?, call.float_or("beta", 0.5)?);
    plain(lower, call, Function::HardSigmoid { alpha, beta })
}

fn shrink(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (bound, bias) = (call.float_or("lambd", 0.5)?, call.float_or("bias", 0.0)?);
    plain(lower, call, Function::Shrink { bound, bias })
}

fn thresholded_relu(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let bound = call.float_or("alpha", 1.0)?;
    plain(lower, call, Function::Threshold { bound })
}

fn not(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let id = lower.pointwise(Function::Not, call.input(0)?)?.id;
    Ok(Operand { id, kind: Kind::Truth }.into())
}

/// Of truth values only; of whole numbers −x − 1, which no net here has asked for.
fn bitwise_not(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    match call.input(0)?.kind {
        Kind::Truth => not(lower, call),
        _ => unsupported("bits of whole numbers are not read"),
    }
}

fn is_nan(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let id = lower.pointwise(Function::IsNan, call.input(0)?)?.id;
    Ok(Operand { id, kind: Kind::Truth }.into())
}

fn is_infinite(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let compared = match (call.flag("detect_negative", true)?, call.flag("detect_positive", true)?) {
        (true, true) => lower.pointwise(Function::Absolute, x)?,
        (false, true) => x,
        (true, false) => lower.pointwise(Function::Negate, x)?,
        (false, false) => return wrong("expected one sign of infinity at least, found none"),
    };
    let infinity = lower.scalar(f64::INFINITY, Kind::Real)?;
    let id = lower.combine(Combination::Equal, compared, infinity)?.id;
    Ok(Operand { id, kind: Kind::Truth }.into())
}

/// `artanh x = ½ ln((1 + x) / (1 − x))`.
fn inverse_tangent(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let one = lower.scalar(1.0, Kind::Real)?;
    let above = lower.add(one, x)?;
    let below = lower.combine(Combination::Subtract, one, x)?;
    let ratio = lower.combine(Combination::Divide, above, below)?;
    let logarithm = lower.pointwise(Function::Logarithm, ratio)?;
    Ok(lower.scale(logarithm, 0.5)?.into())
}

/// `arcosh x = ln(x + √(x² − 1))`.
fn inverse_cosine(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let one = lower.scalar(1.0, Kind::Real)?;
    let square = lower.multiply(x, x)?;
    let below = lower.combine(Combination::Subtract, square, one)?;
    let root = lower.pointwise(Function::Power { exponent: 0.5 }, below)?;
    let sum = lower.add(x, root)?;
    Ok(lower.pointwise(Function::Logarithm, sum)?.into())
}
