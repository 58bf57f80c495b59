//! How large numbers are that spread over powers of ten: counted in fine logarithmic bins, so that any number of nets
//! takes the same memory.

use std::{collections::BTreeMap, ops::AddAssign};

use serde::{Deserialize, Serialize};

/// Bins of a factor of two: a bin is 1.1 % wide, and a quantile off by at most 0.6 %.
const BINS_PER_OCTAVE: f64 = 64.0;

/// The distribution of norms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Norms {
    /// Norms that were counted.
    pub n: u64,
    /// Those that are exactly 0.
    pub n_zeros: u64,
    /// Quantiles of all norms, zeros included; nothing if there are none.
    pub quantiles: Option<Quantiles>,
    /// Norms that are not 0: bin k counts those from 2^(k/64) up to 2^((k+1)/64).
    pub histogram: BTreeMap<i32, u64>,
}

/// Norms below or at which a share of all norms lies; exact to 0.6 %, the smallest and the largest exactly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The smallest norm.
    pub smallest: f64,
    /// 5 % are not larger.
    pub p5: f64,
    /// 25 % are not larger.
    pub p25: f64,
    /// Half are not larger.
    pub median: f64,
    /// 75 % are not larger.
    pub p75: f64,
    /// 95 % are not larger.
    pub p95: f64,
    /// The largest norm.
    pub largest: f64,
}

impl Norms {
    /// The norm that a share of all norms does not exceed, `share` in [0, 1]; nothing if there are no norms.
    ///
    /// It is the least norm with this property, rounded to the middle of its bin.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let Quantiles { smallest, largest, .. } = self.quantiles?;
        Some(quantile(self.n, self.n_zeros, &self.histogram, share).clamp(smallest, largest))
    }

    /// The share of norms that are exactly 0, in [0, 1]; 0 if there are no norms.
    pub fn share_zero(&self) -> f64 {
        self.n_zeros as f64 / self.n.max(1) as f64
    }

    /// The factor between the 5 % and the 95 % quantile: how far the middle nine tenths spread; nothing if that is no
    /// number.
    pub fn spread(&self) -> Option<f64> {
        self.quantiles.map(|q| q.p95 / q.p5).filter(|spread| spread.is_finite())
    }

    /// The first and the last bin of what is left when a share of the norms that are not 0 is taken away at both ends;
    /// nothing if all are 0.
    pub(super) fn inner_bins(&self, outer_share: f64) -> Option<(i32, i32)> {
        let n = self.n - self.n_zeros;
        let at = |share| bin_of_rank(rank(n, share), &self.histogram);
        at(outer_share).zip(at(1.0 - outer_share))
    }

    /// Edges of a bin.
    pub(super) fn edges(bin: i32) -> (f64, f64) {
        let edge = |bin: i32| (f64::from(bin) / BINS_PER_OCTAVE).exp2();
        (edge(bin), edge(bin + 1))
    }

    /// The bin of a number above 0.
    pub(super) fn bin(value: f64) -> i32 {
        (value.log2() * BINS_PER_OCTAVE).floor() as i32
    }
}

/// Norms being counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    n: u64,
    n_zeros: u64,
    range: Option<(f64, f64)>,
    histogram: BTreeMap<i32, u64>,
}

impl Tally {
    /// Counts the norm of some numbers.
    pub(super) fn add(&mut self, values: &[f64]) {
        let norm = norm(values);
        self.n += 1;
        let (smallest, largest) = self.range.unwrap_or((norm, norm));
        self.range = Some((smallest.min(norm), largest.max(norm)));
        if norm == 0.0 {
            self.n_zeros += 1;
        } else {
            *self.histogram.entry(Norms::bin(norm)).or_default() += 1;
        }
    }

    pub(super) fn finish(self) -> Norms {
        let Self { n, n_zeros, range, histogram } = self;
        let quantiles = range.map(|(smallest, largest)| {
            let at = |share| quantile(n, n_zeros, &histogram, share).clamp(smallest, largest);
            let [p5, p25, median, p75, p95] = [0.05, 0.25, 0.5, 0.75, 0.95].map(at);
            Quantiles { smallest, p5, p25, median, p75, p95, largest }
        });
        Norms { n, n_zeros, quantiles, histogram }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.n += other.n;
        self.n_zeros += other.n_zeros;
        self.range = match (self.range, other.range) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        for (bin, n) in other.histogram {
            *self.histogram.entry(bin).or_default() += n;
        }
    }
}

