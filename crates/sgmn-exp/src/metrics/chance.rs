//! What an answer reaches that does not look at the net, and how far luck alone carries a model from it.

use super::Criterion;

/// The level of constant answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chance {
    /// The criterion of the best constant answer.
    pub value: f64,
    /// Standard deviation of the criterion, on so many nets, of a model that knows nothing.
    pub luck: f64,
}

impl Chance {
    /// Of answers to `n` nets of which the commonest class has the share `p`: always that class. Luck is
    /// `√(p (1 - p) / n)`.
    pub fn of_classes(p: f64, n: usize) -> Self {
        Self { value: p, luck: (p * (1.0 - p) / n.max(1) as f64).sqrt() }
    }

    /// Of ranks of `n` nets: a constant orders nothing, τ = 0. Luck is `√(2 (2n + 5) / (9n (n - 1)))`, that of random
    /// orders (Kendall 1938).
    pub fn of_ranks(n: usize) -> Self {
        let n = n.max(2) as f64;
        Self { value: 0.0, luck: (2.0 * (2.0 * n + 5.0) / (9.0 * n * (n - 1.0))).sqrt() }
    }

    /// A level that luck does not change, such as the error of nets that are left as they are.
    pub fn level(value: f64) -> Self {
        Self { value, luck: 0.0 }
    }

    /// Whether the mean over `n_runs` runs is no better than this by more than two standard deviations.
    pub fn explains(&self, criterion: Criterion, mean: f64, n_runs: usize) -> bool {
        let margin = 2.0 * self.luck / (n_runs.max(1) as f64).sqrt();
        let bar = if criterion.higher_is_better() { self.value + margin } else { self.value - margin };
        !criterion.is_better(mean, bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_five_hundred_digits_is_chance_and_a_half_is_not() {
        let chance = Chance::of_classes(0.1, 500);
        assert!((chance.luck - 0.013_416).abs() < 1e-6);
        assert!(chance.explains(Criterion::Accuracy, 0.12, 1));
        assert!(!chance.explains(Criterion::Accuracy, 0.12, 3));
        assert!(!chance.explains(Criterion::Accuracy, 0.47, 1));
    }

    #[test]
    fn an_error_has_to_be_below_that_of_doing_nothing() {
        let chance = Chance::level(0.08);
        assert!(chance.explains(Criterion::Mse, 0.08, 1) && !chance.explains(Criterion::Mse, 0.079, 1));
        assert!(Chance::of_ranks(100).explains(Criterion::Tau, 0.1, 1));
    }
}
