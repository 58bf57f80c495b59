//! The loop: step after step, with evaluations and checkpoints between them.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use sgmn_data::split::Split;
use sgmn_nn::{
    Pass,
    optim::{Gradients, clip_by_global_norm},
};

use super::{Run, unread::Step};
use crate::{
    config::{EvalEvery, TrainLength},
    data::pipeline::PreparedBatch,
    show::progress::TrainProgress,
};

impl Run<'_> {
    /// Trains to the end; false if it was stopped before.
    pub(super) fn train(&mut self, stop: &AtomicBool) -> Result<bool> {
        let train = self.experiment.train();
        let n_train = self.pipeline.n_nets(Split::Train);
        let batches_per_epoch = n_train.div_ceil(train.batch_size);
        let n_steps = self.n_steps();
        // The last batch of an epoch may be short, so a run counts epochs in nets, not steps.
        let n_nets = n_steps / batches_per_epoch as u64 * n_train as u64
            + (n_steps % batches_per_epoch as u64 * train.batch_size as u64).min(n_train as u64);
        let progress = TrainProgress::new(self.experiment.name(), n_nets, self.standing.n_trained);
        while self.standing.n_steps < n_steps && !self.is_exhausted() {
            let batches =
                self.pipeline.training_batches(self.standing.epoch, train.batch_size, self.standing.batch);
            let mut stopped = false;
            let mut is_over = false;
            let n_before = self.standing.n_steps;
            for prepared in batches {
                let prepared = prepared?;
                self.step(prepared).with_context(|| format!("step {}", self.standing.n_steps + 1))?;
                self.standing.batch += 1;
                let epoch_ends = self.standing.batch == batches_per_epoch;
                if epoch_ends {
                    self.standing.epoch += 1;
                    self.standing.batch = 0;
                }
                let evaluates = match train.eval_every {
                    EvalEvery::Epoch => epoch_ends || self.standing.n_steps == n_steps,
                    EvalEvery::Steps(every) => {
                        self.standing.n_steps.is_multiple_of(every) || self.standing.n_steps == n_steps
                    }
                };
                stopped = stop.load(Ordering::Relaxed);
                let ends = self.standing.n_steps == n_steps;
                let saves = epoch_ends && self.standing.epoch.is_multiple_of(train.checkpoint_every_epochs)
                    || self.saved.elapsed().as_secs_f64() >= 60.0 * train.checkpoint_every_minutes;
                if evaluates || saves || stopped || ends || self.unread.is_due() {
                    self.read_steps(&progress)?;
                }
                if evaluates {
                    self.evaluate(&progress)
                        .with_context(|| format!("validation after step {}", self.standing.n_steps))?;
                    // That may have taken a while.
                    stopped = stop.load(Ordering::Relaxed);
                }
                is_over = ends || self.is_exhausted();
                if saves || stopped || is_over {
                    self.save(&self.folder.last_checkpoint(), true)?;
                    self.saved = Instant::now();
                }
                if stopped || is_over {
                    break;
                }
            }
            if self.standing.n_steps == n_before {
                bail!("epoch {}: expected a batch, found none", self.standing.epoch + 1);
            }
            if stopped && !is_over {
                progress.finish();
                return Ok(false);
            }
        }
        progress.finish();
        Ok(true)
    }

    /// Steps of the whole training.
    fn n_steps(&self) -> u64 {
        let train = self.experiment.train();
        match train.length() {
            TrainLength::Epochs(epochs) => {
                epochs * self.pipeline.n_nets(Split::Train).div_ceil(train.batch_size) as u64
            }
            TrainLength::Steps(steps) => steps,
        }
    }

    /// Takes a step. Its numbers stay on the device until [`Run::read_steps`].
    fn step(&mut self, prepared: PreparedBatch) -> Result<()> {
        let began = Instant::now();
        let train = self.experiment.train();
        let pass = Pass::train(self.seed.child("dropout").index(self.standing.n_steps));
        let output = self.model.forward(&prepared.batch, &pass)?;
        let loss = self.task.loss(&prepared, &output)?;
        // What is reported is the task's; a model's own losses only give gradients.
        let own = pass.take_losses();
        let total = own.iter().try_fold(loss.clone(), |total, own| total + own)?;
        let mut gradients = Gradients::of(&self.vars, self.model.as_ref(), &total.backward()?)?;
        let norm = clip_by_global_norm(&mut gradients, train.clip_norm.unwrap_or(f64::INFINITY))?;
        let rate = train.schedule(self.n_steps()).rate(self.standing.n_steps);
        self.optimizer.step(&self.vars, &gradients, rate)?;
        if let Some(average) = &mut self.average {
            average.step(&self.vars, self.optimizer.n_steps())?;
        }
        let PreparedBatch { targets, repairs, .. } = prepared;
        let standing = &mut self.standing;
        standing.n_steps += 1;
        standing.repairs += repairs;
        standing.n_trained += targets.len() as u64;
        // Detached: otherwise the graphs of all unread steps would be kept.
        let (loss, output) = (loss.detach(), output.detach());
        self.unread.push(Step { number: standing.n_steps, loss, norm, output, targets });
        standing.step_seconds += began.elapsed().as_secs_f64();
        Ok(())
    }

    /// Whether the patience with worse evaluations is at its end.
    fn is_exhausted(&self) -> bool {
        self.experiment.train().patience.is_some_and(|patience| self.standing.n_worse >= patience)
    }
}
