//! What the finished runs of a reproduction came to.

use anyhow::{Context, Result};

use super::{
    plan::{Plan, PlannedRun, Request, RunState},
    study::{ReportPart, Row, Study},
};
use crate::{
    config::{EvalEvery, Experiment},
    metrics::{Chance, Criterion, Spread},
    run::{
        folder::{RunFacts, RunFolder},
        train::Summary,
    },
    show::{Curve, CurvePlot, RunRecord, Svg, XAxis, read_records, save::read_json},
    tasks::UNEDITED,
};
use sgmn_data::split::Split;

/// Lines of a figure that have colors of their own.
pub(super) const MOST_CURVES: usize = 6;

/// The course of a metric in one run.
type Points = Vec<(f64, f64)>;

/// Everything that the report is made from.
#[derive(Debug, Clone)]
pub struct Results {
    /// The studies in the order of the report.
    pub studies: Vec<StudyResults>,
}

/// The runs of one study.
#[derive(Debug, Clone)]
pub struct StudyResults {
    /// The study.
    pub study: &'static Study,
    /// What its models are compared by.
    pub criterion: Criterion,
    /// One entry a model, in the order of the study.
    pub rows: Vec<RowResults>,
}

/// The runs of one model.
#[derive(Debug, Clone)]
pub struct RowResults {
    /// The model.
    pub row: Row,
    /// Its experiment with seed 0.
    pub experiment: Experiment,
    /// Finished runs, by seed.
    pub runs: Vec<RunResult>,
    /// Runs of the plan that are not finished.
    pub missing: Vec<PlannedRun>,
}

/// One finished run.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// Its folder.
    pub folder: RunFolder,
    /// The program that made it.
    pub program: &'static str,
    /// Its final numbers.
    pub summary: Summary,
    /// Its evaluations.
    pub records: Vec<RunRecord>,
    /// What it was made from.
    pub facts: RunFacts,
}

impl Results {
    /// Reads the folders of all runs of a request.
    ///
    /// # Errors
    /// If a file of a finished run is missing or damaged.
    pub fn read(request: &Request) -> Result<Self> {
        let plan = Plan::new(request)?;
        let mut studies = Vec::new();
        for study in request.studies()? {
            let mut rows = Vec::new();
            for row in &study.rows {
                let experiment = request.experiment(study, row, 0)?;
                let mut results =
                    RowResults { row: row.clone(), experiment, runs: Vec::new(), missing: Vec::new() };
                for seed in 0..request.n_seeds {
                    let wanted = request.experiment(study, row, seed)?;
                    let run = plan.runs.iter().find(|run| run.experiment == wanted);
                    let run = run.context("a plan has the runs of all its studies")?;
                    match run.state {
                        RunState::Finished { .. } => results.runs.push(RunResult::read(run)?),
                        RunState::New | RunState::Unfinished | RunState::Diverged => {
                            results.missing.push(run.clone());
                        }
                    }
                }
                rows.push(results);
            }
            let criterion = crate::tasks::criterion(rows[0].experiment.task());
            studies.push(StudyResults { study, criterion, rows });
        }
        Ok(Self { studies })
    }

    /// The studies of a part of the report.
    pub fn of(&self, part: ReportPart) -> impl Iterator<Item = &StudyResults> {
        self.studies.iter().filter(move |results| results.study.part == part)
    }

    /// All finished runs, each once.
    pub fn runs(&self) -> Vec<&RunResult> {
        let mut runs: Vec<&RunResult> = Vec::new();
        for run in self.studies.iter().flat_map(StudyResults::runs) {
            if runs.iter().all(|other| other.folder.path() != run.folder.path()) {
                runs.push(run);
            }
        }
        runs
    }
}

impl StudyResults {
    /// All finished runs.
    pub fn runs(&self) -> impl Iterator<Item = &RunResult> {
        self.rows.iter().flat_map(|row| &row.runs)
    }

    /// The row of a method.
    pub fn row(&self, method: &str) -> Option<&RowResults> {
        self.rows.iter().find(|row| row.row.method == method)
    }

    /// What an answer reaches that does not look at the nets; nothing before a run is finished.
    ///
    /// Of classes it is the commonest one among the test nets, of scores any constant, of edits none.
    pub fn chance(&self) -> Option<Chance> {
        let summary = &self.runs().next()?.summary;
        let n_test = summary.n_nets[2];
        match self.criterion {
            Criterion::Accuracy => Some(Chance::of_classes(summary.confusion.as_ref()?.commonest()?, n_test)),
            Criterion::Tau => Some(Chance::of_ranks(n_test)),
            Criterion::R2 => Some(Chance::level(0.0)),
            Criterion::Mse => summary.test.get(UNEDITED).copied().map(Chance::level),
        }
    }

