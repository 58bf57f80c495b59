//! Two nets of one architecture: whether they are one function, and how far apart their orbits are.

use anyhow::Result;
use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers},
};
use sgmn_symmetry::flow::{Relation, check_same_flow, relate};

use super::judge::Judge;

/// What two nets have to do with each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The largest difference of answers to random inputs, relative to the largest answer.
    pub answers: f64,
    /// Whether their canonical forms meet.
    pub relation: Relation,
    /// The distance of their numbers as they stand: the root of the sum of squares, relative to that of the first net.
    pub as_they_stand: f64,
}

/// Random questions that both nets are asked.
const N_QUESTIONS: usize = 2;

/// Compares two nets; numbers of canonical forms differ if they do so by more than `tolerance`.
///
/// # Errors
/// Nets of different architectures, or nets that cannot be computed.
pub fn compare(a: &FlowNet, b: &FlowNet, tolerance: f64, seed: Seed) -> Result<Comparison> {
    check_same_flow(a.flow(), b.flow())?;
    let answers = Judge::random(a, seed.child("questions"), N_QUESTIONS)?.change(b)?;
    let relation = relate(a, b, tolerance)?;
    let (mut difference, mut size) = (0.0, 0.0);
    for param in 0..a.flow().params().len() {
        for (a, b) in a.numbers(param).iter().zip(b.numbers(param).iter()) {
            difference += (a - b).powi(2);
            size += a.powi(2);
        }
    }
    let as_they_stand = if size > 0.0 { (difference / size).sqrt() } else { difference.sqrt() };
    Ok(Comparison { answers, relation, as_they_stand })
}