/// The middle of the bin that holds a quantile of all numbers, 0 if that is a zero.
fn quantile(n: u64, n_zeros: u64, histogram: &BTreeMap<i32, u64>, share: f64) -> f64 {
    let rank = rank(n, share);
    if rank <= n_zeros {
        return 0.0;
    }
    bin_of_rank(rank - n_zeros, histogram).map_or(0.0, |bin| {
        let (low, high) = Norms::edges(bin);
        // Not the root of the product, which small and large numbers do not have.
        low.sqrt() * high.sqrt()
    })
}

/// Which of n numbers, counted from 1 and from the smallest, is the quantile of a share: the first for a share of 0.
fn rank(n: u64, share: f64) -> u64 {
    ((share * n as f64).ceil() as u64).max(1)
}

fn bin_of_rank(rank: u64, histogram: &BTreeMap<i32, u64>) -> Option<i32> {
    let mut n_seen = 0;
    let holds = |(_, n): &(&i32, &u64)| {
        n_seen += **n;
        n_seen >= rank
    };
    histogram.iter().find(holds).map(|(bin, _)| *bin)
}

/// √Σ v², also where squares are too small or too large for a number.
fn norm(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    let squares: f64 = values.iter().map(|value| (value / largest).powi(2)).sum();
    (largest * squares.sqrt()).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norms(values: &[f64]) -> Norms {
        let mut tally = Tally::default();
        values.iter().for_each(|value| tally.add(&[*value]));
        tally.finish()
    }

    #[test]
    fn a_norm_is_found_where_squares_are_not() {
        assert_eq!(norm(&[3.0, -4.0]), 5.0);
        for (found, exact) in [(norm(&[3e-200, 4e-200]), 5e-200), (norm(&[3e200, 4e200]), 5e200)] {
            assert!((found / exact - 1.0f64).abs() < 1e-15, "{found} for {exact}");
        }
        assert_eq!([norm(&[0.0, 0.0]), norm(&[])], [0.0, 0.0]);
        assert_eq!(norm(&[f64::MAX; 3]), f64::MAX);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_numbers() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let norms = norms(&values);
        let Quantiles { smallest, p5, p25, median, p75, p95, largest } = norms.quantiles.unwrap();
        assert_eq!((norms.n, norms.n_zeros, smallest, largest), (100, 0, 1.0, 100.0));
        for (found, exact) in [(p5, 5.0), (p25, 25.0), (median, 50.0), (p75, 75.0), (p95, 95.0)] {
            assert!((found / exact - 1.0f64).abs() < 0.006, "{found} for {exact}");
        }
        for (share, exact) in [(0.0, 1.0), (1.0, 100.0)] {
            assert!((norms.quantile(share).unwrap() / exact - 1.0f64).abs() < 0.006);
        }
        assert!((norms.spread().unwrap() / 19.0 - 1.0).abs() < 0.012);
    }

    #[test]
    fn zeros_are_the_smallest_numbers_and_in_no_bin() {
        let norms = norms(&[0.0, 0.0, -2.0, 8.0]);
        assert_eq!((norms.n_zeros, norms.share_zero(), norms.spread()), (2, 0.5, None));
        let Quantiles { smallest, median, p75, largest, .. } = norms.quantiles.unwrap();
        assert_eq!((smallest, median, largest), (0.0, 0.0, 8.0));
        assert!((p75 - 2.0).abs() < 0.012 * 2.0);
        assert_eq!(norms.histogram, BTreeMap::from([(64, 1), (192, 1)]));
        assert_eq!(Norms::edges(64).0, 2.0);
    }

    #[test]
    fn the_smallest_and_the_largest_numbers_have_bins() {
        let norms = norms(&[5e-324, f64::MAX]);
        assert_eq!(norms.quantile(0.5), Some(5e-324));
        assert_eq!(norms.quantile(1.0), Some(f64::MAX));
        assert_eq!(Tally::default().finish(), Norms::default());
    }
}
