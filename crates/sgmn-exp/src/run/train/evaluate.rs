//! Validation between epochs, which keeps the best model, and the test of that model at the end.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use sgmn_data::split::Split;
use sgmn_nn::{Pass, checkpoint::Checkpoint, models::Output, ops::no_grad};

use super::{Run, Summary};
use crate::{
    config::Task,
    data::pipeline::PreparedBatch,
    metrics::Criterion,
    show::{
        progress::{EpochSummary, TrainProgress},
        read_records,
        save::write_json,
    },
    tasks::Scores,
};

/// Copies of a test net, moved as training nets are, over which a second test takes the mean.
const MOVED_COPIES: u64 = 8;

/// The name of that second test's criterion in summaries.
pub fn of_copies(criterion: Criterion) -> String {
    format!("{}_with_{MOVED_COPIES}_moved_copies", criterion.name())
}

impl Run<'_> {
    /// Records the training metrics, measures the validation set, keeps the best model.
    pub(super) fn evaluate(&mut self, progress: &TrainProgress) -> Result<()> {
        let own = self.average.as_ref().map(|average| average.lend(&self.vars)).transpose()?;
        let began = Instant::now();
        let scores = self.measure(Split::Val)?;
        let val_rate = self.pipeline.n_nets(Split::Val) as f64 / began.elapsed().as_secs_f64();
        let metrics = scores.metrics();
        let criterion = self.criterion;
        let score = metrics.get(criterion.name()).copied().unwrap_or(f64::NAN);
        let train_rate = self.standing.n_trained as f64 / self.standing.step_seconds.max(1e-9);
        let train_loss = std::mem::take(&mut self.standing.train_loss).value().unwrap_or(f64::NAN);
        let train_score = std::mem::take(&mut self.standing.train_score).value().unwrap_or(f64::NAN);
        let train_metrics = [("loss", train_loss), (criterion.name(), train_score)];
        let repairs = std::mem::take(&mut self.standing.repairs);
        self.record(
            Split::Train,
            train_metrics.map(|(name, value)| (name.to_owned(), value)).into(),
            train_rate,
            Some(repairs),
        )?;
        self.record(Split::Val, metrics.clone(), val_rate, None)?;
        // Of equal epochs the first is kept; NaN is never better.
        let best =
            !score.is_nan() && self.standing.best_val.is_none_or(|best| criterion.is_better(score, best));
        if best {
            self.standing.best_val = Some(score);
            // An epoch that still runs counts from 1 too.
            self.standing.best_epoch = self.standing.epoch + u64::from(self.standing.batch > 0);
            self.standing.n_worse = 0;
            self.save(&self.folder.best_checkpoint(), false)?;
        } else {
            self.standing.n_worse += 1;
        }
        if let Some(own) = own {
            self.vars.load(&own)?;
        }
        progress.epoch(&EpochSummary {
            epoch: self.standing.epoch,
            train_loss,
            val_loss: metrics["loss"],
            val_score: &criterion.said(score),
            best,
            nets_per_second: train_rate,
        });
        Ok(())
    }

    /// Metrics of the model as it is on a part of the dataset.
    fn measure(&self, part: Split) -> Result<Scores> {
        let mut scores = Scores::default();
        for prepared in self.pipeline.batches(part, self.experiment.train().batch_size) {
            let prepared = prepared?;
            let output = no_grad(|| self.model.forward(&prepared.batch, &Pass::eval()))?;
            self.task.judge(&prepared, &output, &mut scores)?;
        }
        Ok(scores)
    }

    /// Metrics of the mean output over each net and [`MOVED_COPIES`] moved copies of it; moves do not change what is asked.
    fn measure_moved(&self, part: Split) -> Result<Scores> {
        let batch_size = self.experiment.train().batch_size;
        let copies = 0..MOVED_COPIES;
        let mut copies: Vec<_> =
            copies.map(|copy| self.pipeline.moved_batches(part, batch_size, copy)).collect();
        let output = |prepared: &PreparedBatch| -> Result<Tensor> {
            match no_grad(|| self.model.forward(&prepared.batch, &Pass::eval()))? {
                Output::PerGraph(rows) => Ok(rows),
                Output::PerParam(_) => bail!("moved copies: expected numbers of nets, found changes of nets"),
            }
        };
        let mut scores = Scores::default();
        for prepared in self.pipeline.batches(part, batch_size) {
            let prepared = prepared?;
            let mut sum = output(&prepared)?;
            for batches in &mut copies {
                let moved = batches.next().context("every copy has as many batches")??;
                sum = (sum + output(&moved)?)?;
            }
            let mean = Output::PerGraph((sum / (MOVED_COPIES + 1) as f64)?);
            self.task.judge(&prepared, &mean, &mut scores)?;
        }
        Ok(scores)
    }

    /// Tests the best model and writes the report of the run.
    pub(super) fn finish(mut self) -> Result<Summary> {
        let Some(best_val) = self.standing.best_val else {
            let name = self.criterion.name();
            bail!(
                "validation: expected a {name} in some epoch, found none: predictions were not finite, or all of them or \
                 all targets were equal"
            )
        };
        let best = self.folder.best_checkpoint();
        let mut checkpoint = Checkpoint::read(&best, self.vars.device())?;
        self.vars.load(&checkpoint.vars).with_context(|| best.display().to_string())?;
        let began = Instant::now();
        let scores = self.measure(Split::Test).context("test of the best model")?;
        let rate = self.pipeline.n_nets(Split::Test) as f64 / began.elapsed().as_secs_f64();
        let mut test = scores.metrics();
        if self.pipeline.moves_nets() && !matches!(self.experiment.task(), Task::Edit(_)) {
            let moved = self.measure_moved(Split::Test).context("test of the best model on moved copies")?;
            let name = self.criterion.name();
            test.extend(moved.metrics().remove(name).map(|value| (of_copies(self.criterion), value)));
        }
        self.tell_test(&mut checkpoint, &scores).write(&best)?;
        let already = read_records(&self.folder.records())?.iter().any(|record| record.split == Split::Test);
        if !already {
            self.record(Split::Test, test.clone(), rate, None)?;
        }
        let standing = &self.standing;
        let summary = Summary {
            name: self.experiment.name().to_owned(),
            experiment: standing.experiment.clone(),
            seed: self.experiment.train().seed,
            n_params: self.vars.n_params(),
            n_nets: standing.n_nets,
            n_skipped: self.pipeline.dataset().skipped.len(),
            criterion: self.criterion,
            best_epoch: standing.best_epoch,
            best_val,
            test,
            confusion: scores.confusion.clone(),
            pairs: scores.pairs.clone(),
            n_steps: standing.n_steps,
            seconds: self.seconds(),
            nets_per_second: standing.n_trained as f64 / standing.step_seconds.max(1e-9),
        };
        self.plot(&summary)?;
        self.keep_edited()?;
        // Last: its presence says that the run is finished.
        write_json(&self.folder.summary(), &summary)?;
        Ok(summary)
    }
}
