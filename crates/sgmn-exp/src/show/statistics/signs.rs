//! Signs of units: how many are positive, in all and net by net, beside what flips of a fair coin would give.

use std::{collections::BTreeMap, ops::AddAssign};

use serde::{Deserialize, Serialize};

/// The distribution of signs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Signs {
    /// Units that were counted.
    pub n: u64,
    /// Those without sign: exactly 0.
    pub n_zeros: u64,
    /// Those that are positive.
    pub n_positive: u64,
    /// Nets by the numbers of their units; nets all of whose units are without sign are left out.
    pub nets: Vec<NetsOfShare>,
}

/// Nets with as many units of a sign, as many of which are positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetsOfShare {
    /// Units of the net that have a sign.
    pub n_signed: usize,
    /// Those that are positive.
    pub n_positive: usize,
    /// How many nets are so.
    pub n_nets: u64,
}

/// Shares of positive signs, in [0, 1], each with its weight, from small to large.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares(Vec<(f64, f64)>);

impl Signs {
    /// The share of positive signs among all signs; nothing if no unit has one.
    pub fn share_positive(&self) -> Option<f64> {
        let n_signed = self.n - self.n_zeros;
        (n_signed > 0).then(|| self.n_positive as f64 / n_signed as f64)
    }

    /// The share of units without sign, in [0, 1]; 0 if there are no units.
    pub fn share_zero(&self) -> f64 {
        self.n_zeros as f64 / self.n.max(1) as f64
    }

    /// The share of each net; the weight of a share is the number of nets.
    pub fn of_nets(&self) -> Shares {
        let share = |nets: &NetsOfShare| (nets.n_positive as f64 / nets.n_signed as f64, nets.n_nets as f64);
        Shares::new(self.nets.iter().map(share))
    }

    /// The shares to be expected if every sign were the flip of a fair coin: a binomial distribution for every net.
    pub fn of_coins(&self) -> Shares {
        let mut n_nets_of: BTreeMap<usize, u64> = BTreeMap::new();
        for nets in &self.nets {
            *n_nets_of.entry(nets.n_signed).or_default() += nets.n_nets;
        }
        let of_width = |(n_signed, n_nets): (usize, u64)| {
            let probabilities = fair_binomial(n_signed).into_iter().enumerate();
            probabilities.map(move |(k, p)| (k as f64 / n_signed as f64, p * n_nets as f64))
        };
        Shares::new(n_nets_of.into_iter().flat_map(of_width))
    }

    /// The most units with sign of a net.
    pub(super) fn widest(&self) -> usize {
        self.nets.iter().map(|nets| nets.n_signed).max().unwrap_or(0)
    }
}

impl Shares {
    fn new(shares: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut shares: Vec<(f64, f64)> = shares.collect();
        shares.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(shares)
    }

    /// The least share that `part` of the weight does not exceed, `part` in [0, 1]; nothing if there are no shares.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let total: f64 = self.0.iter().map(|(_, weight)| weight).sum();
        // Probabilities that should sum to 1 may miss it by rounding.
        let wanted = part * total * (1.0 - 1e-12);
        let mut seen = 0.0;
        let found = self.0.iter().find(|(_, weight)| {
            seen += weight;
            seen >= wanted && *weight > 0.0
        });
        found.or(self.0.last()).map(|(share, _)| *share)
    }

    /// Weights by share, rounded to the nearest of 0, 1/n, 2/n, …, 1; a half is rounded up.
    pub(super) fn rounded(&self, n: usize) -> Vec<f64> {
        let mut weights = vec![0.0; n + 1];
        for (share, weight) in &self.0 {
            weights[((share * n as f64).round() as usize).min(n)] += weight;
        }
        weights
    }
}

/// Signs being counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    n: u64,
    n_zeros: u64,
    n_positive: u64,
    /// Number of nets by the number of their units that have a sign, and of those that are positive.
    nets: BTreeMap<(usize, usize), u64>,
}

