//! A dataset that can be read item by item, and the pair of such a dataset with its split.

use sgmn_graph::LentNet;

use crate::{Result, Sample, split::Splits};

/// A dataset that can be read item by item, in a fixed order.
///
/// Reading is lazy: opening a source looks at names and headers, [`Source::get`] reads the numbers of one net.
pub trait Source: Send + Sync {
    /// Number of items.
    fn len(&self) -> usize;

    /// Reads item `i`, counted from 0.
    ///
    /// # Errors
    /// Whatever is wrong with the item's file, with its path.
    ///
    /// # Panics
    /// If `i` is not below [`Source::len`].
    fn get(&self, i: usize) -> Result<Sample>;

    /// The net of item `i` without a copy, if the source has its numbers at hand in single precision; most have not.
    ///
    /// These are the numbers that [`Source::get`] widens.
    ///
    /// # Errors
    /// As [`Source::get`].
    ///
    /// # Panics
    /// As [`Source::get`].
    fn lend(&self, _i: usize) -> Result<Option<LentNet<'_>>> {
        Ok(None)
    }

    /// Whether there are no items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A source together with the positions of its training, validation and test items.
pub struct Dataset {
    /// The items.
    pub source: Box<dyn Source>,
    /// Positions in `source`; a position in no split is unused.
    pub splits: Splits,
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Splits { train, val, test } = &self.splits;
        write!(
            f,
            "Dataset({} items; {} train, {} val, {} test)",
            self.source.len(),
            train.len(),
            val.len(),
            test.len()
        )
    }
}
