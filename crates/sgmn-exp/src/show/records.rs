//! The log of a run: one JSON line per evaluation, only ever appended to.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sgmn_data::split::Split;

use super::save::write_atomic;

/// One evaluation of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Which nets the metrics were measured on.
    pub split: Split,
    /// Finished passes over the training nets.
    pub epoch: u64,
    /// Finished optimizer steps.
    pub step: u64,
    /// Metrics by name, such as `loss` (nats per net) and `accuracy` (in [0, 1]).
    #[serde(with = "finite_or_word")]
    pub metrics: BTreeMap<String, f64>,
    /// Numerical repairs since the last record, by kind, such as the number of zero norms that were guarded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repairs: BTreeMap<String, u64>,
    /// Nets per second while the metrics were measured.
    pub nets_per_second: f64,
    /// How long the run waited for batches since the record of training before, in seconds; in records of training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_seconds: Option<f64>,
    /// Working time of the run so far, all its parts together, in seconds.
    pub seconds: f64,
    /// When the record was written, in seconds since 1970; for people only, nothing in a run depends on it.
    pub unix_time: f64,
}

/// The open log file of a run.
#[derive(Debug)]
pub struct RecordLog {
    file: File,
}

impl RecordLog {
    /// Starts a new log.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        Ok(Self { file: file.with_context(|| path.display().to_string())? })
    }

    /// Opens the log of a run that continues from step `last_step`; also returns the records that stay.
    ///
    /// A last line that was torn by a crash is dropped, and so are records of later steps, which will come again.
    ///
    /// # Errors
    /// If the file cannot be read or written, or another line than the last is no record.
    pub fn resume(path: &Path, last_step: u64) -> Result<(Self, Vec<RunRecord>)> {
        let mut records = read_records(path)?;
        records.retain(|record| record.step <= last_step);
        let lines: Result<Vec<String>> = records.iter().map(line).collect();
        write_atomic(path, lines?.concat().as_bytes())?;
        let file = OpenOptions::new().append(true).open(path);
        Ok((Self { file: file.with_context(|| path.display().to_string())? }, records))
    }

    /// Appends one record and hands it to the system at once.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn append(&mut self, record: &RunRecord) -> Result<()> {
        // One write call a line: a crash can tear the last line only.
        self.file.write_all(line(record)?.as_bytes()).context("appending to the log of the run")
    }
}

/// Reads the log of a run, finished or not; a torn last line is left out.
///
/// # Errors
/// If the file cannot be read, or another line than the last is no record.
pub fn read_records(path: &Path) -> Result<Vec<RunRecord>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let complete = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let lines: Vec<&[u8]> = bytes[..complete].split_inclusive(|&byte| byte == b'\n').collect();
    let mut records = Vec::with_capacity(lines.len());
    for (number, text) in lines.iter().enumerate() {
        match serde_json::from_slice(text) {
            Ok(record) => records.push(record),
            // Some file systems fill a torn line with zeros and keep what was written after it.
            Err(_) if number + 1 == lines.len() => {}
            Err(error) => bail!("{}: line {}: expected a record, found {error}", path.display(), number + 1),
        }
    }
    Ok(records)
}

fn line(record: &RunRecord) -> Result<String> {
    let mut text = serde_json::to_string(record).context("a record cannot be written as JSON")?;
    text.push('\n');
    Ok(text)
}

/// JSON has no word for infinity or "not a number", but a run that diverges must be able to say so.
mod finite_or_word {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Number {
        Finite(f64),
        Word(String),
    }

    pub(super) fn serialize<S: Serializer>(
        metrics: &BTreeMap<String, f64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(metrics.iter().map(|(name, &value)| {
            let number =
                if value.is_finite() { Number::Finite(value) } else { Number::Word(value.to_string()) };
            (name, number)
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let numbers = BTreeMap::<String, Number>::deserialize(from)?;
        let value = |number| match number {
            Number::Finite(value) => Ok(value),
            Number::Word(word) => word.parse().map_err(de::Error::custom),
        };
        numbers.into_iter().map(|(name, number)| Ok((name, value(number)?))).collect()
    }
}
