//! Step counts to learning rates.

use serde::{Deserialize, Serialize};

/// A rate that rises linearly over the first steps, then stays, or falls along half a cosine to the end of training:
///
/// rate(s) = r · min(1, (s + 1) / w) · ½ (1 + cos π (s − w) / (n − w)) for steps s ≥ w, the cosine only where n is known,
///
/// where w are the steps of the warm-up and n all steps.
///
/// # Source
/// Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017; here without restarts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The rate after the warm-up, r.
    pub learning_rate: f64,
    /// Steps of the warm-up, w; 0 for none.
    pub warmup_steps: u64,
    /// All steps of the training, n, if the rate falls towards their end; absent: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine_to: Option<u64>,
}

impl Schedule {
    /// A rate that stays after the warm-up.
    pub fn constant(learning_rate: f64, warmup_steps: u64) -> Self {
        Self { learning_rate, warmup_steps, cosine_to: None }
    }

    /// The rate of step `step`, counted from 0: the first step already moves, and so does the last.
    pub fn rate(&self, step: u64) -> f64 {
        let rising = ((step + 1) as f64 / self.warmup_steps.max(1) as f64).min(1.0);
        let fallen = self.cosine_to.map_or(1.0, |n_steps| {
            let falling = n_steps.saturating_sub(self.warmup_steps).max(1) as f64;
            let share = step.saturating_sub(self.warmup_steps) as f64 / falling;
            0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos())
        });
        self.learning_rate * rising * fallen
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn the_rate_rises_linearly_then_stays() {
        let schedule = Schedule::constant(1e-3, 4);
        let rates: Vec<f64> = (0..6).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3, 1e-3]);
        assert_eq!(Schedule::constant(0.5, 0).rate(0), 0.5);
    }

    #[test]
    fn a_rate_that_falls_is_half_of_itself_half_way_and_positive_at_the_last_step() {
        let schedule = Schedule { learning_rate: 1.0, warmup_steps: 2, cosine_to: Some(10) };
        assert_eq!([0, 1, 2].map(|step| schedule.rate(step)), [0.5, 1.0, 1.0]);
        assert!((schedule.rate(6) - 0.5).abs() < 1e-12);
        assert!(schedule.rate(9) > 0.0 && schedule.rate(9) < 0.05);
        // Who goes on beyond the end stands still.
        assert_eq!(schedule.rate(10), 0.0);
        assert_eq!(schedule.rate(99), 0.0);
        // A warm-up that is longer than the training never ends.
        assert_eq!(Schedule { learning_rate: 1.0, warmup_steps: 8, cosine_to: Some(4) }.rate(3), 0.5);
    }
}
