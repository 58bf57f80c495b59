//! Products of small matrices, tile by tile in registers; all sizes are padded to whole groups of sixteen numbers.
//!
//! The `gemm` crate was measured beside it: a block of 64 × 32 times 32 × 32 runs at 247 GFLOP/s here and at 200 there
//! (one core, Zen 5, AVX-512), and only here can the sine be taken while a tile is still in registers.

use std::ops::{Deref, DerefMut};

use super::simd::{LANES, Lanes};

/// Sums of a tile: `R` rows of `V` groups of [`LANES`] columns.
pub(super) type Tile<L, const R: usize, const V: usize> = [[L; V]; R];

/// The next multiple of [`LANES`].
pub(super) fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}

/// Adds `Σ_k a[r, k] · b[k, column..]` to every row r of a tile.
///
/// # Shapes
/// `a` begins at the tile's first row and has rows of `a_stride`, a multiple of [`LANES`]; `b` is `[≥ depth, b_stride]`.
#[inline(always)]
pub(super) fn add_rows_times<L: Lanes, const R: usize, const V: usize>(
    depth: usize,
    (a, a_stride): (&[f32], usize),
    (b, b_stride): (&[f32], usize),
    column: usize,
    mut tile: Tile<L, R, V>,
) -> Tile<L, R, V> {
    // Sixteen steps at a time, so that the left factors lie in arrays and no index is checked.
    for (block, b) in b[..depth * b_stride].chunks(LANES * b_stride).enumerate() {
        let mut rows = [lanes(a, block * LANES); R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = lanes(a, r * a_stride + block * LANES);
        }
        for (k, b_row) in b.chunks_exact(b_stride).enumerate() {
            let b_row = groups::<L, V>(b_row, column);
            for r in 0..R {
                let factor = L::splat(rows[r][k % LANES]);
                for v in 0..V {
                    tile[r][v] = factor.mul_add(b_row[v], tile[r][v]);
                }
            }
        }
    }
    tile
}

/// Adds `Σ_k a[k, row + r] · b[k, column..]` to every row r of a tile: a product with the transposed left factor.
///
/// # Shapes
/// `a` is `[depth, a_stride]`, `b` is `[depth, b_stride]`.
#[inline(always)]
pub(super) fn add_columns_times<L: Lanes, const R: usize, const V: usize>(
    (a, a_stride): (&[f32], usize),
    row: usize,
    (b, b_stride): (&[f32], usize),
    column: usize,
    mut tile: Tile<L, R, V>,
) -> Tile<L, R, V> {
    for (a_row, b_row) in a.chunks_exact(a_stride).zip(b.chunks_exact(b_stride)) {
        let a_row: &[f32; R] = a_row[row..row + R].try_into().expect("a slice of R numbers");
        let b_row = groups::<L, V>(b_row, column);
        for r in 0..R {
            let factor = L::splat(a_row[r]);
            for v in 0..V {
                tile[r][v] = factor.mul_add(b_row[v], tile[r][v]);
            }
        }
    }
    tile
}

/// Reads `V` groups of lanes from `x`, beginning at position `at`.
#[inline(always)]
pub(super) fn groups<L: Lanes, const V: usize>(x: &[f32], at: usize) -> [L; V] {
    let mut out = [L::splat(0.0); V];
    for (group, values) in out.iter_mut().zip(x[at..at + V * LANES].as_chunks::<LANES>().0) {
        *group = L::load(values);
    }
    out
}

/// The sixteen numbers of `x` at position `at`.
#[inline(always)]
pub(super) fn lanes(x: &[f32], at: usize) -> &[f32; LANES] {
    x[at..at + LANES].try_into().expect("a slice of LANES numbers")
}

/// The sixteen numbers of `x` at position `at`, to be written.
#[inline(always)]
pub(super) fn lanes_mut(x: &mut [f32], at: usize) -> &mut [f32; LANES] {
    (&mut x[at..at + LANES]).try_into().expect("a slice of LANES numbers")
}

/// Sum over the lanes, always in the same order.
#[inline(always)]
pub(super) fn sum<L: Lanes>(x: L) -> f32 {
    let mut values = [0.0; LANES];
    x.store(&mut values);
    let mut eight = [0.0; 8];
    for i in 0..8 {
        eight[i] = values[i] + values[i + 8];
    }
    let four = [eight[0] + eight[4], eight[1] + eight[5], eight[2] + eight[6], eight[3] + eight[7]];
    (four[0] + four[2]) + (four[1] + four[3])
}

/// Runs `$function::<L, R, V>(…, column)` over all columns, `V` groups of lanes at a time and the rest one by one.
macro_rules! over_columns {
    ($width:expr, $function:ident($($argument:expr),*)) => {{
        let (width, mut column) = ($width, 0);
        while column + V * LANES <= width {
            $function::<L, R, V>($($argument,)* column);
            column += V * LANES;
        }
        while column < width {
            $function::<L, R, 1>($($argument,)* column);
            column += LANES;
        }
    }};
}

pub(super) use over_columns;

/// Zeros that begin at a cache line, so that no group of lanes straddles two.
#[derive(Debug)]
pub(super) struct Buffer {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let data = vec![0.0f32; len + LANES];
        // An alignment that cannot be had costs speed, nothing else.
        let start = data.as_ptr().align_offset(LANES * size_of::<f32>()).min(LANES);
        Self { data, start, len }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.data[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..self.start + self.len]
    }
}
