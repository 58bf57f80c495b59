//! Which model reads these nets best? Every model that can read them, trained on equal terms.
//!
//! ```text
//! nets, task, size ──► Entrant: a model as an experiment ──► a run at every rate ──► the best rate by the validation nets
//!                  └─► models that cannot read them, and why                            │
//!                                            one page ◄── Results ◄── further seeds ◄───┘
//! ```
//!
//! A comparison is a study that is made up on the spot, so plan, runs, results and figures are those of a reproduction.

mod entrants;
mod rates;

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Duration,
};

use anyhow::{Result, ensure};
use sgmn_graph::Lowering;

pub use self::entrants::Entrant;
pub(super) use self::{entrants::Excluded, rates::Choice};
use self::{entrants::entrants, rates::choose};
use super::{
    Report, Wishes, page,
    plan::Request,
    report,
    results::Results,
    run,
    study::{ReportPart, Row, Scale, Study},
};
use crate::config::{DataPart, ModelPart, SizePart, TaskKind};

/// What is compared, and where.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The nets.
    pub data: DataPart,
    /// Their architectures.
    pub lowering: Lowering,
    /// The folder from which the paths of data count.
    pub data_dir: PathBuf,
    /// What is asked about them.
    pub task: TaskKind,
    /// How much work each model is.
    pub size: SizePart,
    /// The models.
    pub models: Vec<ModelPart>,
    /// Learning rates to choose from, by the validation nets; none keeps the rate of each model.
    pub rates: Vec<f64>,
    /// Runs of each model, with seeds from 0.
    pub n_seeds: u64,
    /// Assignments `a.b=c` laid over every experiment.
    pub overrides: Vec<String>,
    /// Folder of everything that is made.
    pub out: PathBuf,
}

/// A comparison that was made.
#[derive(Debug, Clone)]
pub struct Compared {
    /// What was written.
    pub report: Report,
    /// Names of runs that failed; the report is without them.
    pub failed: Vec<String>,
}

impl Comparison {
    /// Makes the runs that are missing, and writes the report; what is finished is not made again.
    ///
    /// `command` is what a person types to get the same.
    ///
    /// # Errors
    /// If no model can read the nets, they cannot be opened, nothing was finished, or the work was interrupted.
    pub fn run(&self, command: &str, stop: &AtomicBool) -> Result<Compared> {
        let (entrants, excluded) = entrants(self)?;
        ensure!(
            !entrants.is_empty(),
            "{}: expected a model that can read these nets, found none: {}",
            self.data.name(),
            excluded.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>().join("; ")
        );
        let mut failed = Vec::new();
        let grid = match self.rates.as_slice() {
            [] | [_] => None,
            rates => {
                let rows =
                    entrants.iter().flat_map(|entrant| rates.iter().map(|&rate| entrant.at(self, rate)));
                let request = self.request(rows.collect::<Result<_>>()?, 1);
                eprintln!(
                    "first a run of every model at every learning rate, to choose by the validation nets"
                );
                failed.extend(run(&request, &self.wishes(), stop)?);
                Some(Results::read(&request)?)
            }
        };
        let choices = choose(&entrants, &self.rates, grid.as_ref());
        let rows = entrants.iter().zip(&choices).map(|(entrant, choice)| match choice.rate {
            Some(rate) => entrant.at(self, rate),
            None => entrant.as_it_is(self),
        });
        let request = self.request(rows.collect::<Result<_>>()?, self.n_seeds);
        failed.extend(run(&request, &self.wishes(), stop)?);
        failed.dedup();
        let results = Results::read(&request)?;
        let told =
            page::Told { choices: &choices, rates: &self.rates, excluded: &excluded, size: &self.size };
        let page = page::compare(&request, &results, &told, command)?;
        let table = page::table(&results);
        let tables = vec![(page.title.clone(), table)];
        let report = report::save(&self.out, &page, tables)?;
        Ok(Compared { report, failed })
    }

    fn request(&self, rows: Vec<Row>, n_seeds: u64) -> Request {
        Request {
            scale: Scale::Quick,
            only: Vec::new(),
            studies: Vec::new(),
            n_seeds,
            fit: false,
            // They stand in the files of the experiments.
            overrides: Vec::new(),
            out: self.out.clone(),
            data_dir: self.data_dir.clone(),
            own: Some(self.study(rows)),
        }
    }

    /// The study; a process makes two of them, so they may stay until it ends.
    fn study(&self, rows: Vec<Row>) -> &'static Study {
        let (part, question) = match self.task {
            TaskKind::Classify => {
                (ReportPart::Classification, "Each model reads the class of a net from its weights.")
            }
            TaskKind::Predict | TaskKind::Regress => {
                (ReportPart::Generalization, "Each model reads a number about a net from its weights.")
            }
            TaskKind::Edit => {
                (ReportPart::Editing, "Each model changes the weights of a net so that its picture changes.")
            }
        };
        Box::leak(Box::new(Study {
            name: "compare",
            part,
            scale: Scale::Quick,
            nets: self.data.name().to_owned().leak(),
            question,
            paper_column: None,
            differs: None,
            manifests: &[],
            images: None,
            rows,
            claims: &[],
        }))
    }

    fn wishes(&self) -> Wishes {
        Wishes { methods: Vec::new(), time: Duration::MAX, manifests: Path::new("datasets").to_owned() }
    }
}
