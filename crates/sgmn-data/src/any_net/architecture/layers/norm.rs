//! Normalizations; gains and shifts are used if the weights have them.

use serde::Deserialize;
use sgmn_graph::flow::{Combination, FlowResult, Function, Reduction, ValueId};

use super::Words;
use crate::any_net::{architecture::layer::Layer, compose::BatchNorm};

pub(super) const WORDS: Words = &[
    ("batch_norm", batch_norm),
    ("layer_norm", layer_norm),
    ("rms_norm", rms_norm),
    ("group_norm", group_norm),
    ("instance_norm", instance_norm),
    ("l2_normalize", l2_normalize),
];

/// ε of PyTorch's layers.
fn epsilon() -> f64 {
    1e-5
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfBatch {
    #[serde(default = "epsilon")]
    epsilon: f64,
}

fn batch_norm(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let OfBatch { epsilon } = layer.options()?;
    let x = layer.alone()?;
    let norm = BatchNorm {
        mean: layer.tensor("running_mean")?,
        variance: layer.tensor("running_var")?,
        gain: layer.tensor_or_none("weight"),
        shift: layer.tensor_or_none("bias"),
        epsilon,
    };
    layer.batch_norm(x, norm)
}

fn single() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfLayer {
    #[serde(default = "epsilon")]
    epsilon: f64,
    /// How many of the last axes are normalized together.
    #[serde(default = "single")]
    axes: usize,
}

fn layer_norm(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let OfLayer { epsilon, axes } = layer.options()?;
    let x = layer.alone()?;
    let (gain, shift) = (layer.tensor_or_none("weight"), layer.tensor_or_none("bias"));
    layer.layer_norm(x, axes, gain, shift, true, epsilon)
}

/// ε of Llama's norms.
fn small() -> f64 {
    1e-6
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSquares {
    #[serde(default = "small")]
    epsilon: f64,
    /// Whether the gain is the weight and 1, as Gemma has it.
    #[serde(default)]
    plus_one: bool,
}

fn rms_norm(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let OfSquares { epsilon, plus_one } = layer.options()?;
    let x = layer.alone()?;
    let mut gain = layer.tensor("weight")?;
    if plus_one {
        let one = layer.draft.number(1.0)?;
        gain = layer.add(gain, one)?;
    }
    layer.layer_norm(x, 1, Some(gain), None, false, epsilon)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfGroups {
    groups: usize,
    #[serde(default = "epsilon")]
    epsilon: f64,
}

fn group_norm(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let OfGroups { groups, epsilon } = layer.options()?;
    let x = layer.alone()?;
    let (gain, shift) = (layer.tensor_or_none("weight"), layer.tensor_or_none("bias"));
    layer.group_norm(x, groups, gain, shift, epsilon)
}

fn instance_norm(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let OfBatch { epsilon } = layer.options()?;
    let x = layer.alone()?;
    let channels = layer.shape(x).get(1).copied().unwrap_or(0);
    let (gain, shift) = (layer.tensor_or_none("weight"), layer.tensor_or_none("bias"));
    layer.group_norm(x, channels, gain, shift, epsilon)
}

fn last() -> i64 {
    -1
}

fn tiny() -> f64 {
    1e-12
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfLength {
    #[serde(default = "last")]
    axis: i64,
    /// Shorter vectors are divided by this.
    #[serde(default = "tiny")]
    epsilon: f64,
}

/// Vectors along an axis, divided by their length.
fn l2_normalize(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let OfLength { axis, epsilon } = layer.options()?;
    let x = layer.alone()?;
    let axis = layer.axis(axis, layer.rank(x))?;
    let length = layer.reduce(Reduction::Norm, x, vec![axis], true)?;
    let length = layer.apply(Function::Clip { low: epsilon, high: f64::INFINITY }, length)?;
    layer.combine(Combination::Divide, x, length)
}
