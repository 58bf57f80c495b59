//! Means, sums and maxima over axes.

use serde::Deserialize;
use sgmn_graph::flow::{FlowResult, Reduction, ValueId};

use super::Words;
use crate::any_net::architecture::layer::{Layer, OneOrMany};

pub(super) const WORDS: Words = &[
    ("mean", |layer| reduce(layer, Reduction::Mean)),
    ("sum", |layer| reduce(layer, Reduction::Sum)),
    ("max", |layer| reduce(layer, Reduction::Maximum)),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    axes: OneOrMany<i64>,
    /// Whether the axes stay, with size 1.
    #[serde(default)]
    keep: bool,
}

fn reduce(layer: &mut Layer<'_>, by: Reduction) -> FlowResult<ValueId> {
    let Options { axes, keep } = layer.options()?;
    let x = layer.alone()?;
    let axes = layer.axes(&axes, layer.rank(x))?;
    layer.draft.reduce(by, x, axes, keep)
}
