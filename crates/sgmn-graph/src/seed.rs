//! Named, splittable seeds: the only source of chance in the house.

use rand::{Rng, RngExt};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use sha2::{Digest, Sha256};

/// A seed from which streams of random numbers and further seeds are derived by name.
///
/// A child depends on its parent and its name only, so adding a consumer of randomness changes no other consumer:
/// `seed.child("init").child("gnn.skip_layers.0.weight")` draws the same numbers whatever else the model holds.
/// The streams are ChaCha with 8 rounds and the derivation is SHA-256: the same numbers on every machine.
///
/// ```
/// use rand::RngExt;
/// use sgmn_graph::Seed;
/// let a: u64 = Seed::new(7).child("shuffle").index(3).rng().random();
/// let b: u64 = Seed::new(7).child("shuffle").index(3).rng().random();
/// assert_eq!(a, b);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The root seed of a run.
    pub fn new(seed: u64) -> Self {
        Self(Sha256::new().chain_update(b"root").chain_update(seed.to_le_bytes()).finalize().into())
    }

    /// The seed for one named purpose.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(b"/").chain_update(name).finalize().into())
    }

    /// The seed for one of many like things, such as an item or a step.
    #[must_use]
    pub fn index(&self, i: u64) -> Self {
        let digest = Sha256::new().chain_update(self.0).chain_update(b"#").chain_update(i.to_le_bytes());
        Self(digest.finalize().into())
    }

    /// The stream of random numbers of this seed, from its beginning.
    pub fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.0)
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seed({:02x}{:02x}{:02x}{:02x}…)", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// A standard normal number from a stream, by the method of Box and Muller.
pub fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::Seed;

    #[test]
    fn children_differ_by_name_and_by_index() {
        let root = Seed::new(0);
        let seeds = [
            root,
            root.child("a"),
            root.child("b"),
            root.index(0),
            root.index(1),
            root.child("a").child("b"),
        ];
        for (i, a) in seeds.iter().enumerate() {
            assert!(seeds.iter().skip(i + 1).all(|b| a != b));
        }
    }
}
