//! What the finished runs of a study came to.

use anyhow::{Context, Result};

use super::{
    plan::{Plan, PlannedRun, Request, RunState},
    study::{Study, StudyModel},
};
use crate::{
    config::{EvalEvery, Experiment},
    metrics::Spread,
    report::{
        Curve, CurvePlot, ResultRow, RunRecord, Split, Svg, Table, percent, read_records, result_table,
    },
    run_folder::{RunFacts, RunFolder, read_json},
    train::Summary,
};

/// The course of a metric in one run.
type Points = Vec<(f64, f64)>;

/// Everything that the report of a study is made from.
#[derive(Debug, Clone)]
pub struct Results {
    /// The experiments.
    pub study: &'static Study,
    /// One entry a model, in the order of the study.
    pub models: Vec<ModelResults>,
}

/// The runs of one model.
#[derive(Debug, Clone)]
pub struct ModelResults {
    /// The model.
    pub model: StudyModel,
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
        let mut models = Vec::new();
        for model in request.study.models {
            let experiment = request.experiment(model, 0)?;
            models.push(ModelResults { model: *model, experiment, runs: Vec::new(), missing: Vec::new() });
        }
        for run in Plan::new(request)?.runs {
            let entry = models.iter_mut().find(|entry| entry.model.title == run.model);
            let entry = entry.expect("a plan has the models of its study");
            match run.state {
                RunState::Finished { .. } => entry.runs.push(RunResult::read(&run)?),
                RunState::New | RunState::Unfinished => entry.missing.push(run),
            }
        }
        Ok(Self { study: request.study, models })
    }

    /// All finished runs.
    pub fn runs(&self) -> impl Iterator<Item = &RunResult> {
        self.models.iter().flat_map(|model| &model.runs)
    }

    /// The model with the best mean accuracy on the validation nets, and its best run by the same measure.
    ///
    /// Test nets choose nothing.
    pub fn best(&self) -> Option<(&ModelResults, &RunResult)> {
        let mean =
            |model: &ModelResults| Spread::of(&model.values(|run| run.summary.best_val)).map(|s| s.mean);
        let finished = self.models.iter().filter_map(|model| Some((model, mean(model)?)));
        let (model, _) = finished.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let run = model.runs.iter().max_by(|a, b| a.summary.best_val.total_cmp(&b.summary.best_val))?;
        Some((model, run))
    }

    /// One row a model: accuracy on the test nets, what the paper has, sizes and times.
    pub fn table(&self) -> Table {
        let rows: Vec<ResultRow> = self.models.iter().map(|model| model.row(self.study)).collect();
        let mut table = result_table("test accuracy", &rows);
        table.header.push("nets/s".to_owned());
        if let Some(data) = self.study.paper_data {
            table.header.push(format!("paper, {data} %"));
        }
        for (cells, model) in table.rows.iter_mut().zip(&self.models) {
            if model.runs.is_empty() {
                cells[1] = "not run".to_owned();
            }
            let speed = Spread::of(&model.values(|run| run.summary.nets_per_second));
            cells.push(speed.map_or_else(dash, |speed| format!("{:.0}", speed.mean)));
            if self.study.paper_data.is_some() {
                cells.push(model.model.paper.map_or_else(dash, |(mean, std)| percent(mean, Some(std))));
            }
        }
        table
    }

    /// One row a run, those that were not made included.
    pub fn table_of_runs(&self) -> Table {
        let header = ["model", "seed", "test %", "validation %", "best epoch", "steps", "time"];
        let mut rows = Vec::new();
        for model in &self.models {
            for RunResult { summary, .. } in &model.runs {
                rows.push(vec![
                    model.model.title.to_owned(),
                    summary.seed.to_string(),
                    accuracy(summary).map_or_else(dash, |value| percent(value, None)),
                    percent(summary.best_val, None),
                    summary.best_epoch.to_string(),
                    summary.n_steps.to_string(),
                    format!("{:.1} s", summary.seconds),
                ]);
            }
            for run in &model.missing {
                let state = if run.state == RunState::New { "not run" } else { "unfinished" };
                let mut cells = vec![run.model.to_owned(), run.seed.to_string(), state.to_owned()];
                cells.resize_with(header.len(), dash);
                rows.push(cells);
            }
        }
        Table { header: header.map(str::to_owned).to_vec(), rows }
    }

    /// The course of one metric in all finished runs, a band over the seeds of a model; nothing if there is none.
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
            self.models.iter().any(|m| matches!(m.experiment.train().eval_every, EvalEvery::Steps(_)));
        let points = |run: &RunResult| -> Points {
            let of_split = run.records.iter().filter(|record| record.split == split);
            of_split
                .filter_map(|record| {
                    let x = if by_step { record.step } else { record.epoch };
                    Some((x as f64, *record.metrics.get(metric)?))
                })
                .collect()
        };
        let curves: Vec<(String, Vec<Points>)> = self
            .models
            .iter()
            .map(|model| (model.label(), model.runs.iter().map(points).collect()))
            .collect();
        let is_drawn = |runs: &[Points]| runs.iter().flatten().any(|(_, y)| y.is_finite());
        if !curves.iter().any(|(_, runs)| is_drawn(runs)) {
            return Ok(None);
        }
        let plot = CurvePlot {
            title: title.to_owned(),
            x_label: if by_step { "step" } else { "epoch" }.to_owned(),
            y_label: metric.to_owned(),
            y_range,
            // A model without a run keeps its place, and with it its color in every figure.
            curves: curves.iter().map(|(title, runs)| Curve::over_seeds(title, runs)).collect(),
            references: Vec::new(),
        };
        plot.to_svg().map(Some)
    }
}

impl ModelResults {
    /// One number of every finished run.
    pub fn values(&self, value: impl Fn(&RunResult) -> f64) -> Vec<f64> {
        self.runs.iter().map(value).collect()
    }

    /// Accuracy on the test nets, over seeds.
    pub fn accuracy(&self) -> Option<Spread> {
        let values: Vec<f64> = self.runs.iter().filter_map(|run| accuracy(&run.summary)).collect();
        Spread::of(&values)
    }

    /// Its name in a figure, which may have no line for it.
    fn label(&self) -> String {
        let title = self.model.title;
        if self.runs.is_empty() { format!("{title} (not run)") } else { title.to_owned() }
    }

    fn row(&self, study: &Study) -> ResultRow {
        ResultRow {
            method: self.model.title.to_owned(),
            n_params: self.runs.first().map(|run| run.summary.n_params),
            values: self.runs.iter().filter_map(|run| accuracy(&run.summary)).collect(),
            // A difference to numbers on other data would mean nothing.
            paper: self.model.paper.filter(|_| study.paper_data.is_none()),
            seconds: self.values(|run| run.summary.seconds),
        }
    }
}

impl RunResult {
    fn read(run: &PlannedRun) -> Result<Self> {
        let folder = RunFolder::open(&run.folder)?;
        Ok(Self {
            summary: read_json(&folder.summary())?,
            records: read_records(&folder.records())?,
            facts: read_json(&folder.facts()).context("a finished run")?,
            folder,
        })
    }
}

fn accuracy(summary: &Summary) -> Option<f64> {
    summary.test.get("accuracy").copied()
}

fn dash() -> String {
    "–".to_owned()
}
