//! Tensors put together, repeated, turned around, and surrounded.

use sgmn_graph::flow::{FlowResult, ValueId};

use super::{Calls, one};
use crate::any_net::{
    compose::Bounds,
    pt2::call::{Call, Item},
};

pub(super) const CALLS: Calls = &[
    ("cat", concat),
    ("concat", concat),
    ("concatenate", concat),
    ("stack", stack),
    ("repeat", repeat),
    ("tile", repeat),
    ("repeat_interleave", repeat_each),
    ("flip", flip),
    ("roll", roll),
    ("pad", pad),
    ("constant_pad_nd", pad),
    ("reflection_pad1d", |call| pad_by(call, Bounds::Reflect)),
    ("reflection_pad2d", |call| pad_by(call, Bounds::Reflect)),
    ("reflection_pad3d", |call| pad_by(call, Bounds::Reflect)),
    ("replication_pad1d", |call| pad_by(call, Bounds::Edge)),
    ("replication_pad2d", |call| pad_by(call, Bounds::Edge)),
    ("replication_pad3d", |call| pad_by(call, Bounds::Edge)),
    ("pixel_shuffle", pixel_shuffle),
    ("pixel_unshuffle", pixel_unshuffle),
    ("channel_shuffle", channel_shuffle),
    ("native_channel_shuffle", channel_shuffle),
];

fn concat(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let mut parts = call.tensors("tensors")?;
    // An empty vector counts as nothing, whatever the others are.
    let some: Vec<ValueId> = parts.iter().copied().filter(|part| call.shape(*part) != [0]).collect();
    if !some.is_empty() {
        parts = some;
    }
    let Some(first) = parts.first() else { return call.fault("at least one tensor", "none") };
    let axis = call.axis_or("dim", 0, call.rank(*first))?;
    one(call.concat(&parts, axis)?)
}

fn stack(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let parts = call.tensors("tensors")?;
    let Some(first) = parts.first() else { return call.fault("at least one tensor", "none") };
    let axis = call.axis_or("dim", 0, call.rank(*first) + 1)?;
    let parts = parts.into_iter().map(|part| call.unsqueeze(part, axis)).collect::<FlowResult<Vec<_>>>()?;
    one(call.concat(&parts, axis)?)
}

fn repeat(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let mut x = call.tensor("self")?;
    let mut times = call.sizes(if call.has("repeats") { "repeats" } else { "dims" })?;
    let mut shape = call.shape(x);
    while times.len() < shape.len() {
        times.insert(0, 1);
    }
    while shape.len() < times.len() {
        shape.insert(0, 1);
    }
    x = call.reshape(x, shape)?;
    for (axis, times) in times.into_iter().enumerate().filter(|(_, times)| *times != 1) {
        x = call.repeat(x, axis, times)?;
    }
    one(x)
}

fn repeat_each(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let mut x = call.tensor("self")?;
    if call.overload() != "self_int" {
        return call.fault("one number of repeats", "a tensor of them");
    }
    if !call.has("dim") {
        let size = call.shape(x).iter().product();
        x = call.reshape(x, vec![size])?;
    }
    let axis = call.axis_or("dim", 0, call.rank(x))?;
    let times = call.size("repeats")?;
    one(call.repeat_each(x, axis, times)?)
}

fn flip(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let mut x = call.tensor("self")?;
    for axis in call.axes("dims", call.rank(x))? {
        let size = call.shape(x)[axis];
        x = call.take(x, axis, (0..size).rev().collect())?;
    }
    one(x)
}

fn roll(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let mut x = call.tensor("self")?;
    let shape = call.shape(x);
    let shifts = call.ints("shifts")?;
    let axes = if call.has("dims") { call.ints("dims")? } else { Vec::new() };
    let flat = axes.is_empty();
    let axes = if flat { vec![0] } else { axes };
    if shifts.len() != axes.len() {
        return call.fault(format!("{} shifts", axes.len()), format!("{shifts:?}"));
    }
    if flat {
        x = call.reshape(x, vec![shape.iter().product()])?;
    }
    for (shift, axis) in shifts.into_iter().zip(axes) {
        let axis = call.axis_of(axis, call.rank(x))?;
        let size = call.shape(x)[axis];
        if size > 0 {
            let shift = shift.rem_euclid(size as i64) as usize;
            x = call.take(x, axis, (0..size).map(|i| (i + size - shift) % size).collect())?;
        }
    }
    one(call.reshape(x, shape)?)
}

fn pad(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let bounds = match call.text("mode") {
        "" | "constant" => Bounds::Constant(call.number_or("value", 0.0)?),
        "reflect" => Bounds::Reflect,
        "replicate" => Bounds::Edge,
        "circular" => Bounds::Circular,
        other => return call.fault("a mode constant, reflect, replicate or circular", format!("{other:?}")),
    };
    pad_by(call, bounds)
}

/// Amounts stand in pairs, those of the last axis first.
fn pad_by(call: &mut Call<'_>, bounds: Bounds) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let amounts = call.ints(if call.has("pad") { "pad" } else { "padding" })?;
    let rank = call.rank(x);
    if !amounts.len().is_multiple_of(2) || amounts.len() / 2 > rank {
        return call.fault(format!("two amounts for each of {rank} axes at most"), format!("{amounts:?}"));
    }
    let mut all = vec![(0, 0); rank];
    for (at, pair) in amounts.chunks_exact(2).enumerate() {
        all[rank - 1 - at] = (pair[0], pair[1]);
    }
    one(call.pad(x, &all, bounds)?)
}

/// `[.., C r r, H, W]` to `[.., C, H r, W r]`.
fn pixel_shuffle(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, r) = (call.tensor("self")?, call.size("upscale_factor")?);
    one(call.draft.pixel_shuffle(x, r)?)
}

/// `[.., C, H r, W r]` to `[.., C r r, H, W]`.
fn pixel_unshuffle(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, r) = (call.tensor("self")?, call.size("downscale_factor")?);
    let shape = call.shape(x);
    let fits = |n: &usize| r > 0 && shape[n + 1].is_multiple_of(r) && shape[n + 2].is_multiple_of(r);
    let Some(n) = shape.len().checked_sub(3).filter(fits) else {
        return call.fault(format!("images of multiples of {r}"), format!("{shape:?}"));
    };
    let (c, h, w) = (shape[n], shape[n + 1] / r, shape[n + 2] / r);
    let x = call.reshape(x, [&shape[..n], &[c, h, r, w, r]].concat())?;
    let order = (0..=n).chain([n + 2, n + 4, n + 1, n + 3]).collect();
    let x = call.permute(x, order)?;
    one(call.reshape(x, [&shape[..n], &[c * r * r, h, w]].concat())?)
}

fn channel_shuffle(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, groups) = (call.tensor("self")?, call.size("groups")?);
    let shape = call.shape(x);
    if shape.len() < 2 || groups == 0 || !shape[1].is_multiple_of(groups) {
        return call.fault(format!("channels in {groups} groups"), format!("{shape:?}"));
    }
    let mut split = shape.clone();
    split.splice(1..2, [groups, shape[1] / groups]);
    let x = call.reshape(x, split)?;
    let x = call.transpose(x, 1, 2)?;
    one(call.reshape(x, shape)?)
}
