//! The runs of a study, and how far each of them is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::study::{Study, StudyModel};
use crate::{
    config::{Experiment, ExperimentFile},
    run_folder::{RunFolder, read_json},
    train::Summary,
};

/// What is to be reproduced, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// The experiments.
    pub study: &'static Study,
    /// Runs of each model, with seeds from 0.
    pub n_seeds: u64,
    /// Assignments `a.b=c` laid over every experiment.
    pub overrides: Vec<String>,
    /// Folder of everything that is made.
    pub out: PathBuf,
    /// Folder of the nets.
    pub data_dir: PathBuf,
}

/// All runs in the order in which they are made: every model with seed 0, then every model with seed 1, and so on.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The runs.
    pub runs: Vec<PlannedRun>,
}

/// One run of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedRun {
    /// Name of the model in tables.
    pub model: &'static str,
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
    /// Arguments of `inr-classification` that bring it to its end.
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
    /// Finished.
    Finished {
        /// Working time in seconds.
        seconds: f64,
    },
}

impl Plan {
    /// Looks at the disk and says what is there and what is missing.
    ///
    /// # Errors
    /// If an experiment does not resolve, or an earlier run cannot be read.
    pub fn new(request: &Request) -> Result<Self> {
        let mut runs = Vec::new();
        for seed in 0..request.n_seeds {
            for model in request.study.models {
                runs.push(PlannedRun::new(request, model, seed)?);
            }
        }
        Ok(Self { runs })
    }
}

impl Request {
    /// The experiment of a model with this seed.
    ///
    /// # Errors
    /// If it does not resolve.
    pub fn experiment(&self, model: &StudyModel, seed: u64) -> Result<Experiment> {
        let mut file = ExperimentFile::open(model.experiment)?;
        for assignment in self.assignments(seed) {
            file.set(&assignment)?;
        }
        file.resolve()
    }

    /// The seed comes last: an override of it would give every run the same one.
    fn assignments(&self, seed: u64) -> impl Iterator<Item = String> {
        self.overrides.iter().cloned().chain([format!("train.seed={seed}")])
    }
}

impl PlannedRun {
    fn new(request: &Request, model: &StudyModel, seed: u64) -> Result<Self> {
        let experiment = request.experiment(model, seed)?;
        let runs = request.out.join("runs");
        let plain = runs.join(format!("{}-seed{seed}", model.experiment));
        // A run of other settings stays where it is; this one goes beside it.
        let (folder, avoided) = match holds_other(&plain, &experiment) {
            false => (plain, None),
            true => (
                runs.join(format!("{}-seed{seed}-{}", model.experiment, &experiment.hash()[..8])),
                Some(plain),
            ),
        };
        let state = state_of(&folder, &experiment)?;
        let mut arguments = Vec::new();
        let mut push = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
        push("--experiment", model.experiment.to_owned());
        for assignment in request.assignments(seed) {
            push("--set", assignment);
        }
        push("--run", text(&folder)?);
        push("--data-dir", text(&request.data_dir)?);
        if state != RunState::New {
            arguments.push("--resume".to_owned());
        }
        Ok(Self { model: model.title, seed, folder, avoided, state, arguments, experiment })
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
        return Ok(RunState::Unfinished);
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
