//! How good, how varied and how fast a zoo became.

use serde::Serialize;

/// Shares of the nets at which a summary tells the accuracy.
const SHARES: [f64; 7] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0];

/// What a zoo turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Nets in the zoo.
    pub n_nets: usize,
    /// Quantiles of the final test accuracies: (share of the nets, accuracy), both in [0, 1], ascending.
    pub accuracy_quantiles: Vec<[f64; 2]>,
    /// Draws that diverged and were replaced, all calls together.
    pub n_diverged: usize,
    /// Nets trained by this call; the others were in the journal.
    pub n_trained_now: usize,
    /// Images learned by this call: CNNs × epochs × images, each forward, backward and its share of an update.
    pub n_images_now: u64,
    /// Time of this call's training, evaluations included, in seconds.
    pub seconds: f64,
    /// Multiply-additions that learning an image takes, if all nets take the same.
    pub multiply_adds: Option<f64>,
}

impl Summary {
    /// The summary of nets given by their accuracies, at least one.
    pub(super) fn new(
        mut accuracies: Vec<f64>,
        n_diverged: usize,
        n_trained_now: usize,
        n_images_now: u64,
        seconds: f64,
    ) -> Self {
        accuracies.sort_by(f64::total_cmp);
        let last = accuracies.len() - 1;
        let quantile = |share: f64| [share, accuracies[(share * last as f64).round() as usize]];
        let accuracy_quantiles = SHARES.map(quantile).to_vec();
        Self {
            n_nets: accuracies.len(),
            accuracy_quantiles,
            n_diverged,
            n_trained_now,
            n_images_now,
            seconds,
            multiply_adds: None,
        }
    }

    /// The same of nets that all take this many multiply-additions an image.
    pub(super) fn of_work(self, multiply_adds: f64) -> Self {
        Self { multiply_adds: Some(multiply_adds), ..self }
    }

    /// Rate of this call in CNNs × epochs × images a second; `None` if everything was in the journal.
    pub fn images_per_second(&self) -> Option<f64> {
        (self.n_images_now > 0).then(|| self.n_images_now as f64 / self.seconds)
    }

    /// Multiply-additions a second that learning these images takes, evaluations and updates left out; `None` also where
    /// nets differ in it.
    pub fn multiply_adds_per_second(&self) -> Option<f64> {
        Some(self.images_per_second()? * self.multiply_adds?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_what_it_says() {
        let summary = Summary::new((0..=100).rev().map(|i| f64::from(i) / 100.0).collect(), 3, 50, 1000, 0.5)
            .of_work(325_632.0);
        assert!(summary.accuracy_quantiles.iter().all(|[share, accuracy]| share == accuracy));
        assert_eq!((summary.n_nets, summary.images_per_second()), (101, Some(2000.0)));
        assert_eq!(summary.multiply_adds_per_second(), Some(2000.0 * 325_632.0));
        assert_eq!(Summary::new(vec![0.5], 0, 0, 0, 0.5).images_per_second(), None);
    }
}
