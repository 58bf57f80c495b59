//! Turns any dataset into a packed file.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use rayon::prelude::*;
use serde::Serialize;

use super::{CLASSES, Item, NOTES, SKIPPED, Writer};
use crate::{
    Error, Result, Sample,
    skip::{self, Skipped},
    source::Dataset,
    split::Split,
};

/// Items read at once; large enough to keep all cores busy, small enough to stay in memory.
const BLOCK: usize = 1024;

/// What a call of [`pack`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Number of items in the file.
    pub n_items: usize,
    /// Parameters that f32 cannot hold exactly and that were rounded; 0 for every published data set.
    pub n_rounded: usize,
    /// Nets that were left out, if [`Dataset::on_bad_net`] allows that.
    pub skipped: Vec<Skipped>,
}

/// Writes all items of a dataset, with their splits, into a packed file at `path`.
///
/// Items keep their order; the order within a split becomes the items' order. Names of classes, notes and what was left
/// out become provenance.
/// `progress` is told, after every block, how many items are done and how many there are.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true, whatever is wrong with an item that may not be left out,
/// [`Error::Config`] if an item stands in two splits, [`Error::Format`] if all were left out, and the errors of
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
    let (mut n_rounded, mut skipped) = (0, Vec::new());
    for start in (0..n_items).step_by(BLOCK) {
        let end = (start + BLOCK).min(n_items);
        let read = |i| match stop.load(Ordering::Relaxed) {
            true => Err(Error::Interrupted),
            false => dataset.source.get(i).and_then(|sample| item(sample, assignment[i], path)),
        };
        let items: Vec<Result<(Item, usize)>> = (start..end).into_par_iter().map(read).collect();
        for (i, item) in (start..end).zip(items) {
            let taken = dataset.on_bad_net.take(item, || dataset.source.name(i), &mut skipped)?;
            if let Some((item, n_rounded_here)) = taken {
                n_rounded += n_rounded_here;
                writer.push(item)?;
            }
        }
        progress(end, n_items);
    }
    skip::refuse_nothing(writer.len(), &skipped)?;
    let notes: Vec<String> = dataset.notes.iter().cloned().chain(skip::note(&skipped)).collect();
    if let Some(classes) = &dataset.classes {
        writer.say(CLASSES, json(classes));
    }
    if !notes.is_empty() {
        writer.say(NOTES, json(&notes));
    }
    let all_skipped: Vec<&Skipped> = dataset.skipped.iter().chain(&skipped).collect();
    if !all_skipped.is_empty() {
        writer.say(SKIPPED, json(&all_skipped));
    }
    let n_items = writer.len();
    writer.finish()?;
    Ok(Packed { n_items, n_rounded, skipped })
}

fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("texts can be written as JSON")
}

/// A sample in single precision, and how many of its numbers that rounded.
fn item(sample: Sample, split: Option<Split>, path: &Path) -> Result<(Item, usize)> {
    let Sample { id, net, target } = sample;
    let params: Vec<f32> = net.params().iter().map(|&value| value as f32).collect();
    if let Some(at) = params.iter().position(|value| !value.is_finite()) {
        let found = format!("{} in parameter {at} of {id:?}", net.params()[at]);
        return Err(Error::format(path, "numbers that f32 can hold", found));
    }
    let n_rounded = params.iter().zip(net.params()).filter(|&(&f32, &f64)| f64::from(f32) != f64).count();
    Ok((Item { id, spec: net.spec().clone(), params, target, split }, n_rounded))
}
