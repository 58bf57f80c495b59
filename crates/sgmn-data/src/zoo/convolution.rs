//! Convolutions of 3 × 3 with stride 2 and no padding on many images, and their way back; channels stand innermost.
//!
//! The images of a block lie one behind the other. An output's number counts through the block, `offset` says where its
//! window begins; a tile of `T` outputs stays in registers while the window's channels pass by, each broadcast to the
//! sixteen outputs that it feeds.

use super::architecture::{N_TAPS, Row, SIDES};
use crate::fit::simd::{LANES, Lanes};

/// Position at which the window of output `o` begins; images have `IN`², outputs `OUT`² positions.
#[inline(always)]
const fn offset<const IN: usize, const OUT: usize>(o: usize) -> usize {
    o / (OUT * OUT) * IN * IN + o % (OUT * OUT) / OUT * 2 * IN + o % OUT * 2
}

/// Position of a tap inside a window.
#[inline(always)]
const fn inside<const IN: usize>(tap: usize) -> usize {
    tap / 3 * IN + tap % 3
}

/// `output[o, :] = bias + Σ_{tap, c} input[window of o + tap, c] · kernel[tap, c, :]`.
///
/// # Shapes
/// `input` is `[images · IN², 16]`, `kernel` `[9 · 16, 16]`, `output` `[images · OUT², 16]`; `T` divides the number of
/// outputs, and is a multiple of `OUT` that divides `OUT`² or is divided by it.
#[inline(always)]
pub(super) fn forward<L: Lanes, const IN: usize, const OUT: usize, const T: usize>(
    input: &[Row],
    kernel: &[Row],
    bias: &Row,
    output: &mut [Row],
) {
    let span = offset::<IN, OUT>(T - 1) + 1;
    for (number, tile) in output.as_chunks_mut::<T>().0.iter_mut().enumerate() {
        let mut sums = [L::load(&bias.0); T];
        for (tap, weights) in kernel.as_chunks::<LANES>().0.iter().enumerate() {
            let start = offset::<IN, OUT>(number * T) + inside::<IN>(tap);
            let window = &input[start..start + span];
            for (c, row) in weights.iter().enumerate() {
                let row = L::load(&row.0);
                for (o, sum) in sums.iter_mut().enumerate() {
                    *sum = L::splat(window[offset::<IN, OUT>(o)].0[c]).mul_add(row, *sum);
                }
            }
        }
        for (out, sum) in tile.iter_mut().zip(sums) {
            sum.store(&mut out.0);
        }
    }
}

/// The gradient with respect to the input: `d_input[window of o + tap, :] += Σ_c d_output[o, c] · transposed[tap, c, :]`.
///
/// # Shapes
/// As [`forward`]; `transposed` is `[9 · 16 outputs, 16 inputs]`.
#[inline(always)]
pub(super) fn to_input<L: Lanes, const IN: usize, const OUT: usize, const T: usize>(
    d_output: &[Row],
    transposed: &[Row],
    d_input: &mut [Row],
) {
    let span = offset::<IN, OUT>(T - 1) + 1;
    // Taps outside, tiles inside: so the order of a position's sums does not depend on the size of the tiles.
    for (tap, weights) in transposed.as_chunks::<LANES>().0.iter().enumerate() {
        for (number, tile) in d_output.as_chunks::<T>().0.iter().enumerate() {
            let start = offset::<IN, OUT>(number * T) + inside::<IN>(tap);
            let window = &mut d_input[start..start + span];
            let mut sums = [L::splat(0.0); T];
            for (o, sum) in sums.iter_mut().enumerate() {
                *sum = L::load(&window[offset::<IN, OUT>(o)].0);
            }
            for (c, row) in weights.iter().enumerate() {
                let row = L::load(&row.0);
                for (sum, d) in sums.iter_mut().zip(tile) {
                    *sum = L::splat(d.0[c]).mul_add(row, *sum);
                }
            }
            for (o, sum) in sums.into_iter().enumerate() {
                sum.store(&mut window[offset::<IN, OUT>(o)].0);
            }
        }
    }
}

