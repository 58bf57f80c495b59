//! Splits drawn from a seed, for nets that come without one.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use sgmn_graph::Seed;

use super::{Split, Splits};
use crate::{Error, Result, Target};

/// How a split is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Draw {
    /// Another seed gives another split.
    pub seed: u64,
    /// Shares of the nets to train on and to validate on; the rest is for the test.
    pub shares: [f64; 2],
}

impl Default for Draw {
    /// Eight tenths, one tenth, one tenth, from seed 0.
    fn default() -> Self {
        Self { seed: 0, shares: [0.8, 0.1] }
    }
}

impl Draw {
    /// The split of nets with these targets, every class in its shares.
    ///
    /// # Errors
    /// As [`Splits::stratified`].
    pub fn splits(&self, targets: &[Target]) -> Result<Splits> {
        Splits::stratified(&Seed::new(self.seed), targets, self.shares)
    }

    /// The split of nets that belong to groups, such as the epochs of one training: a group is never divided.
    /// `group_of` has the group of each net, counted from 0.
    ///
    /// # Errors
    /// As [`Splits::stratified`].
    pub fn splits_of_groups(&self, group_of: &[usize]) -> Result<Splits> {
        let n_groups = group_of.iter().max().map_or(0, |last| last + 1);
        let groups = self.splits(&vec![Target::None; n_groups])?.assignment(n_groups)?;
        Ok(Splits::from_assignment(group_of.iter().map(|&group| groups[group])))
    }

    /// What was drawn, for a person who did not ask for it.
    pub fn note(&self, why: &str) -> String {
        let [train, val] = self.shares;
        format!("{why}: the split is drawn from seed {}, {train} to train and {val} to validate", self.seed)
    }
}

impl Splits {
    /// A seeded split with the given shares of (train, val); the rest is test.
    ///
    /// Items are shuffled within their class (those without one form a group of their own) and dealt out class by
    /// class, so that the totals are the rounded shares and every class is within about one item of them. A split with
    /// a share has at least one item if there are enough. The lists are ascending: the result depends on the seed only.
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
        let totals = totals([train, val, 1.0 - train - val], targets.len());
        let mut dealt = [0usize; 3];
        let mut splits = Self::default();
        for (class, mut members) in groups {
            let name = class.map_or_else(|| "no class".to_owned(), |class| format!("class {class}"));
            members.shuffle(&mut seed.child("split").child(&name).rng());
            for member in members {
                let n_next = dealt.iter().sum::<usize>() + 1;
                // Who is furthest behind takes the next; in whole numbers, so that all machines agree.
                let lag =
                    |part: &usize| (totals[*part] * n_next) as i128 - (dealt[*part] * targets.len()) as i128;
                let open = (0..3).filter(|part| dealt[*part] < totals[*part]).rev();
                let part = open.max_by_key(lag).expect("the totals sum to the number of items");
                dealt[part] += 1;
                splits.push(Split::ALL[part], member);
            }
        }
        for split in Split::ALL {
            splits.get_mut(split).sort_unstable();
        }
        Ok(splits)
    }
}

/// Items of each part, rounded, none without any if there are enough.
fn totals(shares: [f64; 3], n: usize) -> [usize; 3] {
    let [train, val, _] = shares;
    let end_train = ((train * n as f64).round() as usize).min(n);
    let end_val = (((train + val) * n as f64).round() as usize).clamp(end_train, n);
    let mut totals = [end_train, end_val - end_train, n - end_val];
    for part in 0..3 {
        // Shares that sum to 1 may leave a speck for the test.
        let is_wanted = shares[part] > 1e-9;
        let largest = (0..3).rev().max_by_key(|other| totals[*other]).expect("there are three");
        if is_wanted && totals[part] == 0 && totals[largest] > 1 {
            totals[largest] -= 1;
            totals[part] += 1;
        }
    }
    totals
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
    fn few_nets_of_many_classes_still_fill_every_split() {
        let sizes = |n: u32, classes: u32| {
            let targets: Vec<Target> = (0..n).map(|i| Target::Class(i % classes)).collect();
            let splits = Draw::default().splits(&targets).unwrap();
            Split::ALL.map(|split| splits.get(split).len())
        };
        assert_eq!(sizes(12, 3), [10, 1, 1]);
        assert_eq!(sizes(12, 12), [10, 1, 1]);
        assert_eq!(sizes(3, 1), [1, 1, 1]);
        assert_eq!(sizes(2, 1), [1, 1, 0]);
        assert_eq!(sizes(0, 1), [0, 0, 0]);
    }

    #[test]
    fn shares_that_leave_nothing_leave_nothing() {
        let targets = vec![Target::None; 10];
        let sizes = |shares| {
            let splits = Draw { seed: 1, shares }.splits(&targets).unwrap();
            Split::ALL.map(|split| splits.get(split).len())
        };
        assert_eq!(sizes([0.9, 0.1]), [9, 1, 0]);
        assert_eq!(sizes([0.0, 0.0]), [0, 0, 10]);
        for shares in [[-0.1, 0.5], [0.9, 0.2], [f64::NAN, 0.1]] {
            assert!(Draw { seed: 1, shares }.splits(&targets).is_err(), "{shares:?}");
        }
    }

    #[test]
    fn groups_are_not_divided() {
        let group_of = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4];
        let splits = Draw { seed: 3, shares: [0.6, 0.2] }.splits_of_groups(&group_of).unwrap();
        let assignment = splits.assignment(10).unwrap();
        assert!(assignment.chunks(2).all(|pair| pair[0] == pair[1] && pair[0].is_some()));
        assert_eq!(Split::ALL.map(|split| splits.get(split).len()), [6, 2, 2]);
    }
}
