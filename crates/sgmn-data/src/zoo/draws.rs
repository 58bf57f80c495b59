//! Draws of named things from a seed, each from a stream of its own.

use rand::RngExt;
use sgmn_graph::Seed;

/// Draws by name: a further name changes no other draw.
pub(super) struct Draws<'a>(pub(super) &'a Seed);

impl Draws<'_> {
    /// A number in [0, 1).
    pub(super) fn unit(&self, name: &str) -> f64 {
        self.0.child(name).rng().random()
    }

    /// A number in [low, high), uniform in the logarithm.
    pub(super) fn between(&self, name: &str, [low, high]: [f64; 2]) -> f64 {
        (low.ln() + self.unit(name) * (high / low).ln()).exp()
    }

    /// One of some things, all equally likely.
    pub(super) fn one_of<T: Copy>(&self, name: &str, things: &[T]) -> T {
        things[((self.unit(name) * things.len() as f64) as usize).min(things.len() - 1)]
    }

    /// True with this probability.
    pub(super) fn chance(&self, name: &str, probability: f64) -> bool {
        self.unit(name) < probability
    }
}
