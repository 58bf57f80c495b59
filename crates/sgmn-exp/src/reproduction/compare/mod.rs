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
    Report, RunItem, Wishes,
    items::missing,
    page,
    plan::Request,
    report,
    results::Results,
    run,
    study::{ReportPart, Row, Scale, Study},
};
use crate::config::{DataPart, ModelPart, SizePart, TaskKind};

/// What the study of a comparison is called.
const STUDY: &str = "compare";

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
    /// Runs that have not come to an end, a few words each; the report is without them too.
    pub missing: Vec<String>,
}

impl Comparison {
    /// Makes the runs that are missing, and writes the report; what is finished is not made again.
    ///
    /// `command` is what a person types to get the same.
    ///
    /// # Errors
    /// If no model can read the nets, they cannot be opened, nothing was finished, or the work was interrupted.
    pub fn run(&self, command: &str, stop: &AtomicBool) -> Result<Compared> {
        let failed = self.make_runs(&self.entrants()?.0, None, stop)?;
        Ok(Compared { failed, ..self.report(command)? })
    }

    /// What several workers share: each model with each seed if there is one rate; each model with all of its runs if a
    /// rate is chosen first, because the others depend on that.
    ///
    /// # Errors
    /// If no model can read the nets.
    pub fn items(&self) -> Result<Vec<RunItem>> {
        let (entrants, _) = self.entrants()?;
        if self.rates.len() > 1 {
            let item = |entrant: &Entrant| RunItem {
                study: STUDY.to_owned(),
                method: entrant.title(),
                seed: None,
                experiment: entrant.experiment.hash(),
            };
            return Ok(entrants.iter().map(item).collect());
        }
        let choices = choose(&entrants, &self.rates, None);
        RunItem::all(&self.chosen(&entrants, &choices)?, &[])
    }

    /// Makes some items, without a report; names of runs that failed are returned.
    ///
    /// # Errors
    /// As [`Comparison::run`].
    pub fn make_items(&self, items: &[RunItem], stop: &AtomicBool) -> Result<Vec<String>> {
        let (entrants, _) = self.entrants()?;
        let mut failed = Vec::new();
        for item in items {
            let entrant = entrants.iter().filter(|entrant| entrant.title() == item.method);
            let entrant: Vec<Entrant> = entrant.cloned().collect();
            failed.extend(self.make_runs(&entrant, item.seed, stop)?);
        }
        Ok(failed)
    }

    /// Writes the report of the runs that are there.
    ///
    /// # Errors
    /// If no model can read the nets, or nothing is finished.
    pub fn report(&self, command: &str) -> Result<Compared> {
        let (entrants, excluded) = self.entrants()?;
        let choices = self.choices(&entrants)?;
        let request = self.chosen(&entrants, &choices)?;
        let results = Results::read(&request)?;
        let told =
            page::Told { choices: &choices, rates: &self.rates, excluded: &excluded, size: &self.size };
        let page = page::compare(&request, &results, &told, command)?;
        let table = page::table(&results);
        let tables = vec![(page.title.clone(), table)];
        let report = report::save(&self.out, &page, tables)?;
        Ok(Compared { report, failed: Vec::new(), missing: missing(&results) })
    }

    /// The models that can read the nets, at least one, and the others.
    fn entrants(&self) -> Result<(Vec<Entrant>, Vec<Excluded>)> {
        let (entrants, excluded) = entrants(self)?;
        ensure!(
            !entrants.is_empty(),
            "{}: expected a model that can read these nets, found none: {}",
            self.data.name(),
            excluded.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>().join("; ")
        );
        Ok((entrants, excluded))
    }

    /// Makes the runs of some models: those that choose a rate, then those with the seeds that are asked for.
    fn make_runs(&self, entrants: &[Entrant], seed: Option<u64>, stop: &AtomicBool) -> Result<Vec<String>> {
        let mut failed = Vec::new();
        if let Some(grid) = self.grid(entrants)? {
            eprintln!("first a run of every model at every learning rate, to choose by the validation nets");
            failed.extend(run(&grid, &self.wishes(None), stop)?);
        }
        let choices = self.choices(entrants)?;
        let request = self.chosen(entrants, &choices)?;
        failed.extend(run(&request, &self.wishes(seed), stop)?);
        failed.dedup();
        Ok(failed)
    }

    /// The runs that choose a rate; nothing if there is no choice.
    fn grid(&self, entrants: &[Entrant]) -> Result<Option<Request>> {
        if self.rates.len() < 2 {
            return Ok(None);
        }
        let rows = entrants.iter().flat_map(|entrant| self.rates.iter().map(|&rate| entrant.at(self, rate)));
        Ok(Some(self.request(rows.collect::<Result<_>>()?, 1)))
    }

    fn choices(&self, entrants: &[Entrant]) -> Result<Vec<Choice>> {
        let grid = self.grid(entrants)?.map(|grid| Results::read(&grid)).transpose()?;
        Ok(choose(entrants, &self.rates, grid.as_ref()))
    }

    /// The runs at the rates that were chosen.
    fn chosen(&self, entrants: &[Entrant], choices: &[Choice]) -> Result<Request> {
        let rows = entrants.iter().zip(choices).map(|(entrant, choice)| match choice.rate {
            Some(rate) => entrant.at(self, rate),
            None => entrant.as_it_is(self),
        });
        Ok(self.request(rows.collect::<Result<_>>()?, self.n_seeds))
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

    /// The study; a process makes a few of them, so they may stay until it ends.
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
            name: STUDY,
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

    fn wishes(&self, seed: Option<u64>) -> Wishes {
        Wishes { methods: Vec::new(), seed, time: Duration::MAX, manifests: Path::new("datasets").to_owned() }
    }
}
