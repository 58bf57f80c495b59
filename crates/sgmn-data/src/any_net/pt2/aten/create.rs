//! Tensors from nothing: ranges, constants, identities.

use sgmn_graph::flow::{Array, FlowResult};

use super::{Calls, one};
use crate::any_net::pt2::call::{Call, Item, Kind};

pub(super) const CALLS: Calls = &[
    ("arange", arange),
    ("linspace", linspace),
    ("zeros", |call| filled(call, "size", Some(0.0))),
    ("ones", |call| filled(call, "size", Some(1.0))),
    ("full", |call| filled(call, "size", None)),
    // What stands in a new tensor is written before it is read.
    ("empty", |call| filled(call, "size", Some(0.0))),
    ("new_zeros", |call| filled(call, "size", Some(0.0))),
    ("new_ones", |call| filled(call, "size", Some(1.0))),
    ("new_full", |call| filled(call, "size", None)),
    ("new_empty", |call| filled(call, "size", Some(0.0))),
    ("zeros_like", |call| like(call, Some(0.0))),
    ("ones_like", |call| like(call, Some(1.0))),
    ("full_like", |call| like(call, None)),
    ("empty_like", |call| like(call, Some(0.0))),
    ("scalar_tensor", scalar),
    ("eye", eye),
];

/// Numbers in a constant at most; larger ones would be the mistake of a file.
const MOST_NUMBERS: usize = 1 << 28;

fn constant(call: &mut Call<'_>, shape: Vec<usize>, value: f64) -> FlowResult<Vec<Item>> {
    let count = shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size));
    if count.is_none_or(|count| count > MOST_NUMBERS) {
        return call.fault(format!("at most {MOST_NUMBERS} numbers"), format!("{shape:?}"));
    }
    one(call.flow.constant(Array::full(shape, value))?)
}

fn arange(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (start, end) = (call.number_or("start", 0.0)?, call.number("end")?);
    let step = call.number_or("step", 1.0)?;
    let count = ((end - start) / step).ceil();
    if !(0.0..=MOST_NUMBERS as f64).contains(&count) {
        return call.fault(
            format!("a range of at most {MOST_NUMBERS} numbers"),
            format!("{start} to {end} by {step}"),
        );
    }
    let data: Vec<f64> = (0..count as usize).map(|i| start + i as f64 * step).collect();
    one(call.array(vec![data.len()], data)?)
}

fn linspace(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (start, end, n) = (call.number("start")?, call.number("end")?, call.size("steps")?);
    if n > MOST_NUMBERS {
        return call.fault(format!("at most {MOST_NUMBERS} steps"), n);
    }
    let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
    // From both ends, as PyTorch does, so that the last number is the end.
    let at = |i: usize| if i < n / 2 { start + i as f64 * step } else { end - (n - 1 - i) as f64 * step };
    let data = if n == 1 { vec![start] } else { (0..n).map(at).collect() };
    one(call.array(vec![n], data)?)
}

/// A number everywhere; the argument `fill_value` if it is not given here.
fn filled(call: &mut Call<'_>, size: &str, value: Option<f64>) -> FlowResult<Vec<Item>> {
    let shape = call.sizes(size)?;
    let value = match value {
        Some(value) => value,
        None => call.number("fill_value")?,
    };
    constant(call, shape, value)
}

fn like(call: &mut Call<'_>, value: Option<f64>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let shape = call.shape(x);
    let value = match value {
        Some(value) => value,
        None => call.number("fill_value")?,
    };
    constant(call, shape, value)
}

fn scalar(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let value = call.number("s")?;
    let value = if call.result_kind() == Kind::Whole { value.trunc() } else { value };
    constant(call, Vec::new(), value)
}

fn eye(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let n = call.size("n")?;
    let m = if call.has("m") { call.size("m")? } else { n };
    if n.checked_mul(m).is_none_or(|count| count > MOST_NUMBERS) {
        return call.fault(format!("at most {MOST_NUMBERS} numbers"), format!("{n} by {m}"));
    }
    let data = (0..n).flat_map(|i| (0..m).map(move |j| f64::from(i == j))).collect();
    one(call.array(vec![n, m], data)?)
}
