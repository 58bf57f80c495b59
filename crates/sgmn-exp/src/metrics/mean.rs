//! Streaming mean: an average over batches of different size, without keeping them.

use serde::{Deserialize, Serialize};

/// Weighted mean `Σ w·x / Σ w`, summed in f64 in the order of the additions.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Mean {
    total: f64,
    weight: f64,
}

impl Mean {
    /// Adds a value that stands for `weight` items, for example the mean loss of a batch of that many nets.
    pub fn add(&mut self, value: f64, weight: f64) {
        self.total += value * weight;
        self.weight += weight;
    }

    /// The mean so far, or nothing before the first item.
    pub fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.total / self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_count_by_their_size() {
        let mut mean = Mean::default();
        assert_eq!(mean.value(), None);
        mean.add(1.0, 3.0);
        mean.add(5.0, 1.0);
        assert_eq!(mean.value(), Some(2.0));
    }
}
