//! What tests, benchmarks and measurements of models share: nets, an example of every kind of model, training steps.
//!
//! Behind the feature `testing`.

mod examples;
mod nets;
mod published;
mod running;
mod variants;
mod work;

use candle_core::{DType, Device, Tensor};
use rand::RngExt;
use sgmn_graph::Seed;

pub use self::{
    examples::{Example, examples},
    nets::{Nets, activations, mixed_cnns, mixed_mlps, nets, plain_mlps},
    published::{Case, PUBLISHED, case, gated, inr},
    running::{Running, Setting, Stepped, Task, random_nets},
    variants::{DIRECTIONS, SCALINGS, per_graph, stack, variants},
    work::ReducedWork,
};
use crate::{Result, models::Output};

/// `Σ output ⊙ cotangent` with fixed random cotangents in [−1, 1): a loss that every number of an output enters.
///
/// # Errors
/// If the device refuses.
pub fn weighted_sum(output: &Output) -> Result<Tensor> {
    let mut rng = Seed::new(1).child("cotangent").rng();
    let mut total: Option<Tensor> = None;
    for output in output.tensors() {
        let weights: Vec<f64> = (0..output.elem_count()).map(|_| rng.random_range(-1.0..1.0)).collect();
        let weights = Tensor::from_vec(weights, output.dims(), &Device::Cpu)?;
        let weights = weights.to_dtype(output.dtype())?.to_device(output.device())?;
        let part = (output * weights)?.sum_all()?;
        total = Some(match total {
            Some(total) => (total + part)?,
            None => part,
        });
    }
    Ok(total.map_or_else(|| Tensor::zeros((), DType::F32, &Device::Cpu), Ok)?)
}

impl Output {
    /// All tensors of the output: the rows, or the changes of weights and then of biases, copy after copy.
    pub fn tensors(&self) -> Vec<&Tensor> {
        match self {
            Self::PerGraph(rows) => vec![rows],
            Self::PerParam(deltas) => {
                let copies = deltas.iter().flatten();
                copies.flat_map(|delta| delta.weights.iter().chain(&delta.biases)).collect()
            }
        }
    }
}
