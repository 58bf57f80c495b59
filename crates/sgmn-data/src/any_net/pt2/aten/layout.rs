//! The same numbers with other axes: calls that copy nothing.

use sgmn_graph::flow::{FlowResult, ValueId};

use super::{Calls, one};
use crate::any_net::pt2::{
    call::{Call, Item},
    seen::Seen,
};

pub(super) const CALLS: Calls = &[
    ("view", |call| reshape(call, "size")),
    ("_unsafe_view", |call| reshape(call, "size")),
    ("reshape", |call| reshape(call, "shape")),
    ("_reshape_alias", |call| reshape(call, "size")),
    ("view_as", reshape_as),
    ("reshape_as", reshape_as),
    ("flatten", flatten),
    ("unflatten", unflatten),
    ("unsqueeze", unsqueeze),
    ("squeeze", squeeze),
    ("ravel", ravel),
    ("permute", permute),
    ("transpose", transpose),
    ("swapaxes", transpose),
    ("swapdims", transpose),
    ("t", turn),
    ("numpy_T", reverse_axes),
    ("mT", turn),
    ("adjoint", turn),
    ("movedim", move_axes),
    ("moveaxis", move_axes),
    ("expand", expand),
    ("expand_as", expand_as),
    ("broadcast_to", expand),
];

/// A reshape and how it is seen: as a view, if the operand stands row-major in memory; perhaps as a copy, else.
fn reshaped(call: &mut Call<'_>, x: ValueId, shape: Vec<usize>) -> FlowResult<Vec<Item>> {
    let contiguous = call.is_contiguous("self");
    call.sees(if contiguous { Seen::Reshaped } else { Seen::Otherwise });
    one(call.reshape(x, shape)?)
}

fn reshape(call: &mut Call<'_>, argument: &str) -> FlowResult<Vec<Item>> {
    if call.overload() == "dtype" {
        return call.fault("a reshape", "the bits of numbers read as another type");
    }
    let x = call.tensor("self")?;
    let shape = call.ints(argument)?;
    let shape = complete(call, &call.shape(x), &shape)?;
    reshaped(call, x, shape)
}

/// A shape in which one size may be −1 and follows from the others.
fn complete(call: &Call<'_>, from: &[usize], to: &[i64]) -> FlowResult<Vec<usize>> {
    let fault = || {
        call.fault(format!("sizes for the numbers of {from:?}, one of them −1 at most"), format!("{to:?}"))
    };
    let count = |sizes: Vec<usize>| sizes.into_iter().try_fold(1usize, |n, size| n.checked_mul(size));
    let known = |size: &i64| usize::try_from(*size).ok();
    let (Some(all), Some(rest)) = (count(from.to_vec()), count(to.iter().filter_map(known).collect())) else {
        return fault();
    };
    let open = to.iter().filter(|size| **size == -1).count();
    if open > 1 || to.iter().any(|size| *size < -1) || (open == 1 && (rest == 0 || !all.is_multiple_of(rest)))
    {
        return fault();
    }
    Ok(to.iter().map(|size| known(size).unwrap_or_else(|| all / rest)).collect())
}

fn reshape_as(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, other) = (call.tensor("self")?, call.tensor("other")?);
    let shape = call.shape(other);
    reshaped(call, x, shape)
}

fn flatten(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let mut shape = call.shape(x);
    if shape.is_empty() {
        return reshaped(call, x, vec![1]);
    }
    let start = call.axis_or("start_dim", 0, shape.len())?;
    let end = call.axis_or("end_dim", -1, shape.len())?;
    if start > end {
        return call.fault("a first axis before the last", format!("{start} and {end}"));
    }
    let size = shape[start..=end].iter().product();
    shape.splice(start..=end, [size]);
    reshaped(call, x, shape)
}

