//! Arithmetic with sizes, which are known now.

use sgmn_graph::flow::FlowResult;

use super::Calls;
use crate::any_net::pt2::call::{Call, Item};

pub(super) const CALLS: Calls = &[
    ("sym_size", size),
    ("sym_numel", numel),
    ("item", item),
    ("_local_scalar_dense", item),
    ("_operator.add", |call| pair(call, |a, b| a + b)),
    ("_operator.sub", |call| pair(call, |a, b| a - b)),
    ("_operator.mul", |call| pair(call, |a, b| a * b)),
    ("_operator.floordiv", |call| pair(call, |a, b| (a / b).floor())),
    ("_operator.truediv", |call| pair(call, |a, b| a / b)),
    ("_operator.mod", |call| pair(call, |a, b| a - b * (a / b).floor())),
    ("_operator.pow", |call| pair(call, f64::powf)),
    ("_operator.neg", |call| single(call, |a| -a)),
    ("_operator.eq", |call| pair(call, |a, b| f64::from(a == b))),
    ("_operator.ne", |call| pair(call, |a, b| f64::from(a != b))),
    ("_operator.lt", |call| pair(call, |a, b| f64::from(a < b))),
    ("_operator.le", |call| pair(call, |a, b| f64::from(a <= b))),
    ("_operator.gt", |call| pair(call, |a, b| f64::from(a > b))),
    ("_operator.ge", |call| pair(call, |a, b| f64::from(a >= b))),
    ("_operator.and_", |call| pair(call, |a, b| f64::from(a != 0.0 && b != 0.0))),
    ("_operator.or_", |call| pair(call, |a, b| f64::from(a != 0.0 || b != 0.0))),
    ("math.ceil", |call| single(call, f64::ceil)),
    ("math.floor", |call| single(call, f64::floor)),
    ("math.trunc", |call| single(call, f64::trunc)),
    ("torch.sym_float", |call| single(call, |a| a)),
    ("torch.sym_int", |call| single(call, f64::trunc)),
    ("torch.sym_max", |call| pair(call, f64::max)),
    ("torch.sym_min", |call| pair(call, f64::min)),
    ("torch.sym_not", |call| single(call, |a| f64::from(a == 0.0))),
    ("torch._sym_sqrt", |call| single(call, f64::sqrt)),
];

fn size(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let shape = call.shape(x);
    let axis = call.axis("dim", shape.len())?;
    match shape.get(axis) {
        Some(size) => Ok(vec![Item::Number(*size as f64)]),
        None => call.fault("a tensor with axes", "a number"),
    }
}

fn numel(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    Ok(vec![Item::Number(call.shape(x).iter().product::<usize>() as f64)])
}

fn item(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    Ok(vec![Item::Number(call.number("self")?)])
}

/// Arguments have names in some versions and none in others; their order is the same.
fn arguments(call: &Call<'_>) -> FlowResult<Vec<f64>> {
    call.node.inputs.iter().map(|input| call.value(&input.arg)).collect()
}

fn single(call: &mut Call<'_>, function: fn(f64) -> f64) -> FlowResult<Vec<Item>> {
    match arguments(call)?[..] {
        [a] => Ok(vec![Item::Number(function(a))]),
        _ => call.fault("one number", "another count"),
    }
}

fn pair(call: &mut Call<'_>, function: fn(f64, f64) -> f64) -> FlowResult<Vec<Item>> {
    match arguments(call)?[..] {
        [a, b] => Ok(vec![Item::Number(function(a, b))]),
        _ => call.fault("two numbers", "another count"),
    }
}
