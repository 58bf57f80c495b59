//! Which items are for training, which for choosing the model, which for the final number.

mod draw;
mod file;

use serde::{Deserialize, Serialize};

pub use self::{
    draw::Draw,
    file::{Entry, SplitFile, read_json},
};
use crate::{Error, Result};

/// The three uses of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The model learns from it.
    Train,
    /// The best model is chosen by it.
    Val,
    /// The reported number comes from it.
    Test,
}

impl Split {
    /// All splits, in the order in which they are stored and shown.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The word used in files: `train`, `val`, `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// The split that a word of a file or a folder's name means, in capitals or not: `train`, `training`, `val`,
    /// `valid`, `validation`, `dev`, `test`, `testing`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.trim().to_lowercase().as_str() {
            "train" | "training" => Self::Train,
            "val" | "valid" | "validation" | "dev" => Self::Val,
            "test" | "testing" => Self::Test,
            _ => return None,
        })
    }
}

/// Positions in a source, by split; an item belongs to at most one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Splits {
    /// Positions of the training items.
    pub train: Vec<usize>,
    /// Positions of the validation items.
    pub val: Vec<usize>,
    /// Positions of the test items.
    pub test: Vec<usize>,
}

impl Splits {
    /// Sorts positions `0, 1, 2, ...` by the split that each item names.
    pub fn from_assignment(assignment: impl IntoIterator<Item = Option<Split>>) -> Self {
        let mut splits = Self::default();
        for (i, split) in assignment.into_iter().enumerate() {
            if let Some(split) = split {
                splits.push(split, i);
            }
        }
        splits
    }

    /// Appends a position to a split.
    pub fn push(&mut self, split: Split, position: usize) {
        self.get_mut(split).push(position);
    }

    /// The positions of one split.
    pub fn get(&self, split: Split) -> &[usize] {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
            Split::Test => &self.test,
        }
    }

    /// The split of every position below `len`, the inverse of [`Splits::from_assignment`].
    ///
    /// # Errors
    /// [`Error::Config`] if a position is not below `len` or stands in the lists twice: then a test item might
    /// have been trained on.
    pub fn assignment(&self, len: usize) -> Result<Vec<Option<Split>>> {
        let mut assignment = vec![None; len];
        for split in Split::ALL {
            for &i in self.get(split) {
                let slot = assignment.get_mut(i).ok_or_else(|| Error::Config {
                    field: format!("split {}", split.name()),
                    expected: format!("positions below {len}"),
                    found: i.to_string(),
                })?;
                if let Some(before) = slot.replace(split) {
                    return Err(Error::Config {
                        field: format!("split {}", split.name()),
                        expected: "every item in at most one split, once".into(),
                        found: format!("item {i} again, already in {}", before.name()),
                    });
                }
            }
        }
        Ok(assignment)
    }

    fn get_mut(&mut self, split: Split) -> &mut Vec<usize> {
        match split {
            Split::Train => &mut self.train,
            Split::Val => &mut self.val,
            Split::Test => &mut self.test,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_in_two_splits_is_an_error() {
        let splits = Splits { train: vec![0, 1], val: vec![], test: vec![1] };
        let message = splits.assignment(2).unwrap_err().to_string();
        assert!(message.contains("item 1 again, already in train"), "{message}");
        assert!(splits.assignment(1).is_err());
    }

    #[test]
    fn assignment_is_the_inverse_of_from_assignment() {
        let assignment =
            vec![Some(Split::Test), None, Some(Split::Train), Some(Split::Val), Some(Split::Train)];
        let splits = Splits::from_assignment(assignment.clone());
        assert_eq!(splits, Splits { train: vec![2, 4], val: vec![3], test: vec![0] });
        assert_eq!(splits.assignment(5).unwrap(), assignment);
    }
}
