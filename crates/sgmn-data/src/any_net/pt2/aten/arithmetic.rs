//! Arithmetic of two tensors, or of a tensor and a number.

use sgmn_graph::flow::{Combination, FlowResult, Function, ValueId};

use super::{Calls, one};
use crate::any_net::pt2::call::{Call, Item, Kind};

pub(super) const CALLS: Calls = &[
    ("add", add),
    ("sub", subtract),
    ("subtract", subtract),
    ("rsub", reversed_subtract),
    ("mul", |call| combine(call, Combination::Multiply)),
    ("multiply", |call| combine(call, Combination::Multiply)),
    ("div", divide),
    ("divide", divide),
    ("true_divide", divide),
    ("floor_divide", |call| quotient(call, Function::Floor)),
    ("remainder", |call| combine(call, Combination::Modulo)),
    ("fmod", |call| combine(call, Combination::Remainder)),
    ("pow", power),
    ("maximum", |call| combine(call, Combination::Maximum)),
    ("minimum", |call| combine(call, Combination::Minimum)),
    ("clamp", clamp),
    ("clip", clamp),
    ("clamp_min", clamp),
    ("clamp_max", clamp),
    ("addcmul", |call| add_pair(call, Combination::Multiply)),
    ("addcdiv", |call| add_pair(call, Combination::Divide)),
    ("lerp", lerp),
    ("prelu", prelu),
    ("_prelu_kernel", prelu),
];

fn combine(call: &mut Call<'_>, by: Combination) -> FlowResult<Vec<Item>> {
    let (a, b) = (call.tensor("self")?, call.tensor("other")?);
    one(call.combine(by, a, b)?)
}

/// The second operand times `alpha`.
fn second(call: &mut Call<'_>) -> FlowResult<ValueId> {
    let other = call.tensor("other")?;
    let alpha = call.number_or("alpha", 1.0)?;
    call.scale(other, alpha)
}

fn add(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (a, b) = (call.tensor("self")?, second(call)?);
    let by = if call.result_kind() == Kind::Truth { Combination::Or } else { Combination::Add };
    one(call.combine(by, a, b)?)
}

fn subtract(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (a, b) = (call.tensor("self")?, second(call)?);
    one(call.combine(Combination::Subtract, a, b)?)
}

/// `other − alpha · self`.
fn reversed_subtract(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (a, b) = (call.tensor("self")?, call.tensor("other")?);
    let alpha = call.number_or("alpha", 1.0)?;
    let a = call.scale(a, alpha)?;
    one(call.combine(Combination::Subtract, b, a)?)
}

fn divide(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    match call.text("rounding_mode") {
        "" => combine(call, Combination::Divide),
        "floor" => quotient(call, Function::Floor),
        "trunc" => quotient(call, Function::Truncate),
        other => call.fault("a rounding mode floor or trunc", format!("{other:?}")),
    }
}

fn quotient(call: &mut Call<'_>, function: Function) -> FlowResult<Vec<Item>> {
    let (a, b) = (call.tensor("self")?, call.tensor("other")?);
    let quotient = call.combine(Combination::Divide, a, b)?;
    one(call.apply(function, quotient)?)
}

fn power(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    if call.overload() == "Tensor_Scalar" {
        return match call.number("exponent")? {
            1.0 => one(x),
            exponent => one(call.apply(Function::Power { exponent }, x)?),
        };
    }
    let exponent = call.tensor("exponent")?;
    one(call.combine(Combination::Power, x, exponent)?)
}

fn clamp(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    if call.overload().starts_with("Tensor") {
        let mut out = x;
        for (name, by) in [("min", Combination::Maximum), ("max", Combination::Minimum)] {
            if let Some(bound) = call.tensor_or_none(name)? {
                out = call.combine(by, out, bound)?;
            }
        }
        return one(out);
    }
    let low = call.number_or("min", f64::NEG_INFINITY)?;
    let high = call.number_or("max", f64::INFINITY)?;
    one(call.apply(Function::Clip { low, high }, x)?)
}

/// `self + value · by(tensor1, tensor2)`.
fn add_pair(call: &mut Call<'_>, by: Combination) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let (a, b) = (call.tensor("tensor1")?, call.tensor("tensor2")?);
    let value = call.number_or("value", 1.0)?;
    let pair = call.combine(by, a, b)?;
    one(call.add_scaled(x, pair, value)?)
}

/// `self + weight · (end − self)`.
fn lerp(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, end, weight) = (call.tensor("self")?, call.tensor("end")?, call.tensor("weight")?);
    let way = call.combine(Combination::Subtract, end, x)?;
    let part = call.multiply(weight, way)?;
    one(call.add(x, part)?)
}

/// A slope for all or for each channel.
fn prelu(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, mut slope) = (call.tensor("self")?, call.tensor("weight")?);
    let (rank, of_slope) = (call.rank(x), call.rank(slope));
    if of_slope == 1 && rank > 2 {
        slope = call.along(slope, 1, rank)?;
    }
    one(call.combine(Combination::Slope, x, slope)?)
}
