//! What was measured: times of calls, what a call does, and the ratios of two things timed in turn.

use std::collections::BTreeMap;

/// A number of which several samples were taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The median.
    pub(crate) middle: f64,
    /// Ends of an interval that holds the true median with 95 % probability, or the extremes of fewer than six samples.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of samples in any order; nothing without a sample.
    ///
    /// The interval lies between the k-th lowest and the k-th highest of n samples: each is below the true median with
    /// probability 1/2, so the interval misses it with probability `2 P(Binomial(n, 1/2) < k)`, whatever the noise
    /// looks like. k is the largest for which that is at most 5 %.
    pub(super) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let (first, last) = (sorted.first()?, sorted.last()?);
        let mut spread =
            Self { middle: (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0, low: *first, high: *last };
        let mut ways = 1.0;
        let mut below = 0.0;
        for k in 1..=n / 2 {
            // Here `ways` is the binomial coefficient of n over k − 1.
            below += ways * 0.5f64.powi(n as i32);
            if 2.0 * below > 0.05 {
                break;
            }
            (spread.low, spread.high) = (sorted[k - 1], sorted[n - k]);
            ways *= (n + 1 - k) as f64 / k as f64;
        }
        Some(spread)
    }

    /// The same numbers in another unit.
    pub(super) fn times(self, factor: f64) -> Self {
        Self { middle: self.middle * factor, low: self.low * factor, high: self.high * factor }
    }

    /// `factor / x`, such as the rate of a time.
    pub(super) fn under(self, factor: f64) -> Self {
        Self { middle: factor / self.middle, low: factor / self.high, high: factor / self.low }
    }
}

/// The time of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// Seconds of one call.
    pub(super) seconds: Spread,
    /// What one call does: nets, or floating-point operations.
    pub(super) elements: f64,
    /// Seconds round by round, if it was timed in turn with others.
    pub(super) rounds: Vec<f64>,
}

impl Measured {
    /// What is done in a second.
    pub(super) fn rate(&self) -> Spread {
        self.seconds.under(self.elements)
    }
}

/// Everything that one run of the command found out.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// By `group/name`.
    pub(super) measured: BTreeMap<String, Measured>,
    /// Numbers that no clock told, by `group/name`.
    pub(super) facts: BTreeMap<String, f64>,
}

impl Results {
    pub(super) fn get(&self, group: &str, name: &str) -> Option<&Measured> {
        self.measured.get(&format!("{group}/{name}"))
    }

    pub(super) fn fact(&self, group: &str, name: &str) -> Option<f64> {
        self.facts.get(&format!("{group}/{name}")).copied()
    }

    /// Takes what a process printed: `fact NAME VALUE` and `samples NAME ELEMENTS SECONDS…`; other lines are for people.
    ///
    /// # Errors
    /// The line that should be one of these and is not.
    pub(super) fn read(&mut self, output: &str) -> anyhow::Result<()> {
        for line in output.lines() {
            let mut words = line.split_whitespace();
            let kind = words.next();
            if !matches!(kind, Some("fact" | "samples")) {
                continue;
            }
            let name = words.next();
            let numbers: Result<Vec<f64>, _> = words.map(str::parse).collect();
            match (kind, name, numbers.as_deref()) {
                (Some("fact"), Some(name), Ok([value])) => drop(self.facts.insert(name.to_owned(), *value)),
                (Some("samples"), Some(name), Ok([elements, rounds @ ..])) if !rounds.is_empty() => {
                    let seconds = Spread::of(rounds).expect("there are samples");
                    let measured = Measured { seconds, elements: *elements, rounds: rounds.to_vec() };
                    self.measured.insert(name.to_owned(), measured);
                }
                _ => anyhow::bail!(
                    "a benchmark printed {line:?}, expected a name and numbers behind its first word"
                ),
            }
        }
        Ok(())
    }

    /// How much longer one thing takes than another for the same work, from the rounds in which both were timed.
    pub(super) fn slowdown(&self, group: &str, slow: &str, fast: &str) -> Option<Spread> {
        let (slow, fast) = (self.get(group, slow)?, self.get(group, fast)?);
        let pairs = slow.rounds.iter().zip(&fast.rounds);
        let ratios: Vec<f64> = pairs.map(|(slow, fast)| slow / fast).collect();
        Some(Spread::of(&ratios)?.times(fast.elements / slow.elements))
    }

    /// The share of the machine's rate that something reaches which needs `flop` operations a net.
    pub(super) fn share(&self, group: &str, name: &str, flop: &str) -> Option<Spread> {
        // A net's operations at the machine's rate, over the net's time.
        Some(self.slowdown(group, "product", name)?.times(self.fact(group, flop)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_samples_show_their_extremes_and_many_a_95_percent_interval() {
        let spread = |n: usize| Spread::of(&(1..=n).rev().map(|x| x as f64).collect::<Vec<_>>()).unwrap();
        assert_eq!(spread(1), Spread { middle: 1.0, low: 1.0, high: 1.0 });
        assert_eq!(spread(4), Spread { middle: 2.5, low: 1.0, high: 4.0 });
        // The textbook's places: 1 and 8 of 8, 2 and 9 of 10, 6 and 15 of 20.
        assert_eq!((spread(8).low, spread(8).high), (1.0, 8.0));
        assert_eq!((spread(10).low, spread(10).high), (2.0, 9.0));
        assert_eq!((spread(20).low, spread(20).high), (6.0, 15.0));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_rate_turns_its_interval_around() {
        let measured =
            Measured { seconds: Spread { middle: 2.0, low: 1.0, high: 4.0 }, elements: 8.0, rounds: vec![] };
        assert_eq!(measured.rate(), Spread { middle: 4.0, low: 2.0, high: 8.0 });
    }

    #[test]
    fn shares_and_ratios_come_from_rounds_in_pairs() {
        let mut results = Results::default();
        // The machine is twice as slow in the second round; ratios do not notice. A net needs 50 operations.
        let output = "samples m/product 100 1 2\nsamples m/step 4 4 8\nsamples m/inference 4 1 2\nfact m/step_flop 50\nthe rest";
        results.read(output).unwrap();
        assert_eq!(results.slowdown("m", "step", "inference").unwrap().middle, 4.0);
        // The product's rate is 100 a second; 4 nets of 50 operations in 4 seconds are 50 a second.
        assert_eq!(
            results.share("m", "step", "step_flop").unwrap(),
            Spread { middle: 0.5, low: 0.5, high: 0.5 }
        );
        assert_eq!(results.share("m", "step", "missing"), None);
    }

    #[test]
    fn a_line_that_is_cut_off_is_an_error() {
        for line in ["fact a", "fact a x", "samples a 1", "samples a 1 2 x"] {
            assert!(Results::default().read(line).is_err(), "{line}");
        }
    }
}
