//! Accuracy: the share of nets that are classified rightly.

use serde::{Deserialize, Serialize};

/// Counts right answers: `accuracy = n_right / n_all`, in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accuracy {
    n_right: u64,
    n_all: u64,
}

impl Accuracy {
    /// Counts one answer; both classes count from 0.
    pub fn add(&mut self, target: usize, predicted: usize) {
        self.n_right += u64::from(target == predicted);
        self.n_all += 1;
    }

    /// The accuracy so far, or nothing before the first answer.
    pub fn value(&self) -> Option<f64> {
        (self.n_all > 0).then(|| self.n_right as f64 / self.n_all as f64)
    }
}

/// The class with the largest logit, the first of equal ones; nothing if no logit is a number.
pub fn argmax(logits: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (class, &logit) in logits.iter().enumerate() {
        if !logit.is_nan() && best.is_none_or(|(_, largest)| logit > largest) {
            best = Some((class, logit));
        }
    }
    best.map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_is_the_share_of_equal_classes() {
        let mut accuracy = Accuracy::default();
        assert_eq!(accuracy.value(), None);
        for (target, predicted) in [(0, 0), (1, 1), (2, 0), (2, 2)] {
            accuracy.add(target, predicted);
        }
        assert_eq!(accuracy.value(), Some(0.75));
    }

    #[test]
    fn argmax_takes_the_first_of_equals_and_never_a_nan() {
        assert_eq!(argmax(&[f32::NAN, -1.0, 3.0, 3.0]), Some(2));
        assert_eq!(argmax(&[f32::NEG_INFINITY]), Some(0));
        assert_eq!(argmax(&[f32::NAN]), None);
        assert_eq!(argmax(&[]), None);
    }
}
