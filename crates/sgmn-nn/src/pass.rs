//! What a forward pass may know besides its input: whether it trains, and its chance.

use std::cell::Cell;

use sgmn_graph::Seed;

use crate::{Result, ops::Rows};

/// One forward pass.
///
/// Masks of dropout are drawn from the pass's seed and their place in the order of the calls, so a pass with the same
/// seed repeats bit for bit.
#[derive(Debug)]
pub struct Pass {
    seed: Option<Seed>,
    n_masks: Cell<u64>,
}

impl Pass {
    /// A pass for prediction: nothing is dropped.
    pub fn eval() -> Self {
        Self { seed: None, n_masks: Cell::new(0) }
    }

    /// A pass for training; the seed should differ from step to step.
    pub fn train(seed: Seed) -> Self {
        Self { seed: Some(seed), n_masks: Cell::new(0) }
    }

    /// Drops elements with probability `p` when training.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn dropout(&self, x: &Rows, p: f64) -> Result<Rows> {
        let Some(seed) = self.seed.filter(|_| p > 0.0) else { return Ok(x.clone()) };
        let mask = self.n_masks.replace(self.n_masks.get() + 1);
        Ok(x.dropout(p, &seed.index(mask))?)
    }
}

impl Pass {
    /// Whether a dropout of probability `p` would drop anything in this pass.
    pub fn drops(&self, p: f64) -> bool {
        self.seed.is_some() && p > 0.0
    }
}
