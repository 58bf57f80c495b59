//! What is known about each row of the zoo: its training step, its activation, its test accuracy.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{ZooActivation, order::Order};
use crate::{Error, Result};

/// Bytes of text per line at most; published lines have some 300.
const MAX_LINE: u64 = 4096;

/// Steps that an error names.
const MOST_STEPS: usize = 10;

/// The three columns that are used, for every row of `weights.npy`.
#[derive(Debug)]
pub(super) struct Metrics {
    /// NaN and unknown activations are errors only for rows that are used.
    lines: Vec<(i64, Option<ZooActivation>, f64)>,
    path: PathBuf,
}

/// What is known about a row that is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known {
    pub(super) activation: ZooActivation,
    pub(super) test_accuracy: f64,
}

#[derive(Deserialize)]
struct Written {
    step: f64,
    #[serde(rename = "config.activation")]
    activation: String,
    test_accuracy: Option<f64>,
}

impl Metrics {
    /// Reads `metrics.csv.gz`, which must have one line for each of the `n_rows` rows.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`].
    pub(super) fn read(path: &Path, n_rows: usize) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        // The limit keeps a file that unpacks without end from doing so.
        let text = MultiGzDecoder::new(BufReader::new(file)).take((n_rows as u64 + 2).saturating_mul(MAX_LINE));
        let mut lines = Vec::new();
        for line in csv::Reader::from_reader(text).into_deserialize() {
            let Written { step, activation, test_accuracy } = line.map_err(|why| {
                Error::format(path, "columns step, config.activation and test_accuracy", why.to_string())
            })?;
            if step.fract() != 0.0 || step.abs() > f64::from(u32::MAX) || lines.len() == n_rows {
                let expected = format!("{n_rows} lines, those of weights.npy, each with a whole step");
                return Err(Error::format(path, expected, format!("step {step} in line {}", lines.len() + 1)));
            }
            let activation = ZooActivation::try_from(activation).ok();
            lines.push((step as i64, activation, test_accuracy.unwrap_or(f64::NAN)));
        }
        if lines.len() != n_rows {
            return Err(Error::format(path, format!("{n_rows} lines, those of weights.npy"), lines.len().to_string()));
        }
        Ok(Self { lines, path: path.to_owned() })
    }

    /// Of the rows in order, those of one step: (place in the order, what is known).
    ///
    /// # Errors
    /// [`Error::Format`] if no row is of the step, or a kept row has another activation than the zoo's or no accuracy.
    pub(super) fn lines_of_step(&self, order: &Order, step: i64) -> Result<Vec<(usize, Known)>> {
        let mut kept = Vec::new();
        for (place, &row) in order.rows.iter().enumerate() {
            let (at, activation, test_accuracy) = self.lines[row];
            if at != step {
                continue;
            }
            let Some(activation) = activation.filter(|_| test_accuracy.is_finite()) else {
                let found = format!("{activation:?} and {test_accuracy} in line {}", row + 1);
                return Err(Error::format(&self.path, "activation relu or tanh and a finite test_accuracy", found));
            };
            kept.push((place, Known { activation, test_accuracy }));
        }
        if kept.is_empty() {
            let steps: BTreeSet<i64> = order.rows.iter().map(|&row| self.lines[row].0).collect();
            let steps: Vec<String> = steps.iter().rev().take(MOST_STEPS).map(i64::to_string).collect();
            let expected = format!("rows of step {step}, the option `step`");
            return Err(Error::format(&self.path, expected, format!("those of step {}", steps.join(", "))));
        }
        Ok(kept)
    }
}
