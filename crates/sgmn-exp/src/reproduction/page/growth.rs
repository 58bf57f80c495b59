//! Accuracy against training nets: one figure with a line a model, and one table.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Composer, figure};
use crate::{
    metrics::Criterion,
    reproduction::{
        comparison::{own_tables, size_table},
        results::{RowResults, RunResult, StudyResults},
    },
    show::{Block, Curve, CurvePlot, XAxis},
};

impl Composer<'_> {
    /// The part of the report whose studies differ in the number of training nets.
    pub(super) fn growth(&self, studies: &[&StudyResults]) -> Result<Vec<Block>> {
        let Some(first) = studies.first() else { return Ok(Vec::new()) };
        let mut blocks = vec![Block::Text(first.study.question.to_owned())];
        blocks.extend(growth_figure(studies)?);
        blocks.extend(own_tables(studies).into_iter().map(|(_, table)| Block::Table(table)));
        blocks.extend(self.not_run(studies).map(Block::Text));
        let sizes = studies.iter().filter(|results| results.runs().next().is_some()).flat_map(|results| {
            [Block::Text(format!("{}:", results.study.nets)), Block::Table(size_table(results))]
        });
        blocks.push(Block::Fold("The same with sizes and times".to_owned(), sizes.collect()));
        Ok(blocks)
    }
}

/// A line a model over the numbers of training nets, a band over seeds; nothing before a run is finished.
fn growth_figure(studies: &[&StudyResults]) -> Result<Option<Block>> {
    let Some(first) = studies.iter().find(|results| results.runs().next().is_some()) else {
        return Ok(None);
    };
    let criterion = first.criterion;
    let curves = first.study.rows.iter().map(|row| {
        let method = row.method.as_str();
        let steps: Vec<&RowResults> = studies.iter().filter_map(|results| results.row(method)).collect();
        let seeds: BTreeSet<u64> =
            steps.iter().flat_map(|step| &step.runs).map(|run| run.summary.seed).collect();
        let points =
            |seed| -> Vec<(f64, f64)> { steps.iter().map(|step| point(step, criterion, seed)).collect() };
        Curve::over_seeds(method, &seeds.into_iter().map(points).collect::<Vec<_>>())
    });
    let plot = CurvePlot {
        title: format!("{} of the test nets by the number of training nets", criterion.name()),
        x_label: "training nets".to_owned(),
        x_axis: XAxis::Logarithmic,
        y_label: criterion.name().to_owned(),
        y_range: criterion.range(),
        curves: curves.collect(),
        references: Vec::new(),
    };
    let caption = "Test nets; mean over seeds, a band runs from the worst to the best seed. The axis of training nets is \
                   logarithmic.";
    Ok(Some(figure(first, "growth", plot.to_svg()?, caption)))
}

/// The point of a run; one that is not there is no point, but keeps its place among those of its seed.
fn point(step: &RowResults, criterion: Criterion, seed: u64) -> (f64, f64) {
    let of_run =
        |run: &RunResult| Some((run.summary.n_nets[0] as f64, *run.summary.test.get(criterion.name())?));
    let run = step.runs.iter().find(|run| run.summary.seed == seed);
    run.and_then(of_run).unwrap_or((f64::NAN, f64::NAN))
}
