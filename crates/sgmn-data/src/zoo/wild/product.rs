//! Products of a tall matrix and a narrow one, in rows of sixteen numbers.
//!
//! candle's product was measured beside it: it asks the system for the number of its processors each time, and is cut
//! among threads of its own that wait for each other, while here every thread has a net. Nets train seven times as fast.

use crate::{
    fit::simd::{Job, LANES, Lanes, Level},
    zoo::architecture::Row,
};

/// Sums that are kept in registers: enough to hide how long one takes.
const TILE: usize = 8;

/// A matrix `[n_rows, n_columns]`, each row filled up with zeros to whole [`Row`]s.
#[derive(Debug, Clone)]
pub(super) struct Narrow {
    rows: Vec<Row>,
    n_columns: usize,
    /// Whole rows of sixteen in a row of the matrix.
    n_groups: usize,
}

impl Narrow {
    /// The matrix whose number at (row, column) is `at(row, column)`.
    pub(super) fn new(n_rows: usize, n_columns: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let mut matrix = Self::zeros(n_rows, n_columns);
        for row in 0..n_rows {
            for column in 0..n_columns {
                matrix.rows[row * matrix.n_groups + column / LANES].0[column % LANES] = at(row, column);
            }
        }
        matrix
    }

    fn zeros(n_rows: usize, n_columns: usize) -> Self {
        let n_groups = n_columns.div_ceil(LANES);
        Self { rows: vec![Row::ZERO; n_rows * n_groups], n_columns, n_groups }
    }

    /// The numbers of a row.
    pub(super) fn row(&self, row: usize) -> impl Iterator<Item = f32> {
        let groups = &self.rows[row * self.n_groups..(row + 1) * self.n_groups];
        groups.iter().flat_map(|group| group.0).take(self.n_columns)
    }

    /// `a · self` for a matrix `[rows, depth]` without gaps, `depth` being the rows of this one.
    pub(super) fn times(&self, level: Level, a: &[f32], depth: usize) -> Self {
        let mut to = Self::zeros(a.len() / depth.max(1), self.n_columns);
        level.run(Times { a, depth, b: &self.rows, n_groups: self.n_groups, to: &mut to.rows });
        to
    }

    /// `aᵀ · self` for a matrix `[rows, depth]` without gaps, with as many rows as this one.
    pub(super) fn turned_times(&self, level: Level, a: &[f32], depth: usize) -> Self {
        let mut to = Self::zeros(depth, self.n_columns);
        level.run(TurnedTimes { a, depth, b: &self.rows, n_groups: self.n_groups, to: &mut to.rows });
        to
    }
}

struct Times<'a> {
    a: &'a [f32],
    depth: usize,
    b: &'a [Row],
    n_groups: usize,
    to: &'a mut [Row],
}

impl Job for Times<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) {
        let Self { a, depth, b, n_groups, to } = self;
        let blocks = to.chunks_mut(TILE * n_groups).zip(a.chunks(TILE * depth));
        for (to, a) in blocks {
            let n_rows = a.len() / depth;
            for group in 0..n_groups {
                let mut sums = [L::splat(0.0); TILE];
                let b = b[group..].iter().step_by(n_groups);
                if n_rows == TILE {
                    let a: [&[f32]; TILE] = std::array::from_fn(|r| &a[r * depth..(r + 1) * depth]);
                    for (k, b) in b.enumerate() {
                        let b = L::load(&b.0);
                        for r in 0..TILE {
                            sums[r] = L::splat(a[r][k]).mul_add(b, sums[r]);
                        }
                    }
                } else {
                    for (k, b) in b.enumerate() {
                        let b = L::load(&b.0);
                        for r in 0..n_rows {
                            sums[r] = L::splat(a[r * depth + k]).mul_add(b, sums[r]);
                        }
                    }
                }
                for r in 0..n_rows {
                    sums[r].store(&mut to[r * n_groups + group].0);
                }
            }
        }
    }
}

struct TurnedTimes<'a> {
    a: &'a [f32],
    depth: usize,
    b: &'a [Row],
    n_groups: usize,
    to: &'a mut [Row],
}

impl Job for TurnedTimes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) {
        let Self { a, depth, b, n_groups, to } = self;
        for first in (0..depth).step_by(TILE) {
            let n = TILE.min(depth - first);
            for group in 0..n_groups {
                let mut sums = [L::splat(0.0); TILE];
                let rows = a.chunks_exact(depth).zip(b[group..].iter().step_by(n_groups));
                for (a, b) in rows {
                    let b = L::load(&b.0);
                    match a[first..].first_chunk::<TILE>() {
                        Some(a) => {
                            for r in 0..TILE {
                                sums[r] = L::splat(a[r]).mul_add(b, sums[r]);
                            }
                        }
                        None => {
                            for r in 0..n {
                                sums[r] = L::splat(a[first + r]).mul_add(b, sums[r]);
                            }
                        }
                    }
                }
                for r in 0..n {
                    sums[r].store(&mut to[(first + r) * n_groups + group].0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_all_sizes_are_sums_of_products() {
        let number = |i: usize| ((i * 7 + 3) % 11) as f32 - 5.0;
        let sizes = [(1, 1, 1), (8, 9, 16), (11, 3, 17), (16, 10, 33), (5, 8, 4), (9, 25, 1)];
        for (n_rows, depth, n_columns) in sizes {
            let a: Vec<f32> = (0..n_rows * depth).map(number).collect();
            let at = |row: usize, column: usize| number(row * n_columns + column + 1);
            let found = Narrow::new(depth, n_columns, at).times(Level::detect(), &a, depth);
            for row in 0..n_rows {
                let sum = |column| (0..depth).map(|k| a[row * depth + k] * at(k, column)).sum::<f32>();
                assert!(found.row(row).eq((0..n_columns).map(sum)), "{n_rows} {depth} {n_columns}");
            }
            let found = Narrow::new(n_rows, n_columns, at).turned_times(Level::detect(), &a, depth);
            for k in 0..depth {
                let sum = |column| (0..n_rows).map(|row| a[row * depth + k] * at(row, column)).sum::<f32>();
                assert!(found.row(k).eq((0..n_columns).map(sum)), "turned {n_rows} {depth} {n_columns}");
            }
        }
    }
}
