//! Dropout: whether an element is kept follows from a key, its row and its column, whatever blocks rows are computed in.

use sgmn_graph::Seed;

use super::{Element, given};
use crate::ops::cpu::simd::{Level, level, vectorized};

/// Which elements are kept, and how much larger they become.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Mask {
    key: [u32; 2],
    /// Draws below are dropped.
    threshold: u32,
    scale: f64,
}

impl Mask {
    /// Elements are kept with probability `1 − p` and divided by it.
    pub(in crate::ops) fn new(p: f64, seed: &Seed) -> Self {
        use rand::Rng;
        let mut rng = seed.rng();
        let threshold = (p * 4_294_967_296.0).round().min(f64::from(u32::MAX)) as u32;
        Self { key: [rng.next_u32(), rng.next_u32()], threshold, scale: 1.0 / (1.0 - p) }
    }

    /// The factor of every element of a tensor's rows: 0 or `1 / (1 − p)`.
    pub(in crate::ops) fn factors(self, n_rows: usize, width: usize) -> Vec<f32> {
        let (ones, mut factors) = (vec![1.0; n_rows * width], vec![0.0; n_rows * width]);
        if width > 0 {
            put_kept(&ones, self, 0, width, true, &mut factors);
        }
        factors
    }
}

/// What a kernel of another device needs to draw the same.
#[cfg(any(test, feature = "cuda"))]
impl Mask {
    /// The two words that all draws begin with.
    pub(in crate::ops) fn key(self) -> [u32; 2] {
        self.key
    }

    /// Draws below are dropped.
    pub(in crate::ops) fn threshold(self) -> u32 {
        self.threshold
    }

    /// What is kept is multiplied by this.
    pub(in crate::ops) fn scale(self) -> f64 {
        self.scale
    }
}

/// The step between the draws of neighbors: SplitMix walks by the golden ratio.
const STEP: u32 = 0x9e37_79b9;

/// A permutation of the 32-bit numbers after which neighbors have nothing in common (the finalizer of MurmurHash 3).
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

vectorized! {
    /// Gives x to `y` where the mask keeps it, grown by the mask's scale, and 0 elsewhere; the first row has this number.
    fn put_kept<T, FUSED>(x: &[T], mask: Mask, first_row: usize, width: usize, first: bool, y: &mut [T]) {
        let scale = T::from_f64(mask.scale);
        for (k, (x, y)) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).enumerate() {
            let row = (first_row + k) as u64;
            let start = mix(mix(row as u32 ^ mask.key[0]).wrapping_add((row >> 32) as u32) ^ mask.key[1]);
            for (i, (x, y)) in x.iter().zip(y).enumerate() {
                let draw = mix(start.wrapping_add((i as u32).wrapping_mul(STEP)));
                let factor = if draw >= mask.threshold { scale } else { T::zero() };
                *y = given(*y, *x * factor, first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_does_not_depend_on_the_blocks_it_is_applied_in_and_keeps_its_share() {
        let (mask, width) = (Mask::new(0.3, &Seed::new(3)), 7);
        let whole = mask.factors(4000, width);
        for (first_row, n_rows) in [(0, 5), (60, 10), (64, 64), (130, 70)] {
            let (ones, mut part) = (vec![1.0f32; n_rows * width], vec![0.0; n_rows * width]);
            put_kept(&ones, mask, first_row, width, true, &mut part);
            assert_eq!(part, whole[first_row * width..][..n_rows * width]);
        }
        let share = |kept: &mut dyn Iterator<Item = &f32>| {
            let (n, n_kept) = kept.fold((0, 0), |(n, m), value| (n + 1, m + usize::from(*value > 0.0)));
            f64::from(n_kept as u32) / f64::from(n)
        };
        assert!((share(&mut whole.iter()) - 0.7).abs() < 0.01);
        for column in 0..width {
            let share = share(&mut whole.iter().skip(column).step_by(width));
            assert!((share - 0.7).abs() < 0.04, "column {column}: {share}");
        }
        // Neighbors in a row and in a column are dropped independently.
        for distance in [1, width] {
            let pairs = whole.iter().zip(&whole[distance..]);
            let both = pairs.filter(|(a, b)| **a > 0.0 && **b > 0.0).count() as f64 / whole.len() as f64;
            assert!((both - 0.49).abs() < 0.015, "distance {distance}: {both}");
        }
    }
}