fn unflatten(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let mut shape = call.shape(x);
    let axis = call.axis("dim", shape.len())?;
    let sizes = complete(call, &shape[axis..=axis], &call.ints("sizes")?)?;
    shape.splice(axis..=axis, sizes);
    reshaped(call, x, shape)
}

fn ravel(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let size = call.shape(x).iter().product();
    reshaped(call, x, vec![size])
}

fn unsqueeze(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let axis = call.axis("dim", call.rank(x) + 1)?;
    call.sees(Seen::Reshaped);
    one(call.unsqueeze(x, axis)?)
}

fn squeeze(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let shape = call.shape(x);
    let axes = if call.has("dim") { call.axes("dim", shape.len())? } else { (0..shape.len()).collect() };
    let kept = |(axis, size): (usize, &usize)| (*size != 1 || !axes.contains(&axis)).then_some(*size);
    let shape = shape.iter().enumerate().filter_map(kept).collect();
    call.sees(Seen::Reshaped);
    one(call.reshape(x, shape)?)
}

fn permuted(call: &mut Call<'_>, x: ValueId, order: Vec<usize>) -> FlowResult<Vec<Item>> {
    call.sees(Seen::Permuted(order.clone()));
    one(call.permute(x, order)?)
}

fn permute(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let rank = call.rank(x);
    let order =
        call.ints("dims")?.into_iter().map(|axis| call.axis_of(axis, rank)).collect::<FlowResult<_>>()?;
    permuted(call, x, order)
}

fn swapped(call: &mut Call<'_>, x: ValueId, a: usize, b: usize) -> FlowResult<Vec<Item>> {
    let mut order: Vec<usize> = (0..call.rank(x)).collect();
    if order.is_empty() {
        return permuted(call, x, order);
    }
    order.swap(a, b);
    permuted(call, x, order)
}

fn transpose(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let rank = call.rank(x);
    let [a, b] = if call.has("dim0") { ["dim0", "dim1"] } else { ["axis0", "axis1"] };
    let (a, b) = (call.axis(a, rank)?, call.axis(b, rank)?);
    swapped(call, x, a, b)
}

/// The last two axes exchanged.
fn turn(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    match call.rank(x) {
        0 | 1 => permuted(call, x, (0..call.rank(x)).collect()),
        rank => swapped(call, x, rank - 2, rank - 1),
    }
}

fn reverse_axes(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let order = (0..call.rank(x)).rev().collect();
    permuted(call, x, order)
}

fn move_axes(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let rank = call.rank(x);
    let axes = |name: &str| -> FlowResult<Vec<usize>> {
        call.ints(name)?.into_iter().map(|axis| call.axis_of(axis, rank)).collect()
    };
    let (from, to) = (axes("source")?, axes("destination")?);
    let mut order = vec![None; rank];
    for (from, to) in from.iter().zip(&to) {
        order[*to] = Some(*from);
    }
    let mut others = (0..rank).filter(|axis| !from.contains(axis));
    let order = order.into_iter().filter_map(|axis| axis.or_else(|| others.next())).collect();
    permuted(call, x, order)
}

fn expand(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let from = call.shape(x);
    let to = call.ints("size")?;
    let Some(new) = to.len().checked_sub(from.len()) else {
        return call.fault(format!("{} sizes or more", from.len()), format!("{to:?}"));
    };
    let mut shape = Vec::new();
    for (axis, size) in to.iter().enumerate() {
        match (usize::try_from(*size), axis.checked_sub(new)) {
            (Ok(size), _) => shape.push(size),
            (Err(_), Some(old)) if *size == -1 => shape.push(from[old]),
            _ => return call.fault("sizes of at least 0, or −1 for an old one", format!("{to:?}")),
        }
    }
    call.sees(Seen::Otherwise);
    one(call.expand(x, shape)?)
}

fn expand_as(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, other) = (call.tensor("self")?, call.tensor("other")?);
    let shape = call.shape(other);
    call.sees(Seen::Otherwise);
    one(call.expand(x, shape)?)
}
