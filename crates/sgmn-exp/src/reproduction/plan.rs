//! The runs of a reproduction, and how far each of them is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::study::{ReportPart, Row, Scale, Study};
use crate::{
    config::{Data, Experiment, ExperimentFile},
    run::{folder::RunFolder, train::Summary},
    show::save::read_json,
};

/// What is to be reproduced, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// How much work it is.
    pub scale: Scale,
    /// Parts of the report; none for all.
    pub only: Vec<ReportPart>,
    /// Names of studies; none for all of the parts.
    pub studies: Vec<String>,
    /// Runs of each model, with seeds from 0.
    pub n_seeds: u64,
    /// Whether INRs are fitted to images here where the published ones would be read.
    pub fit: bool,
    /// Assignments `a.b=c` laid over every experiment.
    pub overrides: Vec<String>,
    /// Folder of everything that is made.
    pub out: PathBuf,
    /// Folder of the nets.
    pub data_dir: PathBuf,
    /// A study that is made up on the spot, in place of those that come with the program.
    pub own: Option<&'static Study>,
}

/// All runs in the order in which they are made.
///
/// Every model with seed 0 comes before any with seed 1; further seeds of ablations come last.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The studies in the order of the report.
    pub studies: Vec<PlannedStudy>,
    /// The runs; one that several studies show is here once.
    pub runs: Vec<PlannedRun>,
}

/// One study of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStudy {
    /// Its name.
    pub name: &'static str,
    /// Names of the manifests of what has to be fetched for it.
    pub manifests: Vec<&'static str>,
}

/// One run of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedRun {
    /// Name of the first study that shows it.
    pub study: &'static str,
    /// Name of the model there.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// The folder of the run.
    pub folder: PathBuf,
    /// A folder that would have been taken, had it not held a run of other settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avoided: Option<PathBuf>,
    /// How far it is.
    #[serde(flatten)]
    pub state: RunState,
    /// The program that makes it.
    pub program: &'static str,
    /// Arguments of the program that bring the run to its end.
    pub arguments: Vec<String>,
    /// What is run.
    #[serde(skip)]
    pub experiment: Experiment,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Not begun.
    New,
    /// Begun and to be resumed.
    Unfinished,
    /// Begun, and left the range of numbers; the same settings would do so again.
    Diverged,
    /// Finished.
    Finished {
        /// Working time in seconds.
        seconds: f64,
    },
}

/// Whether a study says what parts of a model are worth.
fn is_ablation(study: &Study) -> bool {
    study.part == ReportPart::Ablations
}

impl Plan {
    /// Looks at the disk and says what is there and what is missing.
    ///
    /// # Errors
    /// If no study fits the request, an experiment does not resolve, or an earlier run cannot be read.
    pub fn new(request: &Request) -> Result<Self> {
        let studies = request.studies()?;
        let mut runs: Vec<PlannedRun> = Vec::new();
        let rounds = (0..request.n_seeds).map(|seed| (seed, false));
        // What the tables claim needs its seeds first.
        let late = (1..request.n_seeds).map(|seed| (seed, true));
        for (seed, ablations) in rounds.chain(late) {
            for study in &studies {
                if seed > 0 && is_ablation(study) != ablations {
                    continue;
                }
                for row in &study.rows {
                    let run = PlannedRun::new(request, study, row, seed)?;
                    if runs.iter().all(|other| other.folder != run.folder) {
                        runs.push(run);
                    }
                }
            }
        }
        let planned = |study: &&Study| PlannedStudy { name: study.name, manifests: request.manifests(study) };
        Ok(Self { studies: studies.iter().map(planned).collect(), runs })
    }
}

