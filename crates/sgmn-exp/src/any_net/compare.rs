//! Two files of one architecture, compared by their canonical forms and by their answers.

use std::path::Path;

use anyhow::{Context, Result};
use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers},
};
use sgmn_symmetry::flow::{CanonicalFlow, canonicalize_flow, check_same_flow};

use super::judge::Judge;

/// What was found out about two nets.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The largest change of an answer to random questions, relative to the largest number of its output.
    pub answers: f64,
    /// The parameters whose canonical forms differ most, the most different first.
    pub params: Vec<ParamDistance>,
    /// The first number that differs by more than was allowed: parameter, index, and both numbers.
    pub first: Option<(String, usize, (f64, f64))>,
    /// The Euclidean distance of the canonical forms, relative to the norm of the first.
    pub distance: f64,
    /// Choices in the canonical forms that nothing decides.
    pub repairs: usize,
}

/// How far apart one parameter is in two canonical forms.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamDistance {
    /// Its name.
    pub name: String,
    /// The largest difference, relative to its largest number.
    pub largest: f64,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The canonical forms meet.
    Equal,
    /// Answers differ.
    Different,
    /// Answers agree, canonical forms do not.
    Undecided,
}

/// Random questions that both nets are asked.
const N_QUESTIONS: usize = 4;

impl Comparison {
    /// Compares two nets of one flow; numbers of canonical forms differ if they do so by more than `tolerance`.
    ///
    /// # Errors
    /// Nets of different flows, and nets that cannot be computed.
    pub fn of(a: &FlowNet, b: &FlowNet, tolerance: f64, seed: Seed) -> Result<Self> {
        check_same_flow(a.flow(), b.flow())?;
        let answers = Judge::random(a, seed.child("questions"), N_QUESTIONS)?.change(b)?;
        let CanonicalFlow { net: x, repairs: of_x, .. } = canonicalize_flow(a)?;
        let CanonicalFlow { net: y, repairs: of_y, .. } = canonicalize_flow(b)?;
        check_same_flow(x.flow(), y.flow())?;
        let mut comparison = Self {
            answers,
            params: Vec::new(),
            first: None,
            distance: 0.0,
            repairs: of_x.total().max(of_y.total()),
        };
        let (mut squares, mut size) = (0.0, 0.0);
        for (i, param) in x.flow().params().iter().enumerate() {
            let (x, y) = (x.numbers(i), y.numbers(i));
            let most = x.iter().chain(y.iter()).fold(0.0, |most, value| f64::max(most, value.abs()));
            let mut largest = 0.0;
            for (index, (x, y)) in x.iter().zip(y.iter()).enumerate() {
                let difference = if most > 0.0 { (x - y).abs() / most } else { 0.0 };
                largest = f64::max(largest, difference);
                squares += (x - y) * (x - y);
                size += x * x;
                if comparison.first.is_none() && difference > tolerance {
                    comparison.first = Some((param.name.clone(), index, (*x, *y)));
                }
            }
            comparison.params.push(ParamDistance { name: param.name.clone(), largest });
        }
        comparison.params.sort_by(|a, b| b.largest.total_cmp(&a.largest));
        comparison.distance = if size > 0.0 { (squares / size).sqrt() } else { squares.sqrt() };
        Ok(comparison)
    }

    /// Whether the nets are one function. Canonical forms that meet prove it up to rounding; answers that differ
    /// disprove it; where answers agree and forms do not, nothing is claimed.
    pub fn verdict(&self, tolerance: f64) -> Verdict {
        match (&self.first, self.answers > tolerance) {
            (None, _) => Verdict::Equal,
            (Some(_), true) => Verdict::Different,
            (Some(_), false) => Verdict::Undecided,
        }
    }
}

/// Opens two files in the same way.
///
/// # Errors
/// A file that is not read, by its name.
pub fn open_both(a: &Path, b: &Path, options: &ReadOptions) -> Result<(FlowFile, FlowFile)> {
    let open = |path: &Path| any_net::open(path, options).with_context(|| path.display().to_string());
    Ok((open(a)?, open(b)?))
}
