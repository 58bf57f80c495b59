//! What a run tells while it goes and at its end: records, events, figures, edited nets.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use sgmn_data::split::Split;
use sgmn_nn::{Pass, ops::no_grad};
use sgmn_symmetry::Repairs;

use super::{Run, Summary};
use crate::{
    config::Task,
    data::pipeline::PreparedBatch,
    editing::Easel,
    run::edited,
    show::{
        Curve, CurvePlot, RunRecord, XAxis, confusion_svg, read_records, save::write_atomic, scatter_svg,
    },
};

impl Run<'_> {
    /// Draws the curves of the metrics, what was taken for what, and what was predicted for what.
    pub(super) fn plot(&self, summary: &Summary) -> Result<()> {
        let records = read_records(&self.folder.records())?;
        let criterion = self.criterion;
        for metric in ["loss", criterion.name()] {
            let points = |split: Split| -> Vec<(f64, f64)> {
                let of_split = records.iter().filter(|record| record.split == split);
                of_split
                    .filter_map(|record| Some((record.step as f64, *record.metrics.get(metric)?)))
                    .collect()
            };
            let plot = CurvePlot {
                title: format!("{}: {metric}", summary.name),
                x_label: "step".to_owned(),
                x_axis: XAxis::Linear,
                y_label: metric.to_owned(),
                y_range: if metric == criterion.name() { criterion.range() } else { None },
                curves: vec![
                    Curve::new("train", &points(Split::Train)),
                    Curve::new("validation", &points(Split::Val)),
                ],
                references: Vec::new(),
            };
            write_atomic(&self.folder.plot(metric), plot.to_svg()?.to_file().as_bytes())?;
        }
        if let Some(confusion) = &summary.confusion {
            let title = format!("{}: test nets", summary.name);
            write_atomic(
                &self.folder.plot("confusion"),
                confusion_svg(&title, confusion)?.to_file().as_bytes(),
            )?;
        }
        if !summary.pairs.is_empty() {
            let title = format!("{}: {} test nets", summary.name, summary.pairs.len());
            let range = matches!(self.experiment.task(), Task::Predict {}).then_some((0.0, 1.0));
            let scatter = scatter_svg(&title, &summary.pairs, range)?;
            write_atomic(&self.folder.plot("scatter"), scatter.to_file().as_bytes())?;
        }
        Ok(())
    }

    /// Keeps the edited test nets, if the run edits nets.
    pub(super) fn keep_edited(&self) -> Result<()> {
        let Task::Edit(task) = self.experiment.task() else { return Ok(()) };
        let easel = Easel::new(task, self.pictures.clone())?;
        let answer = |prepared: Result<PreparedBatch>| {
            let prepared = prepared?;
            let output = no_grad(|| self.model.forward(&prepared.batch, &Pass::eval()))?;
            Ok((prepared, output))
        };
        let answers = self.pipeline.batches(Split::Test, self.experiment.train().batch_size).map(answer);
        edited::keep(&easel, self.pipeline.dataset(), answers, self.folder)
    }

    /// Appends one evaluation to the logs.
    pub(super) fn record(
        &mut self,
        split: Split,
        metrics: BTreeMap<String, f64>,
        nets_per_second: f64,
        repairs: Option<Repairs>,
    ) -> Result<()> {
        let repairs = repairs.unwrap_or_default();
        let counts = [
            ("dead_units", repairs.dead_units),
            ("lost_phases", repairs.lost_phases),
            ("shifted_phases", repairs.shifted_phases),
            ("tied_units", repairs.tied_units),
        ];
        let record = RunRecord {
            split,
            epoch: self.standing.epoch,
            step: self.standing.n_steps,
            metrics,
            repairs: counts
                .iter()
                .filter(|(_, n)| *n > 0)
                .map(|(name, n)| ((*name).to_owned(), *n as u64))
                .collect(),
            nets_per_second,
            waited_seconds: (split == Split::Train).then(|| self.pipeline.take_waited().as_secs_f64()),
            seconds: self.seconds(),
            unix_time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64()),
        };
        self.records.append(&record)?;
        self.events.append(&record)
    }
}
