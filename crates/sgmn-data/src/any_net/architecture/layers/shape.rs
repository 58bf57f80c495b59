//! The same numbers with other axes, and parts of axes.

use serde::Deserialize;
use sgmn_graph::flow::{FlowResult, ValueId};

use super::Words;
use crate::any_net::architecture::layer::Layer;

pub(super) const WORDS: Words = &[
    ("same", same),
    ("reshape", reshape),
    ("flatten", flatten),
    ("permute", permute),
    ("transpose", transpose),
    ("select", select),
    ("slice", slice),
];

/// The value as it is, to give it a name or to go back to it.
fn same(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    layer.no_options()?;
    layer.alone()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    /// Sizes; 0 keeps the size at its place, −1 follows from the others.
    shape: Vec<i64>,
}

fn reshape(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Shape { shape } = layer.options()?;
    let x = layer.alone()?;
    let from = layer.shape(x);
    let mut sizes = Vec::new();
    let mut open = None;
    for (axis, size) in shape.iter().enumerate() {
        sizes.push(match (usize::try_from(*size), from.get(axis)) {
            (Ok(0), Some(kept)) => *kept,
            (Ok(size), _) if size > 0 => size,
            _ if *size == -1 && open.is_none() => {
                open = Some(axis);
                1
            }
            _ => {
                return layer.fault("sizes, 0 for a kept one, −1 for one that follows", format!("{shape:?}"));
            }
        });
    }
    if let Some(axis) = open {
        let all: usize = from.iter().product();
        let known = sizes.iter().try_fold(1usize, |n, size| n.checked_mul(*size)).unwrap_or(usize::MAX);
        if known == 0 || !all.is_multiple_of(known) {
            return layer.fault(format!("a shape for the numbers of {from:?}"), format!("{shape:?}"));
        }
        sizes[axis] = all / known;
    }
    layer.draft.reshape(x, sizes)
}

fn second() -> i64 {
    1
}

fn last() -> i64 {
    -1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(default = "second")]
    first: i64,
    #[serde(default = "last")]
    last: i64,
}

/// Axes from `first` to `last` as one.
fn flatten(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Range { first, last } = layer.options()?;
    let x = layer.alone()?;
    let mut shape = layer.shape(x);
    let (first, last) = (layer.axis(first, shape.len())?, layer.axis(last, shape.len())?);
    if first > last {
        return layer.fault("a first axis before the last", format!("{first} and {last}"));
    }
    let size = shape[first..=last].iter().product();
    shape.splice(first..=last, [size]);
    layer.draft.reshape(x, shape)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    order: Vec<usize>,
}

fn permute(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Order { order } = layer.options()?;
    let x = layer.alone()?;
    layer.draft.permute(x, order)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    axes: [i64; 2],
}

fn transpose(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Pair { axes: [a, b] } = layer.options()?;
    let x = layer.alone()?;
    let rank = layer.rank(x);
    let (a, b) = (layer.axis(a, rank)?, layer.axis(b, rank)?);
    layer.draft.transpose(x, a, b)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    axis: i64,
    place: i64,
}

/// One place of an axis, without the axis.
fn select(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Place { axis, place } = layer.options()?;
    let x = layer.alone()?;
    let axis = layer.axis(axis, layer.rank(x))?;
    let place = layer.axis(place, layer.shape(x)[axis])?;
    layer.draft.select(x, axis, place)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    axis: i64,
    #[serde(default)]
    start: i64,
    /// The place behind the last one; the end of the axis if absent.
    end: Option<i64>,
}

fn slice(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Part { axis, start, end } = layer.options()?;
    let x = layer.alone()?;
    let axis = layer.axis(axis, layer.rank(x))?;
    let size = layer.shape(x)[axis] as i64;
    let bound = |at: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(0, size);
    let (start, end) = (bound(start), bound(end.unwrap_or(size)));
    layer.draft.slice(x, axis, start as usize, (end - start).max(0) as usize)
}