impl Request {
    /// The studies that are asked for, in the order of the report.
    ///
    /// # Errors
    /// If a name is unknown, or none is left.
    pub fn studies(&self) -> Result<Vec<&'static Study>> {
        if let Some(own) = self.own {
            return Ok(vec![own]);
        }
        for name in &self.studies {
            Study::named(name)?;
        }
        let is_asked_for = |study: &&Study| {
            // Ablations have one size; a long job has room for them.
            let scale = study.scale == self.scale
                || is_ablation(study) && study.scale == Scale::Quick && self.scale == Scale::Small;
            scale
                && (self.only.is_empty() || self.only.contains(&study.part))
                && (self.studies.is_empty() || self.studies.iter().any(|name| name == study.name))
        };
        let studies: Vec<&Study> = Study::all().filter(is_asked_for).collect();
        ensure!(
            !studies.is_empty(),
            "expected a study of scale {:?} among {:?} {:?}, found none",
            self.scale,
            self.only,
            self.studies
        );
        Ok(studies)
    }

    /// The experiment of a row with this seed.
    ///
    /// # Errors
    /// If it does not resolve.
    pub fn experiment(&self, study: &Study, row: &Row, seed: u64) -> Result<Experiment> {
        let mut file = ExperimentFile::open(&row.experiment)?;
        for assignment in self.assignments(study, seed) {
            file.set(&assignment)?;
        }
        file.resolve()
    }

    /// The data that all experiments of a study name.
    ///
    /// # Errors
    /// If they do not resolve, or not all read the same.
    pub fn data(&self, study: &Study) -> Result<Data> {
        let mut shared: Option<Data> = None;
        for row in &study.rows {
            let experiment = self.experiment(study, row, 0)?;
            let data = shared.get_or_insert_with(|| experiment.data().clone());
            ensure!(
                data == experiment.data(),
                "[data]: expected all models of {} to read the same nets, found others for {}",
                study.name,
                row.method
            );
        }
        shared.context("a study has at least one row")
    }

    /// The manifests of what has to be fetched for a study.
    pub fn manifests(&self, study: &Study) -> Vec<&'static str> {
        match study.images.filter(|_| self.fit) {
            Some(images) => vec![images],
            None => study.manifests.to_vec(),
        }
    }

    /// The seed comes last: an override of it would give every run the same one.
    fn assignments(&self, study: &Study, seed: u64) -> Vec<String> {
        let mut assignments = Vec::new();
        if let Some(images) = study.images.filter(|_| self.fit) {
            // The split has the sizes of the published one.
            let fitted = ["kind=fitted", "n_train=55000", "n_val=5000", "n_test=10000", "fit_seed=0"];
            assignments.extend(fitted.map(|assignment| format!("data.{assignment}")));
            assignments.push(format!("data.images={images}"));
        }
        assignments.extend(self.overrides.iter().cloned());
        assignments.push(format!("train.seed={seed}"));
        assignments
    }
}

impl PlannedRun {
    fn new(request: &Request, study: &Study, row: &Row, seed: u64) -> Result<Self> {
        let experiment = request.experiment(study, row, seed)?;
        let runs = request.out.join("runs");
        let name = row.name();
        let plain = runs.join(format!("{name}-seed{seed}"));
        // A run of other settings stays where it is; this one goes beside it.
        let (folder, avoided) = match holds_other(&plain, &experiment) {
            false => (plain, None),
            true => (runs.join(format!("{name}-seed{seed}-{}", &experiment.hash()[..8])), Some(plain)),
        };
        let mut arguments = Vec::new();
        let mut push = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
        push("--experiment", row.experiment.clone());
        for assignment in request.assignments(study, seed) {
            push("--set", assignment);
        }
        push("--run", text(&folder)?);
        push("--data-dir", text(&request.data_dir)?);
        let program = experiment.task().program();
        let (study, method, state) = (study.name, row.method.clone(), RunState::New);
        let mut run = Self { study, method, seed, folder, avoided, state, program, arguments, experiment };
        run.look_again()?;
        Ok(run)
    }

    /// Finds out from the disk how far the run is now.
    ///
    /// # Errors
    /// If a file of the run is damaged.
    pub fn look_again(&mut self) -> Result<()> {
        const RESUME: &str = "--resume";
        self.state = state_of(&self.folder, &self.experiment)?;
        let is_resumed = self.arguments.last().is_some_and(|word| word == RESUME);
        if self.state != RunState::New && !is_resumed {
            self.arguments.push(RESUME.to_owned());
        }
        Ok(())
    }
}

/// Whether a folder holds a run, but not of this experiment.
fn holds_other(folder: &Path, experiment: &Experiment) -> bool {
    let Ok(folder) = RunFolder::open(folder) else { return false };
    // What does not read any more was written by another version, and is another experiment too.
    folder.experiment().ok().is_none_or(|found| found != *experiment)
}

fn state_of(folder: &Path, experiment: &Experiment) -> Result<RunState> {
    let Ok(folder) = RunFolder::open(folder) else { return Ok(RunState::New) };
    if !folder.summary().exists() {
        return Ok(if folder.diverged().exists() { RunState::Diverged } else { RunState::Unfinished });
    }
    // Resuming a run whose summary is of another version writes it anew.
    let summary: Option<Summary> = read_json(&folder.summary()).ok();
    Ok(match summary.filter(|summary| summary.experiment == experiment.hash()) {
        Some(summary) => RunState::Finished { seconds: summary.seconds },
        None => RunState::Unfinished,
    })
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("{}: expected a path in UTF-8", path.display()))?;
    Ok(text.to_owned())
}
