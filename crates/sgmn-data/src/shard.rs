//! A part of the nets of a request: what one of several workers makes, and how far it is.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

/// One of several parts, as equal as can be, into which the nets of a request are cut.
///
/// A net depends on the request and its number alone, so the cut changes who makes it and no bit of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Number of this part, from 0.
    pub number: usize,
    /// Number of parts, at least one.
    pub count: usize,
}

/// What a call did for nets.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Made {
    /// Nets that were asked for.
    pub n_nets: usize,
    /// Of these, the nets that this call made; the others were there.
    pub n_made_now: usize,
    /// Time of this call in seconds.
    pub seconds: f64,
}

impl Shard {
    /// All parts of a cut.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        (0..count).map(move |number| Self { number, count })
    }

    /// The part that item `i` is in, of `n_items`.
    pub(crate) fn of_item(i: usize, n_items: usize, count: usize) -> Self {
        // The last part whose border ⌊s·n/S⌋ is not above i.
        let number = ((i as u128 + 1) * count as u128 - 1) / n_items as u128;
        Self { number: number as usize, count }
    }

    /// Numbers of the items in it, of `n_items`: part `s` of `S` has those from `⌊s·n/S⌋` to `⌊(s+1)·n/S⌋`.
    ///
    /// # Panics
    /// If there is no such part.
    pub fn items(self, n_items: usize) -> Range<usize> {
        let Self { number, count } = self;
        assert!(number < count, "shard {number} of {count}");
        // Wider, so that no product overflows.
        let border = |number: usize| (number as u128 * n_items as u128 / count as u128) as usize;
        border(number)..border(number + 1)
    }

    /// The file of its nets in a folder of shards; it is there when all of them are.
    pub fn file(self, folder: &Path) -> PathBuf {
        folder.join(format!("shard-{:04}.nets", self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_in_one_shard_and_shards_differ_by_one_item_at_most() {
        for (n_items, count) in [(0, 1), (7, 7), (10, 3), (3, 5), (usize::MAX, 4)] {
            let mut next = 0;
            for shard in Shard::all(count) {
                let items = shard.items(n_items);
                assert_eq!(items.start, next, "{shard:?} of {n_items}");
                assert!(
                    (n_items / count..=n_items / count + 1).contains(&items.len()),
                    "{shard:?} of {n_items}"
                );
                next = items.end;
                for i in [items.start, items.end.saturating_sub(1)] {
                    assert!(
                        !items.contains(&i) || Shard::of_item(i, n_items, count) == shard,
                        "{i} of {n_items}"
                    );
                }
            }
            assert_eq!(next, n_items);
        }
    }
}
