//! Tables of rows, and tensors that are values themselves.

use serde::Deserialize;
use sgmn_graph::flow::{FlowResult, Lookup, ValueId};

use super::Words;
use crate::any_net::architecture::layer::Layer;

pub(super) const WORDS: Words =
    &[("embedding", embedding), ("positions", positions), ("row", row), ("tensor", tensor)];

/// Rows of the table by the whole numbers of the value.
fn embedding(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    layer.no_options()?;
    let (ids, table) = (layer.alone()?, layer.tensor("weight")?);
    layer.step(Lookup { axis: 0 }, &[table, ids])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    /// The row of the first place.
    #[serde(default)]
    first: usize,
}

/// Adds a row of the table to each place: x `[.., length, channels]`.
fn positions(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let First { first } = layer.options()?;
    let (x, table) = (layer.alone()?, layer.tensor("weight")?);
    let shape = layer.shape(x);
    let [.., length, _] = shape[..] else {
        return layer.fault("a value [.., length, channels]", format!("{shape:?}"));
    };
    let rows = layer.slice(table, 0, first, length)?;
    layer.add(x, rows)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    row: usize,
}

/// Adds one row of the table to all places.
fn row(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Which { row } = layer.options()?;
    let (x, table) = (layer.alone()?, layer.tensor("weight")?);
    let row = layer.draft.select(table, 0, row)?;
    layer.add(x, row)
}

/// The tensor itself: `tensors = { value = "cls_token" }`.
fn tensor(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    layer.no_options()?;
    layer.alone()?;
    layer.tensor("value")
}
