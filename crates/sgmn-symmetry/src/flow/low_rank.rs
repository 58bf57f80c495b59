//! Products of two thin matrices, measured without being made: singular values and distances by QR.

use super::matrices::dense::{left_singular, triangle};

/// The matrix `scale · B A` of low rank, by its factors: it does not change if B and A become `B G⁻¹` and `G A`.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    rank: usize,
    /// `Aᵀ`, row-major `[in, rank]`.
    right: Vec<f64>,
    /// `scale · B`, row-major `[out, rank]`.
    left: Vec<f64>,
}

impl LowRank {
    /// From A `[rank, in]` and B `[out, rank]`, both row-major.
    ///
    /// # Panics
    /// If the rank is 0 or does not divide the counts of numbers.
    pub fn new(a: &[f64], b: &[f64], rank: usize, scale: f64) -> Self {
        assert!(
            rank > 0 && a.len().is_multiple_of(rank) && b.len().is_multiple_of(rank),
            "{} and {} numbers of rank {rank}",
            a.len(),
            b.len()
        );
        let n = a.len() / rank;
        let right = (0..a.len()).map(|at| a[at % rank * n + at / rank]).collect();
        Self { rank, right, left: b.iter().map(|value| scale * value).collect() }
    }

    /// `[out, in]`.
    pub fn shape(&self) -> [usize; 2] {
        [self.left.len() / self.rank, self.right.len() / self.rank]
    }

    /// The singular values, falling; at most `rank`. `B = Q R` and `Aᵀ = P S` give those of the small `R Sᵀ`.
    pub fn singular_values(&self) -> Vec<f64> {
        let mut values = left_singular(&core(&self.left, &self.right, self.rank), self.rank).1;
        values.truncate(self.shape().into_iter().min().unwrap_or(0));
        values
    }

    /// The Euclidean norm of all numbers of the product.
    pub fn norm(&self) -> f64 {
        length(&core(&self.left, &self.right, self.rank))
    }

    /// The Euclidean norm of the difference of two products; the ranks may differ. None if their shapes do.
    pub fn distance(&self, other: &Self) -> Option<f64> {
        if self.shape() != other.shape() {
            return None;
        }
        let (r, s) = (self.rank, other.rank);
        let beside = |a: &[f64], b: &[f64], sign: f64| -> Vec<f64> {
            let rows = a.chunks(r).zip(b.chunks(s));
            rows.flat_map(|(a, b)| a.iter().copied().chain(b.iter().map(move |value| sign * value))).collect()
        };
        let left = beside(&self.left, &other.left, -1.0);
        let right = beside(&self.right, &other.right, 1.0);
        Some(length(&core(&left, &right, r + s)))
    }
}

/// `R Sᵀ` of `left = Q R` and `right = P S`, both of n columns: n rows of n numbers.
fn core(left: &[f64], right: &[f64], n: usize) -> Vec<f64> {
    let of = |a: &[f64]| triangle(&a.chunks(n).map(<[f64]>::to_vec).collect::<Vec<_>>(), n);
    let (r, s) = (of(left), of(right));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    r.chunks(n).flat_map(|a| s.chunks(n).map(move |b| dot(a, b))).collect()
}

/// The Euclidean norm, scaled so that squares neither vanish nor overflow.
fn length(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    largest * values.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sgmn_graph::Seed;

    use super::*;

    fn random(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = Seed::new(seed).rng();
        (0..n).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect()
    }

    /// `scale · B A`, made.
    fn whole(a: &[f64], b: &[f64], rank: usize, scale: f64) -> Vec<f64> {
        let n = a.len() / rank;
        let row = |b: &[f64], j: usize| (0..rank).map(|k| scale * b[k] * a[k * n + j]).sum();
        b.chunks(rank).flat_map(|b| (0..n).map(move |j| row(b, j)).collect::<Vec<f64>>()).collect()
    }

    #[test]
    fn norms_and_distances_are_those_of_the_products() {
        // Tall, square, and matrices with fewer rows than the rank.
        for (n_in, n_out, ranks) in [(7, 9, [2, 3]), (3, 3, [3, 1]), (2, 5, [3, 4]), (1, 1, [1, 2])] {
            let of = |rank: usize, seed| (random(rank * n_in, seed), random(n_out * rank, seed + 1));
            let ((a, b), (c, d)) = (of(ranks[0], 1), of(ranks[1], 5));
            let (x, y) = (LowRank::new(&a, &b, ranks[0], 0.5), LowRank::new(&c, &d, ranks[1], 3.0));
            assert_eq!(x.shape(), [n_out, n_in]);
            let (left, right) = (whole(&a, &b, ranks[0], 0.5), whole(&c, &d, ranks[1], 3.0));
            let apart: Vec<f64> = left.iter().zip(&right).map(|(a, b)| a - b).collect();
            assert!((x.norm() - length(&left)).abs() < 1e-12);
            assert!((x.distance(&y).unwrap() - length(&apart)).abs() < 1e-12);
            assert!(x.distance(&x).unwrap() < 1e-14);
            let values = x.singular_values();
            assert!(values.len() <= ranks[0] && values.is_sorted_by(|a, b| a >= b));
            assert!((length(&values) - x.norm()).abs() < 1e-12);
        }
        let small = LowRank::new(&[1.0, 2.0], &[1.0], 1, 1.0);
        assert_eq!(small.distance(&LowRank::new(&[1.0], &[1.0], 1, 1.0)), None);
        assert_eq!(LowRank::new(&[0.0; 4], &[0.0; 6], 2, 1.0).singular_values(), [0.0, 0.0]);
    }
}
