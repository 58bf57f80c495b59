//! Masks of dropout, drawn from a seed and the place of each row, whatever blocks rows are computed in.

use rand::Rng;
use rayon::prelude::*;
use sgmn_graph::Seed;

use super::element::Element;

/// Rows that share a stream: a stream is costly to begin, and blocks rarely begin inside one.
const ROWS: usize = 64;

/// The mask of some rows, whose elements are `1 / (1 − p)` with probability `1 − p` and 0 otherwise.
pub(in crate::ops) fn mask_rows<T: Element>(first_row: usize, width: usize, p: f64, seed: &Seed, mask: &mut [T]) {
    let scale = T::from_f64(1.0 / (1.0 - p));
    let threshold = (p * 65536.0).round() as u32;
    let (mut row, mut rest) = (first_row, mask);
    while !rest.is_empty() {
        let stream = row / ROWS;
        let n_rows = ((stream + 1) * ROWS - row).min(rest.len() / width);
        let (mask, later) = rest.split_at_mut(n_rows * width);
        let mut rng = seed.index(stream as u64).rng();
        // Two elements a word.
        let n_words = width.div_ceil(2);
        for _ in 0..(row % ROWS) * n_words {
            rng.next_u32();
        }
        for mask in mask.chunks_exact_mut(width) {
            for pair in mask.chunks_mut(2) {
                let word = rng.next_u32();
                for (value, draw) in pair.iter_mut().zip([word & 0xffff, word >> 16]) {
                    *value = if draw >= threshold { scale } else { T::zero() };
                }
            }
        }
        (row, rest) = (row + n_rows, later);
    }
}

/// The mask of all rows of a tensor.
pub(in crate::ops) fn dropout_mask(n_rows: usize, width: usize, p: f64, seed: &Seed) -> Vec<f32> {
    let mut mask = vec![0.0; n_rows * width];
    if !mask.is_empty() {
        mask.par_chunks_mut(ROWS * width).enumerate().for_each(|(stream, mask)| {
            mask_rows(stream * ROWS, width, p, seed, mask);
        });
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_does_not_depend_on_the_blocks_it_is_drawn_in() {
        let (seed, width) = (Seed::new(3), 7);
        let whole = dropout_mask(200, width, 0.3, &seed);
        for (first, n_rows) in [(0, 5), (60, 10), (64, 64), (130, 70)] {
            let mut part = vec![0.0f32; n_rows * width];
            mask_rows(first, width, 0.3, &seed, &mut part);
            assert_eq!(part, whole[first * width..][..n_rows * width]);
        }
        let kept = whole.iter().filter(|value| **value > 0.0).count() as f64 / whole.len() as f64;
        assert!((kept - 0.7).abs() < 0.05, "{kept}");
    }
}
