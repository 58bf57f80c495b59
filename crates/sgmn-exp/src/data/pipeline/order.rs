//! The order in which training nets are read.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use sgmn_graph::Seed;

/// The items in the random order of one epoch, `alike` of one architecture after each other as far as there are so many.
///
/// `architectures` has the number of each item's architecture. With `alike = 1` it plays no part.
pub(super) fn of_epoch(items: &[usize], architectures: &[usize], alike: usize, seed: Seed) -> Vec<usize> {
    let mut rng = seed.rng();
    let mut order = items.to_vec();
    order.shuffle(&mut rng);
    if alike == 1 {
        return order;
    }
    let mut of_one: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for item in order {
        of_one.entry(architectures[item]).or_default().push(item);
    }
    let mut groups: Vec<&[usize]> = of_one.values().flat_map(|items| items.chunks(alike)).collect();
    groups.shuffle(&mut rng);
    groups.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHITECTURES: [usize; 9] = [0, 1, 2, 0, 1, 2, 0, 1, 2];

    #[test]
    fn every_item_comes_once_and_those_alike_follow_each_other() {
        let items = [0, 1, 2, 3, 4, 6, 7];
        let order = of_epoch(&items, &ARCHITECTURES, 3, Seed::new(1));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, items);
        let changes = order.windows(2).filter(|two| ARCHITECTURES[two[0]] != ARCHITECTURES[two[1]]);
        assert_eq!(changes.count(), 2);
    }

    #[test]
    fn an_epoch_has_one_order_and_others_have_others() {
        let items: Vec<usize> = (0..9).collect();
        let of = |seed| of_epoch(&items, &ARCHITECTURES, 2, Seed::new(seed));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
