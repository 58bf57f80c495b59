//! A folder of nets, one file each, of any kind that is read: the plainest way to bring one's own nets.
//!
//! ```text
//! my-nets/**/{id}.{pth,pt,bin,ckpt,safetensors,npz,h5,...}    one net each, in any folders
//! my-nets/**/{id}.{onnx,pt2}, my-nets/**/{id}/config.json     nets with their graphs, or published folders: then all are
//!                                                              nets of any architecture ([`Source::flow`])
//! my-nets/splits.json          {"train": ["id", ...], "val": [...], "test": [...]}; optional
//! my-nets/labels.csv           file,label; optional, as are labels in files, in folders' names and in names
//! my-nets/classes.json         ["name of class 0", ...]; optional
//! ```
//!
//! How a file becomes a net is told in [`crate::nets`], whose options stand beside those of the folder. What a file, a
//! table or a name leaves open is asked for by the option that answers it; what is found out and not asked is noted in
//! [`Dataset::notes`].

mod files;
mod labels;
mod listed;
mod splits;
mod targets;
mod write;

pub(crate) use write::write_safetensors;
pub use self::{
    labels::{Labels, Listed, Pattern},
    splits::SplitSource,
    write::{write, write_net},
};

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sgmn_graph::{
    Net,
    flow::{Flow, FlowNet},
};

use self::{
    files::{File, Files},
    splits::Nets,
    targets::{Asked, Targets},
};
use super::architectures::Architectures;
use crate::{
    Error, FlowSample, Result, Sample, Source, Target,
    any_net::{self, ReadOptions},
    beside::text,
    nets::{self, Facts, NetOptions},
    skip::OnBadNet,
    source::Dataset,
};

/// File with the names of the classes, beside the nets.
const CLASS_FILE: &str = "classes.json";

/// What can be chosen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where labels and scores come from; from inside the files if they are there, else from the only table that lists
    /// all nets, if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    /// What is asked: `label`, `score`, or a column of the table with numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Names of the classes, first to last; those of `classes.json`, or all texts sorted, if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Where the split comes from; from `splits.json`, the folders' names, the column `split`, or a seed if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitSource>,
    /// What becomes of files that are no good nets.
    pub on_bad_net: OnBadNet,
    /// How nets with a graph are read, and at which size chains beside them; of a folder of chains nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any_net: Option<Box<ReadOptions>>,
    /// How a file is read.
    #[serde(flatten)]
    pub net: Box<NetOptions>,
}

/// Opens a folder: items sorted by name. All files are opened, no numbers are read.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be listed; [`Error::Format`] if there are no nets in it, two of one name, or a file
/// that is damaged; [`Error::Unsaid`] for a net that leaves something open; [`Error::Config`] for what is to be said
/// about targets. Bad files are no errors if [`Options::on_bad_net`] says so.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let Files { nets, mut notes } = files::files(root)?;
    let reads_graphs = options.any_net.is_some() || nets.iter().any(|file| file.has_graph);
    let facts = all_facts(&nets, options, &mut notes)?;
    let written = written_classes(root)?;
    let asked = Asked {
        labels: options.labels.as_ref(),
        target: options.target.as_deref(),
        classes: options.classes.as_deref().or(written.as_deref()),
    };
    let found = targets::targets(root, &nets, &facts, asked)?;
    notes.extend(found.notes.iter().cloned().chain(found.table.iter().flat_map(|rows| rows.notes())));
    let Targets { targets, classes, table, .. } = found;
    let of = Nets { root, files: &nets, targets: &targets, table: table.as_ref() };
    let splits = splits::splits(options.split.as_ref(), &of, &mut notes)?;
    let ids = ids(root, &nets, &facts)?;
    let source = FolderSource {
        files: nets,
        ids,
        targets,
        options: options.net.clone(),
        graphs: reads_graphs.then(|| options.any_net.clone().unwrap_or_default()),
        architectures: Architectures::default(),
        flows: Mutex::default(),
    };
    Ok(Dataset { classes, notes, on_bad_net: options.on_bad_net, ..Dataset::new(source, splits) })
}

/// Whether there are files of nets in a folder.
pub(super) fn detect(root: &Path) -> bool {
    root.is_dir() && files::any(root)
}

