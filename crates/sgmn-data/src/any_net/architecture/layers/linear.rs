//! Linear layers.

use serde::Deserialize;
use sgmn_graph::flow::{FlowResult, ValueId};

use super::Words;
use crate::any_net::architecture::layer::Layer;

pub(super) const WORDS: Words = &[("linear", linear), ("bilinear", bilinear)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Whether the weight is `[in, out]`, as GPT-2 has it.
    #[serde(default)]
    transposed: bool,
}

fn linear(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Options { transposed } = layer.options()?;
    let x = layer.alone()?;
    let weight = layer.tensor("weight")?;
    let bias = layer.tensor_or_none("bias");
    apply(layer, x, weight, bias, transposed)
}

/// `x Wᵀ + b`, or `x W + b` for a weight that is stored the other way.
pub(super) fn apply(
    layer: &mut Layer<'_>,
    x: ValueId,
    mut weight: ValueId,
    bias: Option<ValueId>,
    transposed: bool,
) -> FlowResult<ValueId> {
    if layer.rank(weight) != 2 {
        return layer.fault("a weight of two axes", format!("{:?}", layer.shape(weight)));
    }
    if transposed {
        weight = layer.transpose(weight, 0, 1)?;
    }
    layer.linear(x, weight, bias)
}

/// `x W_k y + b_k` with one further value y.
fn bilinear(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    layer.no_options()?;
    let [y] = layer.with[..] else { return layer.fault("one value under `with`", layer.with.len()) };
    let (x, weight) = (layer.x, layer.tensor("weight")?);
    let n = layer.rank(x);
    if n == 0 || layer.rank(y) != n {
        return layer.fault("two values of equal axes", format!("{:?}", layer.shape(x)));
    }
    let halfway = layer.contract(x, weight, vec![], vec![(n - 1, 1)])?;
    let out = layer.contract(halfway, y, (0..n - 1).map(|axis| (axis, axis)).collect(), vec![(n, n - 1)])?;
    match layer.tensor_or_none("bias") {
        Some(bias) => layer.add(out, bias),
        None => Ok(out),
    }
}
