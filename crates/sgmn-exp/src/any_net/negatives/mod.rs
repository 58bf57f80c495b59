//! Changes that look like symmetries and are none, made from what was inferred: each must be seen.
//!
//! A test that finds nothing wrong proves little unless it finds what is wrong. So for each order of units something just
//! outside of the group is tried: all that is inferred is kept, and a little more is done.

mod edit;
mod tries;
mod wide;

use anyhow::Result;
use sgmn_graph::{Seed, flow::Numbers};

use self::{edit::Edited, tries::tries};
use super::{free::Free, judge::Judge};

/// What is done that must not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Units are reordered in one parameter only.
    OrderInOnePlace,
    /// Signs change where positive scalars are free.
    SignOfPositive,
    /// Magnitudes change where signs are free.
    MagnitudeOfSign,
    /// Scalars of some units change where one for all is free.
    SomeOfAll,
    /// Signs change where no scalar is free.
    SignOfNone,
    /// Magnitudes change where no scalar is free.
    MagnitudeOfNone,
    /// Units are mixed by a matrix of a larger group.
    MatrixOfLarger,
    /// Units are mixed in one parameter only.
    MatrixInOnePlace,
    /// Something is added in one parameter only, where others must follow.
    AdditionInOnePlace,
}

/// A fault at one order of units.
#[derive(Debug, Clone, PartialEq)]
pub struct Negative {
    /// What is done.
    pub fault: Fault,
    /// Where, in words.
    pub place: String,
    /// The largest change of answers among the variants that were tried.
    pub change: f64,
}

/// Changes of answers from here on are seen.
pub const SEEN: f64 = 1e-3;
/// Variants that are tried at most: some units are dead, or differ too little on these inputs.
const MOST_VARIANTS: usize = 4;

impl Fault {
    /// All faults.
    pub const ALL: [Self; 9] = [
        Self::OrderInOnePlace,
        Self::SignOfPositive,
        Self::MagnitudeOfSign,
        Self::SomeOfAll,
        Self::SignOfNone,
        Self::MagnitudeOfNone,
        Self::MatrixOfLarger,
        Self::MatrixInOnePlace,
        Self::AdditionInOnePlace,
    ];

    /// What is done, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::OrderInOnePlace => "units reordered in one parameter only",
            Self::SignOfPositive => "signs where only positive scalars are free",
            Self::MagnitudeOfSign => "magnitudes where only signs are free",
            Self::SomeOfAll => "scalars of some units where one for all is free",
            Self::SignOfNone => "signs where no scalar is free",
            Self::MagnitudeOfNone => "magnitudes where no scalar is free",
            Self::MatrixOfLarger => "matrices of a larger group",
            Self::MatrixInOnePlace => "matrices in one parameter only",
            Self::AdditionInOnePlace => "additions in one parameter only",
        }
    }
}

impl Negative {
    /// Whether the answers showed it.
    pub fn is_seen(&self) -> bool {
        self.change >= SEEN
    }
}

/// Tries up to `n` faults with orders and scalars, half as many with matrices and a quarter with additions, spread over
/// kinds and places, on the first question of the judge.
///
/// # Errors
/// A net that cannot be computed.
pub fn negatives(free: &Free, judge: &Judge<'_>, seed: Seed, n: usize) -> Result<Vec<Negative>> {
    let mut found = Vec::new();
    for tried in tries(&free.spaces, seed, n) {
        let mut change = 0.0;
        for edits in tried.variants.into_iter().take(MOST_VARIANTS) {
            let edited = Edited::new(judge.net() as &dyn Numbers, edits);
            change = f64::max(change, judge.change_of_first(&edited)?);
            if change >= SEEN {
                break;
            }
        }
        found.push(Negative { fault: tried.fault, place: tried.place, change });
    }
    found.extend(wide::matrices(free, judge, seed.child("matrices"), n.div_ceil(2))?);
    found.extend(wide::additions(free, judge, seed.child("additions"), n.div_ceil(4))?);
    Ok(found)
}