    /// The models that were run, or that are to be shown because they diverged.
    pub fn shown(&self) -> impl Iterator<Item = &RowResults> {
        self.rows.iter().filter(|row| !row.is_unrun())
    }

    /// The model with the best mean criterion on the validation nets, and its best run by the same measure.
    ///
    /// Test nets choose nothing.
    pub fn best(&self) -> Option<(&RowResults, &RunResult)> {
        let mean = |row: &RowResults| Spread::of(&row.values(|run| run.summary.best_val)).map(|s| s.mean);
        let better = |a: f64, b: f64| self.criterion.is_better(a, b);
        let mut best: Option<(&RowResults, f64)> = None;
        for (row, mean) in self.rows.iter().filter_map(|row| Some((row, mean(row)?))) {
            if best.is_none_or(|(_, earlier)| better(mean, earlier)) {
                best = Some((row, mean));
            }
        }
        let (row, _) = best?;
        let mut runs = row.runs.iter();
        let first = runs.next()?;
        let run =
            runs.fold(
                first,
                |best, run| {
                    if better(run.summary.best_val, best.summary.best_val) { run } else { best }
                },
            );
        Some((row, run))
    }

    /// The models that a figure shows: all, or those that are best on the validation nets if they are too many to be told
    /// apart. Test nets choose nothing.
    fn drawn(&self) -> Vec<&RowResults> {
        let mean = |row: &RowResults| Spread::of(&row.values(|run| run.summary.best_val)).map(|s| s.mean);
        let n_better = |row: &RowResults| {
            let own = mean(row)?;
            let is_better =
                |other: &&RowResults| mean(other).is_some_and(|other| self.criterion.is_better(other, own));
            Some(self.rows.iter().filter(is_better).count())
        };
        let is_drawn = |row: &&RowResults| {
            self.rows.len() <= MOST_CURVES || n_better(row).is_some_and(|n| n < MOST_CURVES)
        };
        self.rows.iter().filter(is_drawn).take(MOST_CURVES).collect()
    }

    /// The course of one metric in the finished runs of the models that can be told apart, a band over the seeds of each;
    /// nothing if there is none.
    ///
    /// # Errors
    /// If the drawing fails.
    pub fn curves(
        &self,
        title: &str,
        split: Split,
        metric: &str,
        y_range: Option<(f64, f64)>,
    ) -> Result<Option<Svg>> {
        let by_step =
            self.rows.iter().any(|m| matches!(m.experiment.train().eval_every, EvalEvery::Steps(_)));
        let points = |run: &RunResult| -> Points {
            let of_split = run.records.iter().filter(|record| record.split == split);
            of_split
                .filter_map(|record| {
                    let x = if by_step { record.step } else { record.epoch };
                    Some((x as f64, *record.metrics.get(metric)?))
                })
                .collect()
        };
        let curves: Vec<(String, Vec<Points>)> =
            self.drawn().iter().map(|row| (row.label(), row.runs.iter().map(points).collect())).collect();
        let is_drawn = |runs: &[Points]| runs.iter().flatten().any(|(_, y)| y.is_finite());
        if !curves.iter().any(|(_, runs)| is_drawn(runs)) {
            return Ok(None);
        }
        let plot = CurvePlot {
            title: title.to_owned(),
            x_label: if by_step { "step" } else { "epoch" }.to_owned(),
            x_axis: XAxis::Linear,
            y_label: metric.to_owned(),
            y_range,
            // A model without a run keeps its place, and with it its color in every figure.
            curves: curves.iter().map(|(title, runs)| Curve::over_seeds(title, runs)).collect(),
            references: Vec::new(),
        };
        plot.to_svg().map(Some)
    }
}

impl RowResults {
    /// Whether no run of it has come to an end of any kind.
    pub fn is_unrun(&self) -> bool {
        self.runs.is_empty() && self.missing.iter().all(|run| run.state != RunState::Diverged)
    }

    /// One number of every finished run.
    pub fn values(&self, value: impl Fn(&RunResult) -> f64) -> Vec<f64> {
        self.runs.iter().map(value).collect()
    }

    /// A metric on the test nets, one value a finished run.
    pub fn test(&self, criterion: Criterion) -> Vec<f64> {
        self.runs.iter().filter_map(|run| run.summary.test.get(criterion.name()).copied()).collect()
    }

    /// Its name in a figure, which may have no line for it.
    fn label(&self) -> String {
        let title = &self.row.method;
        if self.runs.is_empty() { format!("{title} (not run)") } else { title.clone() }
    }
}

impl RunResult {
    fn read(run: &PlannedRun) -> Result<Self> {
        let folder = RunFolder::open(&run.folder)?;
        Ok(Self {
            program: run.program,
            summary: read_json(&folder.summary())?,
            records: read_records(&folder.records())?,
            facts: read_json(&folder.facts()).context("a finished run")?,
            folder,
        })
    }
}
