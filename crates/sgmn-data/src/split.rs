//! Which items are for training, which for choosing the model, which for the final number.

use std::{collections::BTreeMap, path::Path};

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use sgmn_graph::Seed;

use crate::{Error, Result, Target};

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

    /// A seeded split in which every class keeps the given shares of (train, val); the rest is test.
    ///
    /// Items without a class form one group of their own. Within a group, items are shuffled and cut at the
    /// rounded shares; the three lists are ascending, so the result depends on the seed only.
    ///
    /// # Errors
    /// [`Error::Config`] if the shares are negative, not finite or above 1 in sum.
    pub fn stratified(seed: &Seed, targets: &[Target], shares: [f64; 2]) -> Result<Self> {
        let [train, val] = shares;
        if !(train >= 0.0 && val >= 0.0 && train + val <= 1.0 + f64::EPSILON) {
            return Err(Error::Config {
                field: "split shares".into(),
                expected: "two numbers in [0, 1] whose sum is at most 1".into(),
                found: format!("{train} and {val}"),
            });
        }
        let mut groups: BTreeMap<Option<u32>, Vec<usize>> = BTreeMap::new();
        for (i, target) in targets.iter().enumerate() {
            let class = match target {
                Target::Class(class) => Some(*class),
                Target::None | Target::Score(_) => None,
            };
            groups.entry(class).or_default().push(i);
        }
        let mut splits = Self::default();
        for (class, mut members) in groups {
            let name = class.map_or_else(|| "no class".to_owned(), |class| format!("class {class}"));
            members.shuffle(&mut seed.child("split").child(&name).rng());
            let n = members.len();
            let end_train = ((train * n as f64).round() as usize).min(n);
            let end_val = (((train + val) * n as f64).round() as usize).clamp(end_train, n);
            splits.train.extend_from_slice(&members[..end_train]);
            splits.val.extend_from_slice(&members[end_train..end_val]);
            splits.test.extend_from_slice(&members[end_val..]);
        }
        for split in Split::ALL {
            splits.get_mut(split).sort_unstable();
        }
        Ok(splits)
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

/// One line of a split file: a file or item name, and its class where the file states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as written, with whatever folders the author's machine had.
    pub name: String,
    /// The class, counted from 0.
    pub class: Option<u32>,
}

/// Reads a JSON split file into (split, entry) pairs: train first, then val, then test, each in file order.
///
/// Both published forms are read: `{"train": ["a", ...], ...}` and
/// `{"train": {"path": ["a", ...], "label": ["5", ...]}, ...}`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it has another form.
pub fn read_json(path: &Path) -> Result<Vec<(Split, Entry)>> {
    let text = std::fs::read(path).map_err(Error::io(path))?;
    let file: SplitFile = serde_json::from_slice(&text).map_err(|why| {
        Error::format(path, "a JSON object with the lists train, val and test", why.to_string())
    })?;
    let mut entries = Vec::new();
    for (split, list) in Split::ALL.into_iter().zip([file.train, file.val, file.test]) {
        match list {
            List::Names(names) => {
                entries.extend(names.into_iter().map(|name| (split, Entry { name, class: None })));
            }
            List::Labelled { path: names, label } => {
                if names.len() != label.len() {
                    let found =
                        format!("{} paths and {} labels in {}", names.len(), label.len(), split.name());
                    return Err(Error::format(path, "as many labels as paths", found));
                }
                for (name, label) in names.into_iter().zip(label) {
                    let class = label.class().ok_or_else(|| {
                        Error::format(
                            path,
                            "labels that are whole numbers",
                            format!("{label:?} for {name:?}"),
                        )
                    })?;
                    entries.push((split, Entry { name, class: Some(class) }));
                }
            }
        }
    }
    Ok(entries)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitFile {
    train: List,
    val: List,
    test: List,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum List {
    Names(Vec<String>),
    Labelled { path: Vec<String>, label: Vec<Label> },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Number(u32),
    Text(String),
}

impl Label {
    fn class(&self) -> Option<u32> {
        match self {
            Self::Number(class) => Some(*class),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stratified_split_keeps_the_share_of_every_class_and_repeats_from_its_seed() {
        let targets: Vec<Target> = (0..100).map(|i| Target::Class(i % 5)).collect();
        let splits = Splits::stratified(&Seed::new(7), &targets, [0.6, 0.2]).unwrap();
        for class in 0..5 {
            let count =
                |split| splits.get(split).iter().filter(|&&i| targets[i] == Target::Class(class)).count();
            assert_eq!(Split::ALL.map(count), [12, 4, 4]);
        }
        assert_eq!(splits.assignment(100).unwrap().iter().filter(|split| split.is_some()).count(), 100);
        assert_eq!(splits, Splits::stratified(&Seed::new(7), &targets, [0.6, 0.2]).unwrap());
        assert_ne!(splits, Splits::stratified(&Seed::new(8), &targets, [0.6, 0.2]).unwrap());
    }

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
