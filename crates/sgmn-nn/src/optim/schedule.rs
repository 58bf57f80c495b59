//! Step counts to learning rates.

use serde::{Deserialize, Serialize};

/// A rate that rises linearly over the first steps and is constant after.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// The rate after the warm-up.
    pub learning_rate: f64,
    /// Steps of the warm-up; 0 for none.
    pub n_steps: u64,
}

impl Warmup {
    /// The rate of step `step`, counted from 0: the first step already moves.
    pub fn rate(&self, step: u64) -> f64 {
        self.learning_rate * ((step + 1) as f64 / self.n_steps.max(1) as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Warmup;

    #[test]
    fn the_rate_rises_linearly_then_stays() {
        let warmup = Warmup { learning_rate: 1e-3, n_steps: 4 };
        let rates: Vec<f64> = (0..6).map(|step| warmup.rate(step)).collect();
        assert_eq!(rates, [2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3, 1e-3]);
        assert_eq!(Warmup { learning_rate: 0.5, n_steps: 0 }.rate(0), 0.5);
    }
}
