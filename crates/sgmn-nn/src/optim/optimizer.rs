//! What follows the gradients, one of several.

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{AdamW, AdamWConfig, Gradients, Muon};
use crate::{Result, VarStore};

/// Which optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OptimizerKind {
    /// [`AdamW`], as all published configurations have it.
    #[default]
    #[serde(rename = "adamw")]
    AdamW,
    /// [`Muon`], for matrices; AdamW for all else.
    Muon,
}

/// An optimizer with its state.
#[derive(Debug)]
pub enum Optimizer {
    /// AdamW for all variables.
    AdamW(AdamW),
    /// Muon for matrices.
    Muon(Muon),
}

impl Optimizer {
    /// The state before the first step.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(kind: OptimizerKind, config: AdamWConfig, vars: &VarStore) -> Result<Self> {
        Ok(match kind {
            OptimizerKind::AdamW => Self::AdamW(AdamW::new(config, vars)?),
            OptimizerKind::Muon => Self::Muon(Muon::new(config, vars)?),
        })
    }

    /// Steps taken.
    pub fn n_steps(&self) -> u64 {
        match self {
            Self::AdamW(optimizer) => optimizer.n_steps(),
            Self::Muon(optimizer) => optimizer.n_steps(),
        }
    }

    /// Moves every variable that has a gradient.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn step(&mut self, vars: &VarStore, gradients: &Gradients, learning_rate: f64) -> Result<()> {
        match self {
            Self::AdamW(optimizer) => optimizer.step(vars, gradients, learning_rate),
            Self::Muon(optimizer) => optimizer.step(vars, gradients, learning_rate),
        }
    }

    /// Copies of what is remembered by name, for a checkpoint.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn state(&self, vars: &VarStore) -> Result<BTreeMap<String, Tensor>> {
        match self {
            Self::AdamW(optimizer) => optimizer.state(vars),
            Self::Muon(optimizer) => optimizer.state(vars),
        }
    }

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// [`crate::Error::Variable`] for the first number that is missing or of another shape; nothing is changed then.
    pub fn restore(&mut self, vars: &VarStore, n_steps: u64, state: &BTreeMap<String, Tensor>) -> Result<()> {
        match self {
            Self::AdamW(optimizer) => optimizer.restore(vars, n_steps, state),
            Self::Muon(optimizer) => optimizer.restore(vars, n_steps, state),
        }
    }
}
