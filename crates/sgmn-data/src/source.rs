//! A dataset that can be read item by item, and such a dataset with its split and what is known of it besides.

use sgmn_graph::LentNet;

use crate::{
    FlowSample, Result, Sample, Target,
    skip::{OnBadNet, Skipped},
    split::Splits,
};

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

    /// What to call item `i` where it cannot be read.
    ///
    /// # Panics
    /// As [`Source::get`].
    fn name(&self, i: usize) -> String {
        format!("item {i}")
    }

    /// Item `i` without a copy, if the source has its numbers at hand in single precision; most have not.
    ///
    /// These are the numbers that [`Source::get`] widens.
    ///
    /// # Errors
    /// As [`Source::get`].
    ///
    /// # Panics
    /// As [`Source::get`].
    fn lend(&self, _i: usize) -> Result<Option<LentSample<'_>>> {
        Ok(None)
    }

    /// Item `i` where nets may have any architecture; nothing in sources of chains, which [`Source::get`] reads.
    ///
    /// # Errors
    /// As [`Source::get`].
    ///
    /// # Panics
    /// As [`Source::get`].
    fn flow(&self, _i: usize) -> Result<Option<FlowSample>> {
        Ok(None)
    }

    /// Whether the items are read by [`Source::flow`].
    fn has_flows(&self) -> bool {
        false
    }

    /// Whether there are no items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One item of a dataset that is not copied.
#[derive(Debug, Clone, Copy)]
pub struct LentSample<'a> {
    /// Stable name of the item inside its dataset.
    pub id: &'a str,
    /// The net.
    pub net: LentNet<'a>,
    /// What is to be predicted from it.
    pub target: Target,
}

/// A source together with the positions of its training, validation and test items.
pub struct Dataset {
    /// The items.
    pub source: Box<dyn Source>,
    /// Positions in `source`; a position in no split is unused.
    pub splits: Splits,
    /// Names of the classes by their number, where classes have names.
    pub classes: Option<Vec<String>>,
    /// What was decided on opening and a person should see, such as that the split was drawn.
    pub notes: Vec<String>,
    /// What becomes of items that cannot be read.
    pub on_bad_net: OnBadNet,
    /// Nets that were left out of it, in their order.
    pub skipped: Vec<Skipped>,
}

impl Dataset {
    /// A dataset of which nothing more is to be said: classes without names, and every item must be good.
    pub fn new(source: impl Source + 'static, splits: Splits) -> Self {
        Self {
            source: Box::new(source),
            splits,
            classes: None,
            notes: Vec::new(),
            on_bad_net: OnBadNet::Error,
            skipped: Vec::new(),
        }
    }
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
