//! The file of a plan: which command, how many shards, and what its items are, so that every worker can see whether it
//! would make the same ones.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sgmn_data::Shard;

use super::{Job, Kind};
use crate::{reproduction::RunItem, show::save::write_atomic};

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    /// Of this layout.
    version: u32,
    /// Number of shards.
    pub(super) n_shards: usize,
    /// The words of the command, as they were typed.
    pub(super) command: Vec<String>,
    /// Everything that nets depend on, if they are the items: among it their number, seed, images, and how a machine has to
    /// round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nets: Option<toml::Table>,
    /// The runs, if they are the items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    runs: Vec<RunItem>,
}

const VERSION: u32 = 1;
/// More shards are taken for a mistake.
const MOST_SHARDS: usize = 1 << 20;
/// A longer file is no plan.
const MOST_BYTES: u64 = 1 << 26;

impl PlanFile {
    /// The plan of a command.
    ///
    /// # Errors
    /// If the command cannot be fulfilled, or has fewer items than there would be shards.
    pub(super) fn new(
        command: &[String],
        n_shards: usize,
        job: &Job,
        stop: &super::AtomicBool,
    ) -> Result<Self> {
        let (nets, runs) = match job.kind() {
            Kind::Nets(nets) => (Some(table(nets.facts()?)), Vec::new()),
            Kind::Runs(runs) => (None, runs.items(stop)?),
        };
        let plan = Self { version: VERSION, n_shards, command: command.to_vec(), nets, runs };
        let n_items = plan.n_items()?;
        ensure!(
            (1..=n_items.min(MOST_SHARDS)).contains(&n_shards),
            "--shards: expected 1 to {}, since there are {n_items} items, found {n_shards}",
            n_items.min(MOST_SHARDS)
        );
        Ok(plan)
    }

    /// Reads a plan and the command in it.
    ///
    /// # Errors
    /// If the file cannot be read or is no plan of this version.
    pub(super) fn open(path: &Path) -> Result<(Self, Job)> {
        let said = || path.display().to_string();
        let length = std::fs::metadata(path).with_context(said)?.len();
        ensure!(length <= MOST_BYTES, "{}: expected a plan, found a file of {length} bytes", path.display());
        let text = std::fs::read_to_string(path).with_context(said)?;
        let plan: Self =
            toml::from_str(&text).with_context(|| format!("{}: expected a plan", path.display()))?;
        let Self { version, n_shards, .. } = plan;
        ensure!(version == VERSION, "{}: version: expected {VERSION}, found {version}", path.display());
        let n_items = plan.n_items().with_context(said)?;
        ensure!(
            (1..=n_items.min(MOST_SHARDS)).contains(&n_shards),
            "{}: n_shards: expected 1 to {n_items}, the items there are, found {n_shards}",
            path.display()
        );
        let job = Job::parse(&plan.command).with_context(said)?;
        Ok((plan, job))
    }

    /// Writes the plan, with a line for people above it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).context("a plan as TOML")?;
        let head = "# A plan: `sgmn work` makes its shards, `sgmn gather` puts them together. It is written by `sgmn plan`.\n";
        write_atomic(path, format!("{head}{text}").as_bytes())
    }

    /// Refuses to go on where the same command would make other items than those of the plan.
    ///
    /// # Errors
    /// With all that differs.
    pub(super) fn check(&self, path: &Path, job: &Job, stop: &super::AtomicBool) -> Result<()> {
        let here = Self::new(&self.command, self.n_shards, job, stop)?;
        let differences = self.differences(&here);
        if !differences.is_empty() {
            bail!(
                "{}: expected the items that this program makes here, found others: {}",
                path.display(),
                differences.join("; ")
            );
        }
        Ok(())
    }

    /// What another plan of the same command has otherwise, a few words each.
    fn differences(&self, here: &Self) -> Vec<String> {
        let flat = |plan: &Self| plan.nets.clone().unwrap_or_default();
        let (planned, found) = (flat(self), flat(here));
        let keys: std::collections::BTreeSet<&String> = planned.keys().chain(found.keys()).collect();
        let shown = |value: Option<&toml::Value>| value.map_or("nothing".to_owned(), ToString::to_string);
        let mut differences: Vec<String> = keys
            .into_iter()
            .filter(|key| planned.get(*key) != found.get(*key))
            .map(|key| {
                format!("{key} is {} in the plan, {} here", shown(planned.get(key)), shown(found.get(key)))
            })
            .collect();
        let other = self.runs.iter().zip(&here.runs).find(|(planned, found)| planned != found);
        if let Some((planned, found)) = other {
            differences.push(format!("a run is {planned} in the plan, {found} of other settings here"));
        } else if self.runs.len() != here.runs.len() {
            differences.push(format!("{} runs in the plan, {} here", self.runs.len(), here.runs.len()));
        }
        differences
    }

    /// Number of items.
    fn n_items(&self) -> Result<usize> {
        match &self.nets {
            Some(facts) => {
                let n_nets = facts.get("n_nets").and_then(toml::Value::as_integer);
                n_nets
                    .and_then(|n| usize::try_from(n).ok())
                    .context("nets.n_nets: expected a number of nets, found none")
            }
            None => Ok(self.runs.len()),
        }
    }

    /// The runs of a shard.
    pub(super) fn runs(&self, shard: Shard) -> &[RunItem] {
        &self.runs[shard.items(self.runs.len())]
    }

    /// The items of a shard in a few words.
    pub(super) fn items(&self, shard: Shard) -> Result<String> {
        let items = shard.items(self.n_items()?);
        let kind = if self.nets.is_some() { "nets" } else { "runs" };
        Ok(format!("{kind} {} to {}", items.start, items.end - 1))
    }
}

/// The folder beside a plan that holds what its workers leave.
pub(super) fn shards_folder(plan: &Path) -> PathBuf {
    plan.with_extension("shards")
}

/// Facts as TOML, which has no word for nothing: what is nothing is left out.
fn table(facts: Map<String, Value>) -> toml::Table {
    facts.into_iter().filter_map(|(key, value)| Some((key, toml_value(value)?))).collect()
}

fn toml_value(value: Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(yes) => yes.into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.into(),
        Value::Array(values) => values.into_iter().filter_map(toml_value).collect::<Vec<_>>().into(),
        Value::Object(facts) => table(facts).into(),
    })
}
