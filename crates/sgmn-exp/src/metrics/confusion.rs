//! Confusion matrix: which class is taken for which.

use serde::{Deserialize, Serialize};

/// Counts of answers by true class (row) and predicted class (column).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    labels: Vec<String>,
    /// Row-major `[C, C]`.
    counts: Vec<u64>,
}

impl Confusion {
    /// An empty matrix over the classes with these labels, in their order.
    pub fn new(labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        let counts = vec![0; labels.len() * labels.len()];
        Self { labels, counts }
    }

    /// An empty matrix over classes that are named by their numbers, from 0.
    pub fn numbered(n_classes: usize) -> Self {
        Self::new((0..n_classes).map(|class| class.to_string()))
    }

    /// Counts one answer.
    ///
    /// # Panics
    /// If a class is not below the number of classes.
    #[track_caller]
    pub fn add(&mut self, target: usize, predicted: usize) {
        let n_classes = self.labels.len();
        assert!(target < n_classes && predicted < n_classes, "class {target} or {predicted} of {n_classes}");
        self.counts[target * n_classes + predicted] += 1;
    }

    /// Labels of the classes.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Counts of one true class, by predicted class.
    pub fn row(&self, target: usize) -> &[u64] {
        let n_classes = self.labels.len();
        &self.counts[target * n_classes..(target + 1) * n_classes]
    }

    /// Number of answers counted.
    pub fn n_all(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Share of the commonest true class among all answers: what always saying it would reach; nothing before the first
    /// answer.
    pub fn commonest(&self) -> Option<f64> {
        let counts = (0..self.labels.len()).map(|target| self.row(target).iter().sum::<u64>());
        counts.max().filter(|_| self.n_all() > 0).map(|count| count as f64 / self.n_all() as f64)
    }

    /// Share of a true class that is classified rightly, in [0, 1]; nothing if the class never came.
    pub fn recall(&self, target: usize) -> Option<f64> {
        let row = self.row(target);
        let n_all: u64 = row.iter().sum();
        (n_all > 0).then(|| row[target] as f64 / n_all as f64)
    }

    /// `Σ_c n_cc / Σ_cd n_cd`, in [0, 1]; nothing before the first answer.
    pub fn accuracy(&self) -> Option<f64> {
        let n_right: u64 = (0..self.labels.len()).map(|class| self.row(class)[class]).sum();
        let n_all = self.n_all();
        (n_all > 0).then(|| n_right as f64 / n_all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_true_classes_and_columns_predictions() {
        let mut confusion = Confusion::new(["cat", "dog"]);
        assert_eq!((confusion.accuracy(), confusion.recall(0)), (None, None));
        for (target, predicted) in [(0, 0), (0, 1), (0, 1), (1, 1)] {
            confusion.add(target, predicted);
        }
        assert_eq!(confusion.row(0), [1, 2]);
        assert_eq!(confusion.row(1), [0, 1]);
        assert_eq!(confusion.recall(0), Some(1.0 / 3.0));
        assert_eq!(confusion.accuracy(), Some(0.5));
    }

    #[test]
    #[should_panic(expected = "class 2 or 0 of 2")]
    fn an_unknown_class_is_a_broken_promise() {
        Confusion::numbered(2).add(2, 0);
    }
}
