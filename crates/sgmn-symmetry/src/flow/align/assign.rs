//! The assignment of units to units: which one-to-one choice gains most.

use pathfinding::kuhn_munkres::{Weights, kuhn_munkres};

/// Gains are rounded to whole numbers, of which the largest is this: the sum of a million of them fits, and what is lost is
/// 10⁻¹² of the largest difference of gains.
const LARGEST: f64 = (1_u64 << 40) as f64;

/// For each row of a square matrix of gains the column it is given, so that the gains sum to the most; and their sum.
/// Where choices tie, rows keep their places.
pub(super) fn assign(gains: &[f64], n: usize) -> (Vec<usize>, f64) {
    let (least, most) =
        gains.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), gain| (a.min(*gain), b.max(*gain)));
    let chosen = if n < 2 || most <= least {
        (0..n).collect()
    } else {
        let by = LARGEST / (most - least);
        kuhn_munkres(&Gains { gains, n, least, by, negative: false }).1
    };
    let sum = chosen.iter().enumerate().map(|(row, column)| gains[row * n + column]).sum();
    (chosen, sum)
}

/// A square matrix of gains, as whole numbers.
struct Gains<'a> {
    gains: &'a [f64],
    n: usize,
    least: f64,
    by: f64,
    negative: bool,
}

impl Weights<i64> for Gains<'_> {
    fn rows(&self) -> usize {
        self.n
    }

    fn columns(&self) -> usize {
        self.n
    }

    fn at(&self, row: usize, column: usize) -> i64 {
        let gain = ((self.gains[row * self.n + column] - self.least) * self.by).round() as i64;
        // What stays in its place gains a little more than what does not.
        let weight = 2 * gain + i64::from(row == column);
        if self.negative { -weight } else { weight }
    }

    fn neg(&self) -> Self {
        Self { negative: !self.negative, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sgmn_graph::Seed;

    use super::*;

    /// The largest sum over all choices.
    fn by_force(gains: &[f64], n: usize, row: usize, taken: u32) -> f64 {
        if row == n {
            return 0.0;
        }
        let open = (0..n).filter(|column| taken >> column & 1 == 0);
        open.map(|column| gains[row * n + column] + by_force(gains, n, row + 1, taken | 1 << column))
            .fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn no_choice_gains_more_than_the_one_that_is_found() {
        let mut rng = Seed::new(3).rng();
        for n in (1..=7).flat_map(|n| [n; 20]) {
            // Few values, so that there are ties, and both signs.
            let gains: Vec<f64> = (0..n * n).map(|_| f64::from(rng.random_range(-4..5)) / 3.0).collect();
            let (chosen, sum) = assign(&gains, n);
            let mut columns = chosen.clone();
            columns.sort_unstable();
            assert_eq!(columns, (0..n).collect::<Vec<_>>(), "one to one");
            assert!((sum - by_force(&gains, n, 0, 0)).abs() < 1e-9, "{n}: {gains:?}");
        }
    }

    #[test]
    fn where_all_choices_tie_nothing_moves() {
        assert_eq!(assign(&[0.5; 16], 4), (vec![0, 1, 2, 3], 2.0));
        assert_eq!(assign(&[], 0), (vec![], 0.0));
    }
}
