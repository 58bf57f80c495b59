//! Turns any dataset of nets with graphs into a packed file of flows.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sgmn_graph::flow::{Flow, Numbers};

use super::{Architecture, Item, NAMES, TARGET, Writer};
use crate::{
    Error, FlowSample, Result, Target,
    formats::packed::Packed,
    skip,
    source::Dataset,
};

/// The column of scores.
const SCORE: &str = "score";
/// The column of classes.
const CLASS: &str = "class";

/// Writes all nets of a dataset with their splits into a packed file at `path`, and what is asked about them as the column
/// `score` or `class`. Nets keep their order; a net without a class has an empty word.
///
/// `progress` is told after every net how many are done and how many there are.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true, whatever is wrong with a net that may not be left out,
/// [`Error::Format`] for scores that only some nets have and for numbers that f32 cannot hold, and the errors of [`Writer`];
/// then no file appears.
pub fn pack(
    dataset: &Dataset,
    path: &Path,
    mut provenance: BTreeMap<String, String>,
    mut progress: impl FnMut(usize, usize),
    stop: &AtomicBool,
) -> Result<Packed> {
    let n_nets = dataset.source.len();
    let assignment = dataset.splits.assignment(n_nets)?;
    let mut writer = None;
    let mut last: Option<(Arc<Flow>, Architecture)> = None;
    let (mut n_items, mut n_rounded, mut skipped) = (0, 0, Vec::new());
    for (i, split) in assignment.into_iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let read = dataset.source.flow(i).and_then(|sample| {
            let missing = || Error::format(dataset.source.name(i), "a net with its graph", "none");
            let sample = sample.ok_or_else(missing)?;
            let row = row(&sample.net, sample.net.flow().params().len(), &sample.id)?;
            Ok((sample, row))
        });
        let taken = dataset.on_bad_net.take(read, || dataset.source.name(i), &mut skipped)?;
        progress(i + 1, n_nets);
        let Some((FlowSample { id, net, target }, (row, n_rounded_here))) = taken else { continue };
        n_rounded += n_rounded_here;
        // The first net says what is asked of all.
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                if let Some(column) = column(target) {
                    provenance.entry(TARGET.to_owned()).or_insert_with(|| column.to_owned());
                }
                writer.insert((column(target), Writer::create(path, std::mem::take(&mut provenance))?))
            }
        };
        let (asked, writer) = (writer.0, &mut writer.1);
        let (mut numbers, mut words) = (Vec::new(), vec![(NAMES, id.clone())]);
        match (asked, target) {
            (Some(SCORE), Target::Score(score)) => numbers.push((SCORE, score)),
            (Some(CLASS), Target::Class(class)) => words.push((CLASS, class_name(dataset, class))),
            (Some(CLASS), Target::None) => words.push((CLASS, String::new())),
            (None, Target::None) => {}
            (asked, _) => {
                let expected = format!("{} of every net, as the first has", asked.unwrap_or("nothing to tell"));
                return Err(Error::format(&id, expected, column(target).unwrap_or("nothing")));
            }
        }
        if last.as_ref().is_none_or(|(flow, _)| !Arc::ptr_eq(flow, net.flow())) {
            let architecture = Architecture::Flow(Box::new(net.flow().parts()));
            last = Some((net.flow().clone(), architecture));
        }
        let (_, architecture) = last.as_ref().expect("it was set");
        writer.push(Item { architecture, row: &row, split, numbers: &numbers, words: &words })?;
        n_items += 1;
    }
    skip::refuse_nothing(n_items, &skipped)?;
    if let Some((_, writer)) = writer {
        writer.finish()?;
    }
    Ok(Packed { n_items, n_rounded, skipped })
}

/// Where a target stands.
fn column(target: Target) -> Option<&'static str> {
    match target {
        Target::None => None,
        Target::Class(_) => Some(CLASS),
        Target::Score(_) => Some(SCORE),
    }
}

fn class_name(dataset: &Dataset, class: u32) -> String {
    let name = dataset.classes.as_ref().and_then(|names| names.get(class as usize));
    name.cloned().unwrap_or_else(|| class.to_string())
}

/// The numbers of a net in single precision, parameter by parameter, and how many of them that rounded.
fn row(net: &dyn Numbers, n_params: usize, id: &str) -> Result<(Vec<f32>, usize)> {
    let (mut row, mut n_rounded) = (Vec::new(), 0);
    for param in 0..n_params {
        for &number in net.numbers(param).iter() {
            let single = number as f32;
            if !single.is_finite() {
                let found = format!("{number} in parameter {param}");
                return Err(Error::format(id, "numbers that f32 can hold", found));
            }
            n_rounded += usize::from(f64::from(single) != number);
            row.push(single);
        }
    }
    Ok((row, n_rounded))
}
