//! What a forward pass may know besides its input: whether it trains, and its chance.

use std::cell::{Cell, RefCell};

use candle_core::Tensor;
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
    losses: RefCell<Vec<Tensor>>,
}

impl Pass {
    /// A pass for prediction: nothing is dropped.
    pub fn eval() -> Self {
        Self { seed: None, n_masks: Cell::new(0), losses: RefCell::default() }
    }

    /// A pass for training; the seed should differ from step to step.
    pub fn train(seed: Seed) -> Self {
        Self { seed: Some(seed), n_masks: Cell::new(0), losses: RefCell::default() }
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

    /// Whether a dropout of probability `p` would drop anything in this pass.
    pub fn drops(&self, p: f64) -> bool {
        self.seed.is_some() && p > 0.0
    }

    /// The seed of chance that is no dropout, under a name; none when predicting.
    pub fn chance(&self, name: &str) -> Option<Seed> {
        self.seed.map(|seed| seed.child(name))
    }

    /// Adds a loss of the model's own, a scalar, to what training makes small besides the task's loss.
    pub fn add_loss(&self, loss: Tensor) {
        self.losses.borrow_mut().push(loss);
    }

    /// The losses that the model has added, handed over once.
    pub fn take_losses(&self) -> Vec<Tensor> {
        self.losses.take()
    }
}
