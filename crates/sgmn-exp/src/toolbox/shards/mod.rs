//! Work that several processes or machines share: a plan, a worker for each shard, and what puts the shards together.
//!
//! ```text
//! sgmn plan … COMMAND ──► PLAN.toml ──► sgmn work PLAN (shard 0) ──► PLAN.shards/ ──► sgmn gather PLAN ──► what COMMAND
//!       │                          └──► sgmn work PLAN (shard 1) ──►      or the folders of runs            would make
//!       └── --emit slurm|hyperqueue|kubernetes|make: who starts the workers
//! ```
//!
//! An item, a net or a run, has chance of its own, so its bytes do not depend on the shard that it is in.
//! The engines are those that users have; nothing here starts a process on another machine.

mod emit;
pub(super) mod gather;
mod held;
mod number;
pub(super) mod plan;
mod plan_file;
pub(super) mod work;

use std::{io::Write, path::Path, sync::atomic::AtomicBool};

use anyhow::{Result, anyhow};
use clap::{Parser, Subcommand, error::ErrorKind};
use serde_json::{Map, Value};
use sgmn_data::{Made, Shard};

use super::{compare, fit, zoo};
use crate::reproduction::{RunItem, commands::RunArgs};

/// A command whose work can be cut into shards.
#[derive(Debug, Parser)]
#[command(name = "sgmn plan", no_binary_name = true, disable_help_subcommand = true)]
struct Words {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// As `sgmn fit`
    Fit(fit::Args),
    /// As `sgmn zoo`
    Zoo(zoo::Args),
    /// As `sgmn compare`
    Compare(compare::Args),
    /// As `sgmn-report run` and `cargo xtask reproduce`
    Reproduce(RunArgs),
}

/// A command that makes nets, one an item.
pub(super) trait NetsInShards {
    /// Refuses a place for the result that is taken.
    fn refuse_existing(&self) -> Result<()>;
    /// Everything that the nets depend on, by name.
    fn facts(&self) -> Result<Map<String, Value>>;
    /// Makes the nets of a shard into its file in a folder.
    fn make(&self, shard: Shard, folder: &Path, stop: &AtomicBool) -> Result<Made>;
    /// Puts the files of `count` shards together, and says what came of it.
    fn gather(&self, folder: &Path, count: usize, out: &mut dyn Write) -> Result<()>;
}

/// A command that trains models, one run an item, each in a folder of its own.
pub(super) trait RunsInShards {
    /// The runs.
    fn items(&self, stop: &AtomicBool) -> Result<Vec<RunItem>>;
    /// Makes some of them; names of what failed are returned.
    fn make(&self, items: &[RunItem], stop: &AtomicBool) -> Result<Vec<String>>;
    /// Writes the report and says what came of it; runs that are missing are returned, a few words each.
    ///
    /// `words` are the command as it was planned.
    fn gather(&self, words: &str, stop: &AtomicBool, out: &mut dyn Write) -> Result<Vec<String>>;
}

/// What kind of items a command has.
enum Kind<'a> {
    Nets(&'a dyn NetsInShards),
    Runs(&'a dyn RunsInShards),
}

impl Job {
    /// Understands the words of a command.
    ///
    /// # Errors
    /// If they are none, in one line; [`Help`] if help was asked for.
    fn parse(words: &[String]) -> Result<Self> {
        match Words::try_parse_from(words) {
            Ok(Words { job }) => Ok(job),
            Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp) => {
                Err(Help(error.to_string()).into())
            }
            Err(error) => {
                let text = error.to_string();
                let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
                let line = lines.collect::<Vec<_>>().join(" ");
                let line = line.strip_prefix("error: ").unwrap_or(&line);
                Err(anyhow!("`{}`: {line}", words.join(" ")))
            }
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Fit(args) => Kind::Nets(args),
            Self::Zoo(args) => Kind::Nets(args),
            Self::Compare(args) => Kind::Runs(args),
            Self::Reproduce(args) => Kind::Runs(args),
        }
    }
}

/// The help of a command, which is no fault.
#[derive(Debug)]
struct Help(String);

impl std::fmt::Display for Help {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Help {}

impl RunsInShards for RunArgs {
    fn items(&self, _stop: &AtomicBool) -> Result<Vec<RunItem>> {
        self.items()
    }

    fn make(&self, items: &[RunItem], stop: &AtomicBool) -> Result<Vec<String>> {
        self.make_items(items, stop)
    }

    fn gather(&self, words: &str, _stop: &AtomicBool, _out: &mut dyn Write) -> Result<Vec<String>> {
        // As a person types it who wants it from one process.
        let words = words.strip_prefix("reproduce").unwrap_or(words);
        self.gather(&format!("sgmn-report run{words}"))
    }
}