/// The gradient with respect to the kernel: `d_kernel[tap, c, :] += Σ_o input[window of o + tap, c] · d_output[o, :]`.
///
/// # Shapes
/// As [`forward`]; `G` divides 16, that many of a tap's inputs are summed at once.
#[inline(always)]
pub(super) fn to_kernel<L: Lanes, const IN: usize, const OUT: usize, const G: usize>(
    input: &[Row],
    d_output: &[Row],
    d_kernel: &mut [Row],
) {
    for (number, group) in d_kernel.as_chunks_mut::<G>().0.iter_mut().enumerate() {
        let (tap, c) = (number * G / LANES, number * G % LANES);
        let mut sums = [L::splat(0.0); G];
        for (line, d_line) in d_output.as_chunks::<OUT>().0.iter().enumerate() {
            let start = offset::<IN, OUT>(line * OUT) + inside::<IN>(tap);
            let window = &input[start..start + 2 * OUT - 1];
            for (o, d) in d_line.iter().enumerate() {
                let d = L::load(&d.0);
                let channels: &[f32; G] = window[2 * o].0[c..c + G].try_into().expect("a slice of G numbers");
                for (sum, &channel) in sums.iter_mut().zip(channels) {
                    *sum = L::splat(channel).mul_add(d, *sum);
                }
            }
        }
        for (row, sum) in group.iter_mut().zip(sums) {
            sum.add(L::load(&row.0)).store(&mut row.0);
        }
    }
}

/// Columns of what the first convolution makes.
const WIDTH: usize = SIDES[1];

/// The first convolution, of one channel: `output[o, :] = bias + Σ_tap pixels[window of o + tap] · kernel[tap, :]`.
///
/// # Shapes
/// `pixels` is `[28²]`, `output` `[13², 16]`: one image.
#[inline(always)]
pub(super) fn first_forward<L: Lanes>(pixels: &[f32], kernel: &[Row], bias: &Row, output: &mut [Row]) {
    for (line, out) in output.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        let mut sums = [L::load(&bias.0); WIDTH];
        for (tap, row) in kernel.iter().enumerate() {
            let start = line * 2 * SIDES[0] + inside::<{ SIDES[0] }>(tap);
            let window = &pixels[start..start + 2 * WIDTH - 1];
            let row = L::load(&row.0);
            for (o, sum) in sums.iter_mut().enumerate() {
                *sum = L::splat(window[2 * o]).mul_add(row, *sum);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            sum.store(&mut out.0);
        }
    }
}

/// The gradient of [`first_forward`] with respect to the kernel, added to `d_kernel`.
#[inline(always)]
pub(super) fn first_to_kernel<L: Lanes>(pixels: &[f32], d_output: &[Row], d_kernel: &mut [Row]) {
    let mut sums = [L::splat(0.0); N_TAPS];
    for (line, d_line) in d_output.as_chunks::<WIDTH>().0.iter().enumerate() {
        let start = line * 2 * SIDES[0];
        let window = &pixels[start..start + 2 * SIDES[0] + 2 * WIDTH + 1];
        for (o, d) in d_line.iter().enumerate() {
            let d = L::load(&d.0);
            for (tap, sum) in sums.iter_mut().enumerate() {
                *sum = L::splat(window[2 * o + inside::<{ SIDES[0] }>(tap)]).mul_add(d, *sum);
            }
        }
    }
    for (row, sum) in d_kernel.iter_mut().zip(sums) {
        sum.add(L::load(&row.0)).store(&mut row.0);
    }
}

/// Adds all rows to `sum`: the gradient with respect to a bias.
#[inline(always)]
pub(super) fn add_rows<L: Lanes>(rows: &[Row], sum: &mut Row) {
    // Four sums, since an addition waits for the one before it.
    let (fours, rest) = rows.as_chunks::<4>();
    let mut sums = [L::splat(0.0); 4];
    for four in fours {
        for (sum, row) in sums.iter_mut().zip(four) {
            *sum = sum.add(L::load(&row.0));
        }
    }
    for row in rest {
        sums[0] = sums[0].add(L::load(&row.0));
    }
    let [a, b, c, d] = sums;
    a.add(b).add(c.add(d)).add(L::load(&sum.0)).store(&mut sum.0);
}
