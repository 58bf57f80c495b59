//! Backward through a block of pixels: every layer's gradient is added to its sums, the cosines become gradients.

use super::{
    block::BLOCK,
    layer::Layer,
    product::{Tile, add_columns_times, add_rows_times, groups, lanes, lanes_mut, over_columns, padded, sum},
    simd::{LANES, Lanes},
};

/// Rows whose sums are kept apart so that one addition need not wait for the one before.
const CHAINS: usize = 4;

/// Gradient of the output layer, and of the arguments of the sines before it: `cos · Σ_c g_c W_c`.
#[inline(always)]
pub(super) fn output_gradient<L: Lanes>(
    layer: &mut Layer,
    n: usize,
    g: &[f32],
    sines: &[f32],
    cosines: &mut [f32],
) {
    let stride = padded(layer.n_in);
    for channel in 0..layer.n_out {
        let g = &g[channel * BLOCK..channel * BLOCK + n];
        let mut total = L::splat(0.0);
        for g in g.as_chunks::<LANES>().0 {
            total = total.add(L::load(g));
        }
        layer.d_bias[channel] += sum(total);
        for column in (0..stride).step_by(LANES) {
            let mut chains = [L::splat(0.0); CHAINS];
            for (g, rows) in g.chunks_exact(CHAINS).zip(sines.chunks_exact(CHAINS * stride)) {
                for (k, chain) in chains.iter_mut().enumerate() {
                    *chain = L::splat(g[k]).mul_add(L::load(lanes(rows, k * stride + column)), *chain);
                }
            }
            add_chains(chains, lanes_mut(&mut layer.d_weight, channel * stride + column));
        }
    }
    for column in (0..stride).step_by(LANES) {
        for (p, row) in cosines.chunks_exact_mut(stride).take(n).enumerate() {
            let mut upstream = L::splat(0.0);
            for (channel, weight) in layer.by_output.chunks_exact(stride).enumerate() {
                upstream = L::splat(g[channel * BLOCK + p]).mul_add(L::load(lanes(weight, column)), upstream);
            }
            let cosine = lanes_mut(row, column);
            upstream.mul(L::load(cosine)).store(cosine);
        }
    }
}

/// Adds to the bias's gradient the sum over pixels.
#[inline(always)]
pub(super) fn bias_gradient<L: Lanes>(layer: &mut Layer, n: usize, d: &[f32]) {
    let stride = padded(layer.n_out);
    for column in (0..stride).step_by(LANES) {
        let mut chains = [L::splat(0.0); CHAINS];
        for rows in d[..n * stride].chunks_exact(CHAINS * stride) {
            for (k, chain) in chains.iter_mut().enumerate() {
                *chain = chain.add(L::load(lanes(rows, k * stride + column)));
            }
        }
        add_chains(chains, lanes_mut(&mut layer.d_bias, column));
    }
}

#[inline(always)]
fn add_chains<L: Lanes>(chains: [L; CHAINS], sums: &mut [f32; LANES]) {
    chains[0].add(chains[2]).add(chains[1].add(chains[3])).add(L::load(sums)).store(sums);
}

/// Adds to the weights' gradient `dᵀ · before`.
#[inline(always)]
pub(super) fn weight_gradient<L: Lanes, const R: usize, const V: usize>(
    layer: &mut Layer,
    n: usize,
    d: &[f32],
    before: &[f32],
) {
    over_columns!(padded(layer.n_in), weight_columns(layer, n, d, before));
}

#[inline(always)]
fn weight_columns<L: Lanes, const R: usize, const V: usize>(
    layer: &mut Layer,
    n: usize,
    d: &[f32],
    before: &[f32],
    column: usize,
) {
    let (stride, d_stride) = (padded(layer.n_in), padded(layer.n_out));
    let (d, before) = (&d[..n * d_stride], &before[..n * stride]);
    for (tile_row, sums) in layer.d_weight.chunks_exact_mut(R * stride).enumerate() {
        let mut tile: Tile<L, R, V> = [[L::splat(0.0); V]; R];
        for (row, sums) in tile.iter_mut().zip(sums.chunks_exact(stride)) {
            *row = groups::<L, V>(sums, column);
        }
        let tile = add_columns_times::<L, R, V>((d, d_stride), tile_row * R, (before, stride), column, tile);
        for (row, sums) in tile.into_iter().zip(sums.chunks_exact_mut(stride)) {
            for (v, value) in row.into_iter().enumerate() {
                value.store(lanes_mut(sums, column + v * LANES));
            }
        }
    }
}

/// Turns the cosines before a layer into gradients: `cos · (d · ωW)`.
#[inline(always)]
pub(super) fn input_gradient<L: Lanes, const R: usize, const V: usize>(
    layer: &Layer,
    n: usize,
    d: &[f32],
    cosines: &mut [f32],
) {
    over_columns!(padded(layer.n_in), input_columns(layer, n, d, cosines));
}

#[inline(always)]
fn input_columns<L: Lanes, const R: usize, const V: usize>(
    layer: &Layer,
    n: usize,
    d: &[f32],
    cosines: &mut [f32],
    column: usize,
) {
    let (stride, d_stride) = (padded(layer.n_in), padded(layer.n_out));
    for (d, cosines) in d[..n * d_stride].chunks_exact(R * d_stride).zip(cosines.chunks_exact_mut(R * stride))
    {
        let zeros = [[L::splat(0.0); V]; R];
        let tile =
            add_rows_times::<L, R, V>(layer.n_out, (d, d_stride), (&layer.by_output, stride), column, zeros);
        for (r, row) in tile.into_iter().enumerate() {
            for (v, upstream) in row.into_iter().enumerate() {
                let cosine = lanes_mut(cosines, r * stride + column + v * LANES);
                upstream.mul(L::load(cosine)).store(cosine);
            }
        }
    }
}

/// Adds to the first layer's gradient the sums of d·x and d·y over pixels.
#[inline(always)]
pub(super) fn first_gradient<L: Lanes>(d: &[f32], positions: &[f32], d_first: &mut [f32]) {
    let stride = d_first.len() / 2;
    for column in (0..stride).step_by(LANES) {
        let mut chains = [[L::splat(0.0); CHAINS]; 2];
        for (positions, rows) in positions.chunks_exact(2 * CHAINS).zip(d.chunks_exact(CHAINS * stride)) {
            for k in 0..CHAINS {
                let d = L::load(lanes(rows, k * stride + column));
                for (axis, chains) in chains.iter_mut().enumerate() {
                    chains[k] = L::splat(positions[2 * k + axis]).mul_add(d, chains[k]);
                }
            }
        }
        for (axis, chains) in chains.into_iter().enumerate() {
            add_chains(chains, lanes_mut(d_first, axis * stride + column));
        }
    }
}
