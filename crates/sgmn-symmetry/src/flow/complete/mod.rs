//! Is what was inferred all there is? Small nets are asked in numbers.
//!
//! Whatever moves a net and keeps its function lies in the kernel of the Jacobian of all outputs by all numbers. What was
//! inferred must lie in it ([`Completeness::loudest`]), and should fill it ([`Completeness::missing`]). The kernel may be
//! larger for reasons that no graph shows: a unit that never fires, a clip that never clips; such directions are gone
//! for other numbers of the same flow ([`redrawn`]).
//!
//! ```
//! use sgmn_graph::{Seed, flow::testing::random_flow};
//! use sgmn_symmetry::flow::completeness;
//!
//! let found = completeness(&random_flow(Seed::new(1), 60), Seed::new(0))?;
//! assert!(found.loudest < 1e-6 && found.derived <= found.kernel);
//! # Ok::<(), sgmn_symmetry::Error>(())
//! ```

mod directions;
mod jacobian;
mod rank;

use rand::RngExt;
use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers, Stored},
};

use crate::Result;

pub use directions::directions;
use jacobian::Jacobian;
use rank::{Span, kernel};

/// What was inferred for a net, beside the kernel of its Jacobian.
#[derive(Debug, Clone)]
pub struct Completeness {
    /// How many numbers the net has.
    pub numbers: usize,
    /// Dimensions that all derived directions span at the net.
    pub derived: usize,
    /// Dimensions of the kernel.
    pub kernel: usize,
    /// The smallest singular value that is not in the kernel by the largest that is; infinite if either is absent.
    /// Below 100 nobody can say where the kernel ends.
    pub gap: f64,
    /// The largest change of an output along a derived direction of length 1, beside the row of the Jacobian: rounding
    /// for what keeps the function.
    pub loudest: f64,
    /// Directions of the kernel that were not derived, each orthogonal to all that were, in the order of the numbers of
    /// all parameters; as few numbers in each as elimination leaves.
    pub missing: Vec<Vec<f64>>,
}

/// Rows of the Jacobian for each number, of each output, at most; where derived directions fill the kernel of fewer, no more are asked.
const MOST_ROWS: f64 = 3.0;

/// Compares what is derived for a net with the kernel of its Jacobian, on random inputs of a seed. For nets of up to a
/// few hundred numbers: the cost grows with their third power.
///
/// # Errors
/// [`Error::Flow`](crate::Error::Flow) if the net cannot be run, and as acting on the net.
pub fn completeness(net: &FlowNet, seed: Seed) -> Result<Completeness> {
    let numbers = net.flow().n_numbers();
    let mut derived = Span::default();
    let all = directions(net)?;
    all.iter().for_each(|direction| derived.add(direction));
    let mut jacobian = Jacobian::new(net, seed);
    let mut ratio = 1.1;
    loop {
        jacobian.grow(ratio)?;
        let kernel = kernel(&jacobian.rows, numbers);
        if kernel.vectors.len() > derived.len() && ratio < MOST_ROWS {
            ratio = (2.0 * ratio).min(MOST_ROWS);
            continue;
        }
        return Ok(Completeness {
            numbers,
            derived: derived.len(),
            kernel: kernel.vectors.len(),
            gap: kernel.gap,
            loudest: all.iter().fold(0.0, |most, direction| jacobian.along(direction).max(most)),
            missing: derived.complement(&kernel.vectors),
        });
    }
}

/// The same flow with other numbers: each times a factor from 1/2 to 2, and with a random sign in parameters that have
/// negative numbers already.
pub fn redrawn(net: &FlowNet, seed: Seed) -> Result<FlowNet> {
    let params = (0..net.flow().params().len()).map(|param| {
        let mut rng = seed.child("redrawn").index(param as u64).rng();
        let mut numbers = net.numbers(param).into_owned();
        let signs = numbers.iter().any(|number| *number < 0.0);
        for number in &mut numbers {
            *number *= rng.random_range(-1.0f64..1.0).exp2();
            if signs && rng.random_bool(0.5) {
                *number = -*number;
            }
        }
        Stored::from(numbers)
    });
    Ok(FlowNet::new(net.flow().clone(), params.collect())?)
}

/// All numbers of a net in one row, parameter after parameter.
fn flat(net: &FlowNet, numbers: &dyn Numbers) -> Vec<f64> {
    (0..net.flow().params().len()).flat_map(|param| numbers.numbers(param).into_owned()).collect()
}

#[cfg(test)]
mod tests;
