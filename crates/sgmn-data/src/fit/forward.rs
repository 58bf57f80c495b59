//! Forward through a block of pixels: positions → sines and cosines of every hidden layer → outputs.

use super::{
    block::BLOCK,
    layer::Layer,
    product::{add_rows_times, groups, lanes, lanes_mut, over_columns, padded, sum},
    simd::{LANES, Lanes},
    sine::sin_cos,
};

/// Sines and cosines of the first layer from the pixels' positions.
#[inline(always)]
pub(super) fn first_layer<L: Lanes>(
    layer: &Layer,
    positions: &[f32],
    sines: &mut [f32],
    cosines: &mut [f32],
) {
    let stride = padded(layer.n_out);
    for column in (0..stride).step_by(LANES) {
        let bias = L::load(lanes(&layer.bias, column));
        let by_x = L::load(lanes(&layer.by_input, column));
        let by_y = L::load(lanes(&layer.by_input, stride + column));
        let rows = sines.chunks_exact_mut(stride).zip(cosines.chunks_exact_mut(stride));
        for (position, (sines, cosines)) in positions.chunks_exact(2).zip(rows) {
            let [x, y] = [L::splat(position[0]), L::splat(position[1])];
            write_sin_cos(
                x.mul_add(by_x, y.mul_add(by_y, bias)),
                lanes_mut(sines, column),
                lanes_mut(cosines, column),
            );
        }
    }
}

/// Sines and cosines of a later hidden layer from the sines before it.
#[inline(always)]
pub(super) fn hidden_layer<L: Lanes, const R: usize, const V: usize>(
    layer: &Layer,
    n: usize,
    before: &[f32],
    sines: &mut [f32],
    cosines: &mut [f32],
) {
    over_columns!(padded(layer.n_out), hidden_columns(layer, n, before, sines, cosines));
}

#[inline(always)]
fn hidden_columns<L: Lanes, const R: usize, const V: usize>(
    layer: &Layer,
    n: usize,
    before: &[f32],
    sines: &mut [f32],
    cosines: &mut [f32],
    column: usize,
) {
    let (a_stride, stride) = (padded(layer.n_in), padded(layer.n_out));
    let bias = groups::<L, V>(&layer.bias, column);
    let rows = sines.chunks_exact_mut(R * stride).zip(cosines.chunks_exact_mut(R * stride));
    for (before, (sines, cosines)) in before[..n * a_stride].chunks_exact(R * a_stride).zip(rows) {
        let right = (&*layer.by_input, stride);
        let tile = add_rows_times::<L, R, V>(layer.n_in, (before, a_stride), right, column, [bias; R]);
        for (r, row) in tile.into_iter().enumerate() {
            for (v, angles) in row.into_iter().enumerate() {
                let at = r * stride + column + v * LANES;
                write_sin_cos(angles, lanes_mut(sines, at), lanes_mut(cosines, at));
            }
        }
    }
}

#[inline(always)]
fn write_sin_cos<L: Lanes>(angles: L, sines: &mut [f32; LANES], cosines: &mut [f32; LANES]) {
    let mut x = [0.0; LANES];
    angles.store(&mut x);
    (*sines, *cosines) = sin_cos::<L>(&x);
}

/// The net's outputs, `[C, BLOCK]`.
#[inline(always)]
pub(super) fn output_layer<L: Lanes>(layer: &Layer, n: usize, before: &[f32], out: &mut [f32]) {
    let stride = padded(layer.n_in);
    for (channel, weight) in layer.by_output.chunks_exact(stride).enumerate() {
        let bias = layer.bias[channel];
        let out = &mut out[channel * BLOCK..channel * BLOCK + n];
        for (out, before) in out.iter_mut().zip(before.chunks_exact(stride)) {
            let mut dot = L::splat(0.0);
            for column in (0..stride).step_by(LANES) {
                dot = L::load(lanes(before, column)).mul_add(L::load(lanes(weight, column)), dot);
            }
            *out = sum(dot) + bias;
        }
    }
}
