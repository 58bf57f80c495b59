//! Single passes over memory on the CPU: blocks of rows in parallel, forward and backward.
//!
//! Work is cut into blocks whose size depends on the shape only, and partial sums are added in block order, so results
//! do not depend on the number of threads.

mod adapter;
mod edges;
pub(super) mod kernels;
mod matrix;
mod rows;
mod simd;

pub(super) use adapter::{Element, Kernel, View, apply1, apply2, apply3};
pub(super) use edges::SumEdges;
pub(super) use kernels::NORM_EPS;
pub(super) use matrix::{multiply_add, multiply_outer, multiply_transposed};
pub(super) use rows::{Abs, AddBias, BiasSilu, NormSilu, UnitNorm};

use rand::Rng;
use rayon::prelude::*;
use sgmn_graph::Seed;

/// A mask whose elements are `1 / (1 − p)` with probability `1 − p` and 0 otherwise.
pub(super) fn dropout_mask(n: usize, p: f64, seed: &Seed) -> Vec<f32> {
    // A block has a stream of its own, so the mask does not depend on the threads that fill it.
    const BLOCK: usize = 1 << 14;
    let scale = (1.0 / (1.0 - p)) as f32;
    let threshold = (p * f64::from(u32::MAX)) as u32;
    let mut mask = vec![0.0; n];
    mask.par_chunks_mut(BLOCK).enumerate().for_each(|(block, mask)| {
        let mut rng = seed.index(block as u64).rng();
        for value in mask {
            *value = if rng.next_u32() >= threshold { scale } else { 0.0 };
        }
    });
    mask
}

/// The mask of one block of a fused pass, whose first row is `first_row`.
pub(super) fn block_mask<T: Element>(n: usize, p: f64, seed: &Seed, first_row: usize) -> Vec<T> {
    let scale = T::from_f64(1.0 / (1.0 - p));
    let threshold = (p * f64::from(u32::MAX)) as u32;
    let mut rng = seed.index(first_row as u64).rng();
    (0..n).map(|_| if rng.next_u32() >= threshold { scale } else { T::zero() }).collect()
}