impl Tally {
    /// Counts the units of one net, each by a number that has the sign of the unit.
    pub(super) fn add(&mut self, units: impl Iterator<Item = f64>) {
        let [mut n, mut n_signed, mut n_positive] = [0; 3];
        for unit in units {
            n += 1;
            n_signed += usize::from(unit != 0.0);
            n_positive += usize::from(unit > 0.0);
        }
        self.n += n as u64;
        self.n_zeros += (n - n_signed) as u64;
        self.n_positive += n_positive as u64;
        if n_signed > 0 {
            *self.nets.entry((n_signed, n_positive)).or_default() += 1;
        }
    }

    pub(super) fn finish(self) -> Signs {
        let Self { n, n_zeros, n_positive, nets } = self;
        let nets = nets.into_iter().map(|((n_signed, n_positive), n_nets)| NetsOfShare {
            n_signed,
            n_positive,
            n_nets,
        });
        Signs { n, n_zeros, n_positive, nets: nets.collect() }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.n += other.n;
        self.n_zeros += other.n_zeros;
        self.n_positive += other.n_positive;
        for (counts, n) in other.nets {
            *self.nets.entry(counts).or_default() += n;
        }
    }
}

/// Probabilities of 0 to n heads in n flips, `C(n, k) / 2ⁿ`.
fn fair_binomial(n: usize) -> Vec<f64> {
    // In logarithms, because 2⁻ⁿ is too small for a number where n is large.
    let mut log = -(n as f64) * std::f64::consts::LN_2;
    let mut probabilities = vec![log.exp()];
    for k in 1..=n {
        log += ((n - k + 1) as f64 / k as f64).ln();
        probabilities.push(log.exp());
    }
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fair_coin_is_binomial_for_few_flips_and_for_many() {
        let exact = [1.0, 4.0, 6.0, 4.0, 1.0].map(|n| n / 16.0);
        assert!(fair_binomial(4).iter().zip(exact).all(|(p, exact)| (p - exact).abs() < 1e-15));
        let many = fair_binomial(5000);
        assert!((many.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((many[2500] - (2.0 / (std::f64::consts::PI * 5000.0)).sqrt()).abs() < 1e-5);
        assert_eq!(fair_binomial(0), [1.0]);
    }

    #[test]
    fn shares_are_of_units_with_a_sign() {
        let mut tally = Tally::default();
        tally.add([1.0, -1.0, 0.0, 2.0].into_iter());
        tally.add([-1.0, -3.0].into_iter());
        tally.add([0.0, -0.0].into_iter());
        let signs = tally.finish();
        assert_eq!((signs.n, signs.n_zeros, signs.n_positive), (8, 3, 2));
        assert_eq!((signs.share_positive(), signs.share_zero()), (Some(0.4), 0.375));
        assert_eq!(signs.of_nets(), Shares(vec![(0.0, 1.0), (2.0 / 3.0, 1.0)]), "one net is without signs");
        let coins = signs.of_coins();
        let weights: Vec<f64> = coins.0.iter().map(|(_, weight)| *weight).collect();
        let shares: Vec<f64> = coins.0.iter().map(|(share, _)| *share).collect();
        assert_eq!(shares, [0.0, 0.0, 1.0 / 3.0, 0.5, 2.0 / 3.0, 1.0, 1.0]);
        assert!((weights.iter().sum::<f64>() - 2.0).abs() < 1e-12);
        assert_eq!(Signs::default().share_positive(), None);
    }

    #[test]
    fn quantiles_of_shares_count_weights() {
        let shares = Shares(vec![(0.0, 1.0), (0.25, 0.0), (0.5, 8.0), (1.0, 1.0)]);
        let at = [0.0, 0.1, 0.11, 0.9, 0.95, 1.0].map(|part| shares.quantile(part).unwrap());
        assert_eq!(at, [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]);
        assert_eq!(Shares(vec![]).quantile(0.5), None);
        assert_eq!(shares.rounded(2), [1.0, 8.0, 1.0]);
        assert_eq!(shares.rounded(1), [1.0, 9.0]);
    }
}
