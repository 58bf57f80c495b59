//! Parts of axes: calls that copy nothing.

use sgmn_graph::flow::{FlowResult, Slice, ValueId};

use super::{Calls, many, one};
use crate::any_net::pt2::{
    call::{Call, Item},
    seen::Seen,
};

pub(super) const CALLS: Calls = &[
    ("select", select),
    ("slice", slice),
    ("narrow", narrow),
    ("split", split),
    ("split_with_sizes", split),
    ("chunk", chunk),
    ("tensor_split", tensor_split),
    ("unbind", unbind),
];

fn select(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let shape = call.shape(x);
    let axis = call.axis("dim", shape.len())?;
    let Some(size) = shape.get(axis) else { return call.fault("a tensor with axes", "a number") };
    let start = call.axis_of(call.int("index")?, *size)?;
    call.sees(Seen::Part { axis, start, len: 1, select: true });
    one(call.select(x, axis, start)?)
}

fn slice(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let shape = call.shape(x);
    let axis = call.axis_or("dim", 0, shape.len())?;
    let Some(size) = shape.get(axis).map(|size| *size as i64) else {
        return call.fault("a tensor with axes", "a number");
    };
    let bound = |value: i64| (if value < 0 { value.saturating_add(size) } else { value }).clamp(0, size);
    let (start, end) = (bound(call.int_or("start", 0)?), bound(call.int_or("end", i64::MAX)?));
    let step = call.int_or("step", 1)?;
    if step < 1 {
        return call.fault("a step above 0", step);
    }
    let len = ((end - start).max(0) as u64).div_ceil(step as u64) as usize;
    let start = start as usize;
    if step == 1 {
        call.sees(Seen::Part { axis, start, len, select: false });
        return one(call.slice(x, axis, start, len)?);
    }
    call.sees(Seen::Otherwise);
    one(call.step(Slice { axis, start, step: step as isize, len }, &[x])?)
}

fn narrow(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let shape = call.shape(x);
    let axis = call.axis("dim", shape.len())?;
    let len = call.size("length")?;
    let start = call.int("start")?;
    let start = if start < 0 { start + shape.get(axis).map_or(0, |size| *size as i64) } else { start };
    let Ok(start) = usize::try_from(start) else { return call.fault("a start inside", start) };
    call.sees(Seen::Part { axis, start, len, select: false });
    one(call.slice(x, axis, start, len)?)
}

/// Parts of an axis, one after the other.
fn parts(call: &mut Call<'_>, x: ValueId, axis: usize, lengths: &[usize]) -> FlowResult<Vec<Item>> {
    let mut start = 0;
    let mut values = Vec::new();
    let mut seen = Vec::new();
    for len in lengths.iter().copied() {
        values.push(call.slice(x, axis, start, len)?);
        seen.push(Seen::Part { axis, start, len, select: false });
        start += len;
    }
    call.seen = seen;
    many(values)
}

fn equal_parts(call: &mut Call<'_>, x: ValueId, axis: usize, len: usize) -> FlowResult<Vec<Item>> {
    let size = call.shape(x).get(axis).copied().unwrap_or(0);
    if len == 0 {
        return call.fault("parts of at least 1 place", len);
    }
    let lengths: Vec<usize> = (0..size.div_ceil(len).max(1)).map(|i| len.min(size - i * len)).collect();
    parts(call, x, axis, &lengths)
}

fn split(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let axis = call.axis_or("dim", 0, call.rank(x))?;
    let sizes = if call.has("split_size") { "split_size" } else { "split_sizes" };
    let lengths = call.sizes(sizes)?;
    match lengths[..] {
        [len] if call.overload() == "Tensor" => equal_parts(call, x, axis, len),
        _ => parts(call, x, axis, &lengths),
    }
}

fn chunk(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let axis = call.axis_or("dim", 0, call.rank(x))?;
    let (n, size) = (call.size("chunks")?, call.shape(x).get(axis).copied().unwrap_or(0));
    if n == 0 {
        return call.fault("chunks above 0", n);
    }
    equal_parts(call, x, axis, size.div_ceil(n).max(1))
}

fn tensor_split(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let axis = call.axis_or("dim", 0, call.rank(x))?;
    let size = call.shape(x).get(axis).copied().unwrap_or(0);
    if !call.has("sections") {
        return call.fault("a number of sections", "places");
    }
    let n = call.size("sections")?;
    if n == 0 || n > size.max(1) {
        return call.fault(format!("1 to {size} sections"), n);
    }
    let lengths: Vec<usize> = (0..n).map(|i| size / n + usize::from(i < size % n)).collect();
    parts(call, x, axis, &lengths)
}

fn unbind(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let shape = call.shape(x);
    let axis = call.axis_or("dim", 0, shape.len())?;
    let mut values = Vec::new();
    let mut seen = Vec::new();
    for start in 0..shape.get(axis).copied().unwrap_or(0) {
        values.push(call.select(x, axis, start)?);
        seen.push(Seen::Part { axis, start, len: 1, select: true });
    }
    call.seen = seen;
    many(values)
}
