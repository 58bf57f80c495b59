//! Several values as one.

use serde::Deserialize;
use sgmn_graph::flow::{Combination, FlowResult, ValueId};

use super::Words;
use crate::any_net::architecture::layer::Layer;

pub(super) const WORDS: Words = &[
    ("add", |layer| fold(layer, Combination::Add)),
    ("multiply", |layer| fold(layer, Combination::Multiply)),
    ("subtract", |layer| fold(layer, Combination::Subtract)),
    ("maximum", |layer| fold(layer, Combination::Maximum)),
    ("concat", concat),
    ("matmul", matmul),
];

fn fold(layer: &mut Layer<'_>, by: Combination) -> FlowResult<ValueId> {
    layer.no_options()?;
    if layer.with.is_empty() {
        return layer.fault("other values under `with`", "none");
    }
    let mut out = layer.x;
    for value in layer.with.clone() {
        out = layer.combine(by, out, value)?;
    }
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    axis: i64,
}

/// The value and then the others along an axis; a batch of one is repeated.
fn concat(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Options { axis } = layer.options()?;
    let axis = layer.axis(axis, layer.rank(layer.x))?;
    let mut parts = vec![layer.x];
    parts.extend(&layer.with);
    let batch = parts.iter().filter_map(|part| layer.shape(*part).first().copied()).max().unwrap_or(1);
    if axis > 0 {
        for part in &mut parts {
            let mut shape = layer.shape(*part);
            if shape.first() == Some(&1) {
                shape[0] = batch;
                *part = layer.expand(*part, shape)?;
            }
        }
    }
    layer.draft.concat(&parts, axis)
}

/// The matrix product with one other value.
fn matmul(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    layer.no_options()?;
    let [other] = layer.with[..] else { return layer.fault("one value under `with`", layer.with.len()) };
    let x = layer.x;
    layer.draft.matmul(x, other)
}
