//! Two nets of one flow, compared by their canonical forms and by their answers.

use anyhow::Result;
use sgmn_graph::{Seed, flow::FlowNet};
use sgmn_symmetry::flow::{
    Relation,
    align::{AlignOptions, Method, Scales, align},
    check_same_flow,
    fold::Fold,
    relate,
};

use super::judge::Judge;

/// What was found out about two nets.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The largest change of an answer to random questions, relative to the largest number of its output.
    pub answers: f64,
    /// How far apart the canonical forms are.
    pub forms: Relation,
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
        Ok(Self { answers, forms: relate(a, b, tolerance)? })
    }

    /// The distance of two nets after alignment, relative to the norm of the first: as [`Relation::distance`], with their
    /// norms folded.
    ///
    /// # Errors
    /// As [`Comparison::of`].
    pub fn aligned(a: &FlowNet, b: &FlowNet, seed: Seed) -> Result<f64> {
        let fold = Fold::new(a.flow())?;
        let options = AlignOptions { seed, scales: Scales::Canonical, ..AlignOptions::default() };
        Ok(align(&fold.apply(a)?, &fold.apply(b)?, Method::Weights, &options)?.euclidean)
    }

    /// Whether the nets are one function. Canonical forms that meet prove it up to rounding; answers that differ
    /// disprove it; where answers agree and forms do not, nothing is claimed.
    pub fn verdict(&self, tolerance: f64) -> Verdict {
        match (self.forms.meets(), self.answers > tolerance) {
            (true, _) => Verdict::Equal,
            (false, true) => Verdict::Different,
            (false, false) => Verdict::Undecided,
        }
    }
}
