//! A packed file of flows as a dataset: what is asked about its nets, and which are tested on.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize};

use super::Reader;
use crate::{
    Error, FlowSample, Result, Sample, Source, Target,
    source::Dataset,
    split::{Split, Splits},
};

/// What is asked about the nets of a file, and which are tested on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The column that is to be told: one of numbers gives scores, one of words classes. If left out, the one that the file
    /// names, or `test_accuracy`; nothing is to be told if there is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Nets of one word are held out; none if left out, and the splits of the file hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
}

/// Nets that are tested on, and of which none is seen in training: those with this word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// The column of words.
    pub column: String,
    /// The word.
    pub word: String,
}

/// Provenance under which the column stands that is to be told where nothing is said.
pub const TARGET: &str = "target";
/// The column that is told where the file names none.
const USUAL_TARGET: &str = "test_accuracy";
/// The column of words with the names of the nets; without it they are counted.
pub const NAMES: &str = "net";

/// Opens a file.
///
/// # Errors
/// As [`Reader::open`]; [`Error::Config`] for a column or a word that the file does not have.
pub fn open(path: &Path, options: &Options) -> Result<Dataset> {
    dataset(Reader::open(path)?, options)
}

/// The dataset of an open file.
///
/// # Errors
/// [`Error::Config`] for a column or a word that the file does not have.
pub fn dataset(nets: Reader, options: &Options) -> Result<Dataset> {
    let usual = || nets.numbers().contains_key(USUAL_TARGET).then_some(USUAL_TARGET);
    let written = nets.provenance().get(TARGET).map(String::as_str);
    let (targets, classes) = match options.target.as_deref().or(written).or_else(usual) {
        Some(column) => targets(&nets, column)?,
        None => (vec![Target::None; nets.len()], None),
    };
    let splits = match &options.held_out {
        None => nets.splits().clone(),
        Some(held_out) => without(&nets, held_out)?,
    };
    Ok(Dataset { classes, ..Dataset::new(Flows { nets, targets }, splits) })
}

/// The nets of a file, one by one.
struct Flows {
    nets: Reader,
    targets: Vec<Target>,
}

impl Source for Flows {
    fn len(&self) -> usize {
        self.nets.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let expected = "a chain of layers (models that read nets of any architecture read this file)";
        Err(Error::format(self.name(i), expected, "a net of a packed file of flows"))
    }

    fn name(&self, i: usize) -> String {
        self.nets.word(NAMES, i).map_or_else(|| format!("net {i}"), str::to_owned)
    }

    fn flow(&self, i: usize) -> Result<Option<FlowSample>> {
        Ok(Some(FlowSample { id: self.name(i), net: self.nets.net(i)?, target: self.targets[i] }))
    }

    fn has_flows(&self) -> bool {
        true
    }
}

/// The target of each net, and the names of the classes if it is one.
fn targets(nets: &Reader, column: &str) -> Result<(Vec<Target>, Option<Vec<String>>)> {
    if let Some(numbers) = nets.numbers().get(column) {
        return Ok((numbers.iter().map(|number| Target::Score(*number)).collect(), None));
    }
    // A net without a word has no class.
    let all: BTreeSet<&str> =
        (0..nets.len()).filter_map(|i| nets.word(column, i)).filter(|word| !word.is_empty()).collect();
    if all.is_empty() {
        let known: Vec<&str> = nets.numbers().keys().chain(nets.words().keys()).map(String::as_str).collect();
        return Err(unknown("target", &known, column));
    }
    let names: Vec<&str> = all.into_iter().collect();
    let class = |i: usize| names.iter().position(|name| Some(*name) == nets.word(column, i));
    let targets = (0..nets.len()).map(|i| class(i).map_or(Target::None, |class| Target::Class(class as u32)));
    Ok((targets.collect(), Some(names.iter().map(|name| (*name).to_owned()).collect())))
}

/// Nets of the word to test on; the others to train on, but for those that the file has to validate on.
fn without(nets: &Reader, HeldOut { column, word }: &HeldOut) -> Result<Splits> {
    let all: BTreeSet<&str> = (0..nets.len()).filter_map(|i| nets.word(column, i)).collect();
    if all.is_empty() {
        let known: Vec<&str> = nets.words().keys().map(String::as_str).collect();
        return Err(unknown("held_out.column", &known, column));
    }
    if !all.contains(word.as_str()) {
        return Err(unknown("held_out.word", &all.into_iter().collect::<Vec<_>>(), word));
    }
    let part = |i: usize| match nets.split(i) {
        _ if nets.word(column, i) == Some(word) => Some(Split::Test),
        Some(Split::Val) => Some(Split::Val),
        part => part.map(|_| Split::Train),
    };
    Ok(Splits::from_assignment((0..nets.len()).map(part)))
}

fn unknown(field: &str, known: &[&str], found: &str) -> Error {
    let expected = format!("one of {}", known.join(", "));
    Error::Config { field: format!("data.{field}"), expected, found: format!("{found:?}") }
}
