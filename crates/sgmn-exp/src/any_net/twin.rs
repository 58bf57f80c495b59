//! Another file of the same function: the same container, other numbers.

use std::path::Path;

use anyhow::Result;
use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_graph::{Seed, flow::Numbers};

use super::{
    free::{Choice, Free},
    judge::Judge,
};

/// What was done to make a twin.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// Numbers that may change, and how many did.
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

/// Writes a twin, reads it again, and compares both.
///
/// # Errors
/// A file that cannot be written or read, or a net that cannot be computed.
pub fn write_twin(file: &FlowFile, options: &ReadOptions, seed: Seed, out: &Path) -> Result<Twin> {
    let net = &file.net;
    let judge = Judge::random(net, seed.child("questions"), N_QUESTIONS)?;
    let free = Free::of(net.flow());
    let made = free.draw(net, &Choice::all(), seed.child("twin"), |changed| {
        // Additions and matrices depend on each other's numbers, so all are made once.
        let changed = net.with(changed)?;
        file.write(&changed, out)?;
        let exact = judge.change(&changed)?;
        let (mut n_moved, mut n_params) = (0, 0);
        for param in 0..net.flow().params().len() {
            let (old, new) = (net.numbers(param), changed.numbers(param));
            let n = old.iter().zip(new.iter()).filter(|(old, new)| old != new).count();
            n_moved += n;
            n_params += usize::from(n > 0);
        }
        anyhow::Ok((exact, n_moved, n_params))
    })?;
    let (exact, n_moved, n_params) = match made {
        Some(made) => made?,
        None => {
            file.write(net, out)?;
            (0.0, 0, 0)
        }
    };
    let again = any_net::open(out, options)?;
    let written = judge.change(&again.net)?;
    Ok(Twin { n_numbers: net.flow().n_numbers(), n_moved, n_params, exact, written })
}
