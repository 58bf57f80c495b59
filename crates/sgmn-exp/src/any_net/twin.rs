//! Another net of the same function: other numbers in the same flow.

use anyhow::Result;
use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers},
};

use super::{
    free::{Choice, Free},
    judge::Judge,
};

/// What differs between a net and its twin.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// Numbers that may change.
    pub n_numbers: usize,
    /// Numbers that changed.
    pub n_moved: usize,
    /// Parameters that changed.
    pub n_params: usize,
    /// The change of answers before the numbers were rounded to the number type of the file.
    pub exact: f64,
    /// The change of answers of the file that was written.
    pub written: f64,
}

/// Random questions that both nets are asked.
const N_QUESTIONS: usize = 2;

/// A random twin: everything that is free is drawn. The net itself if nothing is.
///
/// # Errors
/// A net whose gains cannot be computed.
pub fn drawn(net: &FlowNet, seed: Seed) -> Result<FlowNet> {
    // Additions and matrices depend on each other's numbers, so all are made once.
    let made =
        Free::of(net.flow()).draw(net, &Choice::all(), seed.child("twin"), |changed| net.with(changed))?;
    Ok(made.transpose()?.unwrap_or_else(|| net.clone()))
}

impl Twin {
    /// Compares a net with its twin as it was made, and as it was written and read again.
    ///
    /// # Errors
    /// A net that cannot be computed.
    pub fn of(net: &FlowNet, made: &dyn Numbers, written: &FlowNet, seed: Seed) -> Result<Self> {
        let judge = Judge::random(net, seed.child("questions"), N_QUESTIONS)?;
        let (mut n_moved, mut n_params) = (0, 0);
        for param in 0..net.flow().params().len() {
            let (old, new) = (net.numbers(param), made.numbers(param));
            let n = old.iter().zip(new.iter()).filter(|(old, new)| old != new).count();
            n_moved += n;
            n_params += usize::from(n > 0);
        }
        let (exact, written) = (judge.change(made)?, judge.change(written)?);
        Ok(Self { n_numbers: net.flow().n_numbers(), n_moved, n_params, exact, written })
    }
}
