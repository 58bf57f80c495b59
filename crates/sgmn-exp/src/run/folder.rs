//! The folder of one run: everything it was made from, and everything it made.
//!
//! ```text
//! resolved.toml              the experiment as it was run; written first, never changed
//! facts.json                 machine, commit, command line, hash of the experiment
//! records.jsonl              one line per evaluation
//! events.out.tfevents.sgmn   the same for TensorBoard
//! checkpoints/last.safetensors, best.safetensors
//! plots/*.svg, *.png
//! skipped.csv                nets that could not be read and were left out, with the reason, if there are any
//! edited.packed              test nets after their edit, for runs that edit nets
//! summary.json               final numbers; its presence says that the run is finished
//! ```
//!
//! Files appear whole or not at all; only the two logs grow.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sgmn_data::lock::FileLock;

use crate::{
    config::{Experiment, ExperimentFile},
    show::{
        MachineFacts,
        save::{write_atomic, write_json},
    },
};

/// What a run was made from, beside its experiment.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunFacts {
    /// Hash of the experiment, see [`Experiment::hash`].
    pub experiment: String,
    /// Commit of the program, if it is known.
    pub commit: Option<String>,
    /// The command that started the run, word by word.
    pub command: Vec<String>,
    /// Where it ran.
    pub machine: MachineFacts,
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a new run and writes its experiment and its facts.
    ///
    /// # Errors
    /// If there is a run in the folder already, or it cannot be written.
    pub fn create(path: &Path, experiment: &Experiment, facts: &RunFacts) -> Result<Self> {
        let folder = Self { path: path.to_owned() };
        for part in [path, &path.join("checkpoints"), &path.join("plots")] {
            std::fs::create_dir_all(part).with_context(|| part.display().to_string())?;
        }
        if folder.resolved().exists() {
            bail!("{}: expected a new folder, found a run; --resume continues it", path.display());
        }
        // The experiment last: its presence makes the folder one of a run.
        write_json(&folder.facts(), facts)?;
        write_atomic(&folder.resolved(), experiment.to_toml().as_bytes())?;
        Ok(folder)
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// If there is no run in it.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self { path: path.to_owned() };
        if !folder.resolved().is_file() {
            bail!("{}: expected the folder of a run, found no resolved.toml in it", path.display());
        }
        Ok(folder)
    }

    /// The experiment as it was run.
    ///
    /// # Errors
    /// If `resolved.toml` cannot be read or is no experiment.
    pub fn experiment(&self) -> Result<Experiment> {
        ExperimentFile::open(&self.resolved().to_string_lossy())?.resolve()
    }

    /// Takes the folder for one process: two that train in it would write over each other's work.
    ///
    /// The folder is free again when the lock is dropped, or its process ends in any way.
    ///
    /// # Errors
    /// If another process has it.
    pub fn lock(&self) -> Result<FileLock> {
        let path = self.resolved();
        // File systems that several machines share lock only what is open for writing.
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let lock = file.and_then(FileLock::take).with_context(|| path.display().to_string())?;
        lock.with_context(|| {
            let folder = self.path.display();
            format!("{folder}: expected a run that stands still, found another process at work in it")
        })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `resolved.toml`
    pub fn resolved(&self) -> PathBuf {
        self.path.join("resolved.toml")
    }

    /// `facts.json`, a [`RunFacts`]
    pub fn facts(&self) -> PathBuf {
        self.path.join("facts.json")
    }

    /// `records.jsonl`, see [`RecordLog`](crate::show::RecordLog)
    pub fn records(&self) -> PathBuf {
        self.path.join("records.jsonl")
    }

    /// `events.out.tfevents.sgmn`, see [`EventLog`](crate::show::EventLog)
    pub fn events(&self) -> PathBuf {
        // TensorBoard takes any file whose name contains "tfevents".
        self.path.join("events.out.tfevents.sgmn")
    }

    /// `checkpoints/last.safetensors`, from which a run is resumed
    pub fn last_checkpoint(&self) -> PathBuf {
        self.path.join("checkpoints").join("last.safetensors")
    }

    /// `checkpoints/best.safetensors`, the best model by validation
    pub fn best_checkpoint(&self) -> PathBuf {
        self.path.join("checkpoints").join("best.safetensors")
    }

    /// `plots`
    pub fn plots(&self) -> PathBuf {
        self.path.join("plots")
    }

    /// `edited.packed`, the edited test nets of a run that edits nets
    pub fn edited(&self) -> PathBuf {
        self.path.join("edited.packed")
    }

    /// `skipped.csv`, the nets that were left out
    pub fn skipped(&self) -> PathBuf {
        self.path.join("skipped.csv")
    }

    /// `plots/NAME.svg`
    pub fn plot(&self, name: &str) -> PathBuf {
        self.path.join("plots").join(format!("{name}.svg"))
    }

    /// `diverged.json`, a [`Diverged`](crate::run::train::Diverged), where the last call ended so
    pub fn diverged(&self) -> PathBuf {
        self.path.join("diverged.json")
    }

    /// `summary.json`
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_one_run_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("resolved.toml"), "").unwrap();
        let folder = RunFolder::open(root.path()).unwrap();
        let lock = folder.lock().unwrap();
        let message = RunFolder::open(root.path()).unwrap().lock().unwrap_err().to_string();
        assert!(message.contains("another process at work"), "{message}");
        drop(lock);
        folder.lock().unwrap();
    }
}
