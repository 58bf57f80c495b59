//! Turns any dataset into a packed file.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use rayon::prelude::*;

use super::{Item, Writer};
use crate::{Error, Result, Sample, source::Dataset};

/// Items read at once; large enough to keep all cores busy, small enough to stay in memory.
const BLOCK: usize = 1024;

/// What a call of [`pack`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Number of items in the file.
    pub n_items: usize,
    /// Parameters that f32 cannot hold exactly and that were rounded; 0 for every published data set.
    pub n_rounded: usize,
}

/// Writes all items of a dataset, with their splits, into a packed file at `path`.
///
/// Items keep their order; the order within a split becomes the items' order. `progress` is told, after every block,
/// how many items are done and how many there are.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true, whatever is wrong with an item, [`Error::Config`] if an item stands in two splits, and the errors of
/// [`Writer`]; then no file appears.
pub fn pack(
    dataset: &Dataset,
    path: &Path,
    provenance: BTreeMap<String, String>,
    mut progress: impl FnMut(usize, usize),
    stop: &AtomicBool,
) -> Result<Packed> {
    let n_items = dataset.source.len();
    let assignment = dataset.splits.assignment(n_items)?;
    let mut writer = Writer::create(path, provenance)?;
    let mut n_rounded = 0;
    let mut start = 0;
    while start < n_items {
        let end = (start + BLOCK).min(n_items);
        let read = |i| if stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { dataset.source.get(i) };
        let samples: Vec<Result<Sample>> = (start..end).into_par_iter().map(read).collect();
        for (i, sample) in (start..end).zip(samples) {
            let Sample { id, net, target } = sample?;
            let params: Vec<f32> = net.params().iter().map(|&value| value as f32).collect();
            n_rounded += params.iter().zip(net.params()).filter(|&(&f32, &f64)| f64::from(f32) != f64).count();
            writer.push(Item { id, spec: net.spec().clone(), params, target, split: assignment[i] })?;
        }
        start = end;
        progress(start, n_items);
    }
    writer.finish()?;
    Ok(Packed { n_items, n_rounded })
}
