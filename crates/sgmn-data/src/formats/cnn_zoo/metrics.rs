//! What is known about each row of the zoo: its training step, its activation, and the number that is asked for.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use csv::{ReaderBuilder, StringRecord};

use super::{ZooActivation, order::Order};
use crate::{
    Error, Result,
    beside::{table, text},
};

/// Bytes of text per line at most; published lines have some 300.
const MAX_LINE: u64 = 4096;

/// Steps that an error names.
const MOST_STEPS: usize = 10;

/// Names of the file, as published and unpacked.
const NAMES: [&str; 2] = ["metrics.csv.gz", "metrics.csv"];

/// The three columns that are used, for every row of `weights.npy`.
#[derive(Debug)]
pub(super) struct Metrics {
    /// What is wrong with a row counts only where the row is used.
    lines: Vec<(i64, Result<Known, String>)>,
    path: PathBuf,
}

/// What is known about a row that is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known {
    pub(super) activation: ZooActivation,
    pub(super) target: f64,
}

/// The places of the columns.
struct Columns {
    step: usize,
    activation: Option<usize>,
    target: usize,
}

impl Metrics {
    /// Reads `metrics.csv.gz` or `metrics.csv`, which must have one line for each of the `n_rows` rows. `target` is the
    /// column of the number that is asked for, `activation` what all nets have if there is no column for it.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`].
    pub(super) fn read(
        root: &Path,
        target: &str,
        activation: Option<ZooActivation>,
        n_rows: usize,
    ) -> Result<Self> {
        let path = &path(root)?;
        let text = text::bytes(path, (n_rows as u64 + 2).saturating_mul(MAX_LINE))?;
        let mut text = BufReader::new(text);
        let first = text.fill_buf().map_err(Error::io(path))?;
        let first = String::from_utf8_lossy(first.split(|byte| *byte == b'\n').next().unwrap_or_default())
            .into_owned();
        let mut reader =
            ReaderBuilder::new().delimiter(table::delimiter(&first)).trim(csv::Trim::All).from_reader(text);
        let damaged =
            |why: csv::Error| Error::format(path, "lines with as many cells as the first", why.to_string());
        let columns = columns(reader.headers().map_err(damaged)?, target, activation, path)?;
        let mut lines = Vec::new();
        for line in reader.into_records() {
            let line = line.map_err(damaged)?;
            let step = line[columns.step].parse::<f64>().ok().filter(|step| step.fract() == 0.0);
            let step = step.filter(|step| step.abs() <= f64::from(u32::MAX) && lines.len() < n_rows);
            let Some(step) = step else {
                let expected = format!("{n_rows} lines, those of weights.npy, each with a whole step");
                let found = format!("step {:?} in line {}", &line[columns.step], lines.len() + 1);
                return Err(Error::format(path, expected, found));
            };
            lines.push((step as i64, known(&line, &columns, activation)));
        }
        if lines.len() != n_rows {
            return Err(Error::format(
                path,
                format!("{n_rows} lines, those of weights.npy"),
                lines.len().to_string(),
            ));
        }
        Ok(Self { lines, path: path.to_owned() })
    }

    /// Of the rows in order, those of one step: (place in the order, what is known, or why it cannot be used).
    ///
    /// # Errors
    /// [`Error::Format`] if no row is of the step.
    pub(super) fn lines_of_step(
        &self,
        order: &Order,
        step: i64,
    ) -> Result<Vec<(usize, Result<Known, String>)>> {
        let of_step = order.rows.iter().enumerate().filter(|(_, row)| self.lines[**row].0 == step);
        let kept: Vec<_> = of_step.map(|(place, &row)| (place, self.lines[row].1.clone())).collect();
        if kept.is_empty() {
            let steps: BTreeSet<i64> = order.rows.iter().map(|&row| self.lines[row].0).collect();
            let steps: Vec<String> = steps.iter().rev().take(MOST_STEPS).map(i64::to_string).collect();
            let expected = format!("rows of step {step}, the option `step`");
            return Err(Error::format(&self.path, expected, format!("those of step {}", steps.join(", "))));
        }
        Ok(kept)
    }

    /// What is wrong with the line of a row.
    pub(super) fn fault(&self, row: usize, found: &str) -> Error {
        let expected = "activation relu or tanh, and a finite number in the column of the target";
        Error::format(&self.path, expected, format!("{found} in line {}", row + 1))
    }
}

/// The file, which must stand there in one form only.
fn path(root: &Path) -> Result<PathBuf> {
    let there: Vec<&str> = NAMES.into_iter().filter(|name| root.join(name).is_file()).collect();
    match there[..] {
        [name] => Ok(root.join(name)),
        [] => Err(Error::format(root, format!("a file {}", NAMES.join(" or ")), "neither")),
        _ => Err(Error::format(root, format!("one file, {}", NAMES.join(" or ")), "both")),
    }
}

fn columns(
    header: &StringRecord,
    target: &str,
    activation: Option<ZooActivation>,
    path: &Path,
) -> Result<Columns> {
    let names: Vec<String> = header.iter().map(str::to_owned).collect();
    let find = |name: &str| names.iter().position(|column| column == name);
    let column = |name: &str| find(name).ok_or_else(|| table::missing(path, name, &names));
    let step = column("step")?;
    let activation = match activation {
        Some(_) => find("config.activation"),
        None => Some(column("config.activation")?),
    };
    Ok(Columns { step, activation, target: column(target)? })
}

/// What a line says, or what is wrong with it.
fn known(line: &StringRecord, columns: &Columns, all: Option<ZooActivation>) -> Result<Known, String> {
    let activation = match columns.activation.map(|column| &line[column]) {
        None => all.ok_or("no activation")?,
        Some(word) => {
            ZooActivation::try_from(word.to_owned()).map_err(|_| format!("activation {word:?}"))?
        }
    };
    let cell = &line[columns.target];
    match cell.parse::<f64>() {
        Ok(target) if target.is_finite() => Ok(Known { activation, target }),
        _ => Err(format!("{cell:?}")),
    }
}
