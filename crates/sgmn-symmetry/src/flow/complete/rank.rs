//! How many dimensions rows span, and what is orthogonal to all of them.

use super::super::matrices::dense::{left_singular, triangle};

/// A space that rows span, by an orthonormal basis.
#[derive(Debug, Clone, Default)]
pub(super) struct Span(Vec<Vec<f64>>);

/// A row adds a dimension if more than this part of it lies outside.
const OUTSIDE: f64 = 1e-7;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Span {
    /// The dimension.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: &[f64]) {
        let outside = self.outside(row);
        let length = dot(&outside, &outside).sqrt();
        if length > OUTSIDE * dot(row, row).sqrt() {
            self.0.push(outside.iter().map(|x| x / length).collect());
        }
    }

    /// The part of a row that is orthogonal to the space; twice, for what rounding left the first time.
    fn outside(&self, row: &[f64]) -> Vec<f64> {
        let mut row = row.to_vec();
        for own in self.0.iter().chain(&self.0) {
            let along = dot(&row, own);
            row.iter_mut().zip(own).for_each(|(x, own)| *x -= along * own);
        }
        row
    }

    /// A basis of what other rows span outside of this space, made sparse by elimination.
    pub(super) fn complement(&self, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut rest: Vec<Vec<f64>> = rows.iter().map(|row| self.outside(row)).collect();
        let mut basis: Vec<Vec<f64>> = Vec::new();
        while basis.len() + self.len() < rows.len() {
            let largest = |row: &[f64]| {
                let entries = row.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
                entries.map_or((0, 0.0), |(at, x)| (at, *x))
            };
            let pivots = rest.iter().map(|row| largest(row)).enumerate();
            let Some((of, (at, pivot))) = pivots.max_by(|a, b| a.1.1.abs().total_cmp(&b.1.1.abs())) else {
                break;
            };
            if pivot.abs() < OUTSIDE {
                break;
            }
            let row: Vec<f64> = rest.swap_remove(of).iter().map(|x| x / pivot).collect();
            for other in rest.iter_mut().chain(&mut basis) {
                let by = other[at];
                other.iter_mut().zip(&row).for_each(|(x, own)| *x -= by * own);
            }
            basis.push(row);
        }
        basis
    }
}

/// The kernel of a matrix.
#[derive(Debug)]
pub(super) struct Kernel {
    /// An orthonormal basis.
    pub(super) vectors: Vec<Vec<f64>>,
    /// The smallest singular value outside by the largest inside.
    pub(super) gap: f64,
}

/// Singular values above this part of the largest are not in the kernel. Of those below, the kernel begins where they
/// fall most: numbers that are hardly seen still lie far above what rounding leaves of 0.
const SEEN: f64 = 1e-7;

/// What rounding leaves of a singular value that is 0, beside the largest.
const ROUNDING: f64 = 1e-12;

/// The kernel of rows of n numbers.
pub(super) fn kernel(rows: &[Vec<f64>], n: usize) -> Kernel {
    // A triangle with the same kernel is all that singular values need; it is turned for `left_singular`.
    let triangle = triangle(rows, n);
    let mut turned = vec![0.0; n * n];
    for (i, row) in triangle.chunks(n.max(1)).enumerate() {
        row.iter().enumerate().for_each(|(j, x)| turned[j * n + i] = *x);
    }
    let (vectors, values) = left_singular(&turned, n);
    let largest = values.first().copied().unwrap_or(0.0);
    let seen = values.iter().filter(|value| **value > SEEN * largest).count();
    let fall = |rank: usize| {
        let below = values.get(rank).copied().unwrap_or(0.0).max(ROUNDING * largest);
        if rank == 0 { 1.0 } else { values[rank - 1] / below }
    };
    // The first of equal ones.
    let rank = (seen..=n).fold(seen, |best, rank| if fall(rank) > fall(best) { rank } else { best });
    let gap = if rank == 0 || rank == n { f64::INFINITY } else { fall(rank) };
    Kernel { vectors: vectors.chunks(n.max(1)).skip(rank).map(<[f64]>::to_vec).collect(), gap }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_all_rows_send_to_zero() {
        let rows = [vec![1.0, 1.0, 0.0], vec![2.0, 2.0, 0.0], vec![0.0, 0.0, 1e-3], vec![1.0, 1.0, 1.0]];
        let kernel = kernel(&rows, 3);
        assert_eq!(kernel.vectors.len(), 1);
        assert!(rows.iter().all(|row| dot(row, &kernel.vectors[0]).abs() < 1e-12));
        assert!(kernel.gap > 1e9);
    }

    #[test]
    fn what_lies_outside_is_found_sparse() {
        let mut span = Span::default();
        span.add(&[1.0, 1.0, 0.0, 0.0]);
        span.add(&[2.0, 2.0, 0.0, 0.0]);
        assert_eq!(span.len(), 1);
        let all = [vec![1.0, 1.0, 0.0, 0.0], vec![1.0, 1.0, 1.0, 2.0], vec![0.0, 0.0, 1.0, -1.0]];
        let mut outside = span.complement(&all);
        outside.sort_by(|a, b| a[2].total_cmp(&b[2]));
        let expected = [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]];
        assert_eq!(outside.len(), 2);
        let pairs = outside.iter().flatten().zip(expected.iter().flatten());
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-12), "{outside:?}");
    }
}