/// What every file says besides its net; nothing for a bad file. What was decided on reading is noted, with how many
/// files it concerns.
fn all_facts(files: &[File], options: &Options, notes: &mut Vec<String>) -> Result<Vec<Option<Facts>>> {
    let usual = ReadOptions::default();
    let any_net = options.any_net.as_deref().unwrap_or(&usual);
    let look = |file: &File| {
        if is_read_with_graph(file, any_net) {
            any_net::open(&file.path, any_net)?;
            return Ok((Facts::default(), Vec::new()));
        }
        let net = nets::open(&file.path, &options.net)?;
        match net.unsaid.is_empty() {
            true => Ok((net.facts, net.notes)),
            false => Err(Error::Unsaid { path: file.path.clone(), unsaid: net.unsaid }),
        }
    };
    let mut facts = Vec::with_capacity(files.len());
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let looked: Vec<Result<(Facts, Vec<String>)>> = files.par_iter().map(look).collect();
    for one in looked {
        match one {
            Ok((one, said)) => {
                facts.push(Some(one));
                said.into_iter().for_each(|note| *counted.entry(note).or_default() += 1);
            }
            Err(why) if options.on_bad_net == OnBadNet::Error => return Err(why),
            // Reading it will say why once more.
            Err(_) => facts.push(None),
        }
    }
    /// Notes that differ from file to file are not all told.
    const MOST: usize = 8;
    let n_left = counted.len().saturating_sub(MOST);
    notes.extend(
        counted.into_iter().take(MOST).map(|(note, n)| format!("{note} ({n} of {} nets)", files.len())),
    );
    if n_left > 0 {
        notes.push(format!("and {n_left} other notes about single files"));
    }
    Ok(facts)
}

/// What the nets are called: as their own files say, or by their paths below the folder.
fn ids(root: &Path, files: &[File], facts: &[Option<Facts>]) -> Result<Vec<String>> {
    let own = |facts: &Option<Facts>| facts.as_ref().and_then(|facts| facts.id.clone());
    let ids: Vec<String> = files
        .iter()
        .zip(facts)
        .map(|(file, facts)| own(facts).unwrap_or_else(|| file.name.clone()))
        .collect();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for (i, id) in ids.iter().enumerate() {
        if let Some(before) = taken.insert(crate::beside::names::normal(id), i) {
            let found =
                format!("{id:?} in {} and in {}", files[before].path.display(), files[i].path.display());
            return Err(Error::format(root, "an id for each net", found));
        }
    }
    Ok(ids)
}

/// The names in `classes.json`, if it is there.
fn written_classes(root: &Path) -> Result<Option<Vec<String>>> {
    const EXPECTED: &str = "a list of names of classes";
    let path = root.join(CLASS_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let names = serde_json::from_value(text::json(&path, EXPECTED)?);
    names.map(Some).map_err(|why| Error::format(&path, EXPECTED, why.to_string()))
}

/// Whether the file's graph is read: it is in it, or an architecture file describes it.
fn is_read_with_graph(file: &File, options: &ReadOptions) -> bool {
    file.has_graph || options.architecture.is_some()
}

struct FolderSource {
    files: Vec<File>,
    ids: Vec<String>,
    targets: Vec<Target>,
    options: Box<NetOptions>,
    /// How graphs are read, if some net has one.
    graphs: Option<Box<ReadOptions>>,
    architectures: Architectures,
    /// Flows that were met, so that equal nets share one.
    flows: Mutex<Vec<Arc<Flow>>>,
}

impl FolderSource {
    fn chain(&self, i: usize) -> Result<Net> {
        let file = nets::open(&self.files[i].path, &self.options)?;
        file.net_of(|spec| self.architectures.share(spec.clone()))
    }

    /// The net on the flow that was met first of those equal to its own.
    fn shared(&self, net: FlowNet) -> FlowNet {
        // A panic while the lock was held cannot leave the list half changed: pushing is the last step.
        let mut known = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.iter().find(|shared| ***shared == **net.flow()) {
            return net.sharing(shared);
        }
        known.push(net.flow().clone());
        net
    }
}

impl Source for FolderSource {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        if self.graphs.is_some() {
            let expected = "a chain of layers (models that read nets of any architecture read this folder)";
            return Err(Error::format(&self.files[i].path, expected, "a net of a folder with graphs"));
        }
        Ok(Sample { id: self.ids[i].clone(), net: self.chain(i)?, target: self.targets[i] })
    }

    fn flow(&self, i: usize) -> Result<Option<FlowSample>> {
        let Some(options) = &self.graphs else { return Ok(None) };
        let file = &self.files[i];
        let net = match is_read_with_graph(file, options) {
            true => any_net::open(&file.path, options)?.net,
            false => any_net::of_chain(&self.chain(i)?, options)?,
        };
        Ok(Some(FlowSample { id: self.ids[i].clone(), net: self.shared(net), target: self.targets[i] }))
    }

    fn has_flows(&self) -> bool {
        self.graphs.is_some()
    }

    fn name(&self, i: usize) -> String {
        self.files[i].ended.clone()
    }
}
