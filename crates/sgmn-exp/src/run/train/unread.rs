//! Steps whose numbers still lie on the device: many are read together, so that no step waits for the device.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use sgmn_data::Target;
use sgmn_nn::{models::Output, optim::GradientNorm};

use super::{Diverged, Run};
use crate::{
    metrics::{Criterion, Mean},
    show::progress::TrainProgress,
    tasks::Scores,
};

/// What a step leaves behind, without the graph it was computed by.
pub(super) struct Step {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) loss: Tensor,
    pub(super) norm: GradientNorm,
    pub(super) output: Output,
    pub(super) targets: Vec<Target>,
}

/// Steps in their order, none of them read.
pub(super) struct Unread {
    steps: Vec<Step>,
    read_at: Instant,
}

/// Numbers are read this often: a person sees them move, and a device that is fed ahead hardly notices.
const READ_AFTER: Duration = Duration::from_millis(500);
/// More steps are never kept, however fast they are.
const MOST_STEPS: usize = 256;

impl Unread {
    pub(super) fn new() -> Self {
        Self { steps: Vec::new(), read_at: Instant::now() }
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Whether it is time to read.
    pub(super) fn is_due(&self) -> bool {
        self.steps.len() >= MOST_STEPS || self.read_at.elapsed() >= READ_AFTER
    }
}

impl Run<'_> {
    /// Reads and counts what the last steps left behind. Nothing is saved or judged before this has gone well.
    ///
    /// # Errors
    /// If a loss or a norm is not finite, with the number of the first such step.
    pub(super) fn read_steps(&mut self, progress: &TrainProgress) -> Result<()> {
        let began = Instant::now();
        for step in std::mem::take(&mut self.unread.steps) {
            let number = step.number;
            self.read_step(step, progress).with_context(|| format!("step {number}"))?;
        }
        self.unread.read_at = Instant::now();
        // A device works while nobody waits for it; this is where its time shows.
        self.standing.step_seconds += began.elapsed().as_secs_f64();
        Ok(())
    }

    fn read_step(&mut self, step: Step, progress: &TrainProgress) -> Result<()> {
        let value = step.loss.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        if !value.is_finite() {
            bail!(Diverged::new(format!("the loss is {value}, expected a finite number")));
        }
        step.norm.read().map_err(|error| Diverged::new(error.to_string()))?;
        let mut scores = Scores::default();
        let output = step.output.to_device(&Device::Cpu)?;
        self.task.judge_step(value, &output, &step.targets, &mut scores)?;
        let mut metrics = scores.metrics();
        let n_nets = step.targets.len();
        let criterion = self.criterion;
        let standing = &mut self.standing;
        if criterion == Criterion::R2 {
            // A few nets hardly differ at times; the loss is the unexplained share of all training nets' variance.
            metrics.insert(criterion.name().to_owned(), 1.0 - value);
        }
        standing.train_loss.add(metrics["loss"], n_nets as f64);
        // A rank correlation is not a number where all nets of a batch are equal.
        if let Some(score) = metrics.get(criterion.name()).filter(|score| !score.is_nan()) {
            standing.train_score.add(*score, n_nets as f64);
        }
        let running = |mean: &Mean| mean.value().unwrap_or(f64::NAN);
        let score = criterion.said(running(&standing.train_score));
        progress.step(n_nets as u64, running(&standing.train_loss), &score);
        Ok(())
    }
}
