//! AdamW with decoupled weight decay.

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::Gradients;
use crate::{
    Error, Result, VarStore,
    ops::{self, AdamWStep, Update},
};

/// Constants of AdamW.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay of the gradient's running mean.
    pub beta1: f64,
    /// Decay of the squared gradient's running mean.
    pub beta2: f64,
    /// Added to the root of the latter.
    pub eps: f64,
    /// Share of a variable that a step of rate 1 would remove.
    pub weight_decay: f64,
}

impl AdamWConfig {
    /// PyTorch's constants with the given weight decay, as all published configurations have them.
    pub fn new(weight_decay: f64) -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay }
    }
}

/// The optimizer's state: running means for every variable, in the store's order.
///
/// `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
/// `θ ← θ (1 − η λ) − η m̂ / (√v̂ + ε)` with `m̂ = m / (1 − β₁ᵗ)`, `v̂ = v / (1 − β₂ᵗ)`.
///
/// # Source
/// Loshchilov and Hutter 2019, as in PyTorch's `AdamW`.
/// **Departs:** one count of steps serves all variables; PyTorch counts for each those in which it had a gradient, which
/// differs only for branches that some batches do not reach.
///
/// A step may rewrite running means in place, so they never leave with their memory: [`AdamW::state`] and
/// [`AdamW::restore`] copy, and there is no `Clone`. Variables are rewritten in place, as candle's `Var::set` always did:
/// whoever wants to keep their values takes a snapshot.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    n_steps: u64,
    means: Vec<Tensor>,
    squares: Vec<Tensor>,
}

impl AdamW {
    /// The state before the first step.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(config: AdamWConfig, vars: &VarStore) -> Result<Self> {
        let zeros = || {
            vars.iter().map(|(_, var)| Ok(var.as_detached_tensor().zeros_like()?)).collect::<Result<Vec<_>>>()
        };
        Ok(Self { config, n_steps: 0, means: zeros()?, squares: zeros()? })
    }

    /// Steps taken.
    pub fn n_steps(&self) -> u64 {
        self.n_steps
    }

    /// Moves every variable that has a gradient.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn step(&mut self, vars: &VarStore, gradients: &Gradients, learning_rate: f64) -> Result<()> {
        self.n_steps += 1;
        let AdamWConfig { beta1, beta2, eps, weight_decay } = self.config;
        let n_steps = self.n_steps as i32;
        let step = AdamWStep {
            beta1,
            beta2,
            mean_bias: 1.0 - beta1.powi(n_steps),
            square_bias: 1.0 - beta2.powi(n_steps),
            eps,
            decay: learning_rate * weight_decay,
            rate: learning_rate,
        };
        let means = self.means.iter_mut().zip(&mut self.squares);
        let mut updates: Vec<Update<'_>> = vars
            .iter()
            .zip(gradients.iter())
            .zip(means)
            .filter_map(|(((_, var), grad), (mean, square))| Some(Update { var, grad: grad?, mean, square }))
            .collect();
        Ok(ops::adamw(&mut updates, gradients.clip(), &step)?)
    }

    /// Copies of the running means by name (`mean.{variable}`, `square.{variable}`), for a checkpoint.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn state(&self, vars: &VarStore) -> Result<BTreeMap<String, Tensor>> {
        let kinds = [("mean", &self.means), ("square", &self.squares)];
        let named = kinds.into_iter().flat_map(|(kind, tensors)| {
            vars.iter().zip(tensors).map(move |((name, _), tensor)| (format!("{kind}.{name}"), tensor))
        });
        named.map(|(name, tensor)| Ok((name, tensor.copy()?))).collect()
    }

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Variable`] for the first running mean that is missing or of another shape; nothing is changed then.
    pub fn restore(&mut self, vars: &VarStore, n_steps: u64, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let find = |kind: &str| -> Result<Vec<Tensor>> {
            let find = |(name, var): (&str, &candle_core::Var)| {
                let name = format!("{kind}.{name}");
                let found = state.get(&name);
                match found {
                    Some(tensor) if tensor.dims() == var.dims() => Ok(tensor
                        .to_device(vars.device())?
                        .to_dtype(vars.dtype())?
                        .detach()
                        .force_contiguous()?),
                    other => Err(Error::Variable {
                        name,
                        expected: format!("shape {:?}", var.dims()),
                        found: other
                            .map_or("nothing".to_owned(), |tensor| format!("shape {:?}", tensor.dims())),
                    }),
                }
            };
            vars.iter().map(find).collect()
        };
        let (means, squares) = (find("mean")?, find("square")?);
        *self = Self { config: self.config, n_steps, means, squares };
        Ok(())
    }
}
