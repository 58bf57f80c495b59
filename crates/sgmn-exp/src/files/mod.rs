//! What a person may hand to the toolbox, told apart by what is in it, and what the toolbox writes.

mod args;
mod flow;
mod write;

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use sgmn_data::{
    Dataset, Sample, Source, Target,
    containers::{self, Tree},
    formats::{self, Format, FormatKind, flows, packed},
    nets::{self, Facts, Label, NetFile},
    split::Splits,
};
use sgmn_graph::NetSpec;
use toml::{Table, Value};

pub(crate) use args::ReadArgs;
pub(crate) use flow::{FlowSource, write_tensors};
pub(crate) use write::{
    Destination, OneFlow, OneNet, list_left_out, make_parent, refuse_existing, refuse_full_folder,
};

/// A file or folder, opened.
pub(crate) enum Input {
    /// One net, or what is known of it.
    Net(Box<NetFile>),
    /// Many nets.
    Dataset(OpenDataset),
    /// One of our checkpoints; its tensors are not yet read.
    Checkpoint,
    /// A golden file: a model, its input nets, its outputs and gradients.
    Golden,
    /// Tensors or other values that are no net of a chain of layers, and why.
    Tree(Box<Tree>, sgmn_data::Error),
    /// Images or labels.
    Idx(formats::idx::Idx),
    /// Many nets of any architecture.
    Flows(Box<flows::Reader>),
}

/// Nets that are read one by one.
pub(crate) struct OpenDataset {
    pub(crate) kind: FormatKind,
    pub(crate) dataset: Dataset,
    /// What a packed file tells besides its nets.
    pub(crate) packed: Option<PackedFacts>,
}

/// What a packed file tells without its nets being read.
pub(crate) struct PackedFacts {
    pub(crate) provenance: BTreeMap<String, String>,
    pub(crate) targets: Vec<Target>,
    pub(crate) specs: Vec<std::sync::Arc<NetSpec>>,
}

/// Metadata by which our checkpoints are known.
const CHECKPOINT_KEY: &str = "sgmn.checkpoint";
/// Metadata by which golden files are known.
const GOLDEN_KEY: &str = "layer_layout";

/// Opens a file or folder, whatever it is.
///
/// # Errors
/// If it is nothing that is known, or damaged.
pub(crate) fn open(path: &Path, args: &ReadArgs) -> Result<Input> {
    if !path.exists() {
        bail!("{}: expected a file or folder, found nothing", path.display());
    }
    if path.is_dir() || args.format.is_some() {
        return Ok(Input::Dataset(open_dataset(path, args)?));
    }
    let mut start = Vec::new();
    let file = File::open(path).with_context(|| path.display().to_string())?;
    file.take(8).read_to_end(&mut start).with_context(|| path.display().to_string())?;
    match start.as_slice() {
        [b'S', b'G', b'M', b'N', b'P', b'A', b'C', b'K'] => Ok(Input::Dataset(open_dataset(path, args)?)),
        [b'S', b'G', b'M', b'N', b'F', b'L', b'O', b'W'] => {
            Ok(Input::Flows(Box::new(flows::Reader::open(path)?)))
        }
        _ if formats::idx::detects(path) => Ok(Input::Idx(formats::idx::read(path)?)),
        _ => open_tree(path, args),
    }
}

/// A file of tensors is a checkpoint, a golden file or a net, as its metadata say; or a list of what is inside.
fn open_tree(path: &Path, args: &ReadArgs) -> Result<Input> {
    let tree = containers::read(path)?;
    if tree.metadata.contains_key(CHECKPOINT_KEY) {
        return Ok(Input::Checkpoint);
    }
    if tree.metadata.contains_key(GOLDEN_KEY) {
        return Ok(Input::Golden);
    }
    match nets::from_tree(tree, &args.net_options()) {
        Ok(file) => Ok(Input::Net(Box::new(file))),
        Err(why) => Ok(Input::Tree(Box::new(containers::read(path)?), why)),
    }
}

/// The net of a file with its name and target; what was decided is said.
///
/// # Errors
/// If something about the net is not certain, or its numbers are damaged.
pub(crate) fn sample(file: &NetFile) -> Result<Sample> {
    let path = file.tree().path().display();
    let sample = file.sample()?;
    for note in &file.notes {
        eprintln!("note: {path}: {note}");
    }
    let Facts { label, score, .. } = &file.facts;
    if let Some(Label::Text(text)) = label {
        eprintln!(
            "note: {path}: the label {text:?} has no number and is left out; a folder of nets counts such classes"
        );
    } else if let (Some(_), Some(score)) = (label, score) {
        eprintln!("note: {path}: the label is kept, the score {score} is left out");
    }
    Ok(sample)
}

/// The first `n` nets of a file or folder.
///
/// # Errors
/// As [`open`], and if there are no nets in it.
pub(crate) fn first_nets(path: &Path, args: &ReadArgs, n: usize) -> Result<Vec<Sample>> {
    match open(path, args)? {
        Input::Net(file) => Ok(vec![sample(&file)?]),
        Input::Tree(_, why) => Err(why.into()),
        Input::Dataset(OpenDataset { dataset, .. }) if !dataset.source.is_empty() => {
            let n = n.min(dataset.source.len());
            (0..n).map(|i| Ok(dataset.source.get(i)?)).collect()
        }
        other => bail!("{}: expected nets, found {}", path.display(), other.name()),
    }
}

/// All nets of a file or folder, read one by one; one net is a dataset of one.
///
/// # Errors
/// As [`first_nets`].
pub(crate) fn nets(path: &Path, args: &ReadArgs) -> Result<Dataset> {
    match open(path, args)? {
        Input::Net(file) => Ok(Dataset::new(OneNet(sample(&file)?), Splits::default())),
        Input::Tree(_, why) => Err(why.into()),
        Input::Dataset(OpenDataset { dataset, .. }) if !dataset.source.is_empty() => Ok(dataset),
        Input::Flows(nets) => match format_of(path, args)? {
            Format::Flows(options) if !nets.is_empty() => Ok(flows::dataset(*nets, &options)?),
            _ => bail!("{}: expected nets, found none", path.display()),
        },
        other => bail!("{}: expected nets, found {}", path.display(), other.name()),
    }
}

impl Input {
    /// What it is, in a few words.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Net(_) => "a net",
            Self::Dataset(_) => "a dataset without nets",
            Self::Checkpoint => "a checkpoint",
            Self::Golden => "a golden file",
            Self::Tree(..) => "no net",
            Self::Idx(_) => "images or labels",
            Self::Flows(_) => "many nets of any architecture, of which `sgmn convert` takes out one",
        }
    }
}

fn open_dataset(path: &Path, args: &ReadArgs) -> Result<OpenDataset> {
    let format = format_of(path, args)?;
    let kind = format.kind();
    if kind == FormatKind::Packed {
        return open_packed(path);
    }
    let dataset = format.open(path)?;
    if dataset.source.is_empty() {
        bail!("{}: expected at least one net, found none", path.display());
    }
    say(path, &dataset.notes);
    Ok(OpenDataset { kind, dataset, packed: None })
}

/// The format of a file or folder of nets, with the options that the command line gives it.
///
/// # Errors
/// If it is none that is known, or an option is not one of its.
pub(crate) fn format_of(path: &Path, args: &ReadArgs) -> Result<Format> {
    if !path.exists() {
        bail!("{}: expected a file or folder, found nothing", path.display());
    }
    let kind = match args.format {
        Some(kind) => kind,
        None => formats::detect(path)?,
    };
    if kind == FormatKind::Packed
        && let Some(option) = args.options().first()
    {
        bail!(
            "--option {option}: expected no options for a packed file, which says everything itself, found one"
        );
    }
    format_with(kind, &args.options(), args)
}

/// A format with the options that the command line gives it.
fn format_with(kind: FormatKind, options: &[String], args: &ReadArgs) -> Result<Format> {
    let mut table = match kind {
        // How one net is read is said in the same words for a file and for a folder of them.
        FormatKind::Folder => Table::try_from(args.net_options())?,
        _ => Table::new(),
    };
    table.insert("kind".to_owned(), Value::from(kind.name()));
    for option in options {
        let fault = || format!("--option {option}");
        let (key, value) = option
            .split_once('=')
            .ok_or_else(|| anyhow!("expected KEY=VALUE, found no ="))
            .with_context(fault)?;
        // What is not TOML is a plain text, so that quotes may be left out.
        let value = match format!("value = {value}").parse::<Table>() {
            Ok(mut table) => table.remove("value").unwrap_or_else(|| Value::from(value)),
            Err(why) if value.trim_start().starts_with(['{', '[', '"']) => {
                let why = why.message();
                return Err(anyhow!(
                    "expected a value as in TOML, found {why}; in single quotes a backslash is itself"
                ))
                .with_context(fault);
            }
            Err(_) => Value::from(value),
        };
        table.insert(key.trim().to_owned(), value);
    }
    Format::deserialize(table).map_err(|error| anyhow!("--option: {}: {}", kind.name(), error.message()))
}

/// Says what was decided on opening.
fn say(path: &Path, notes: &[String]) {
    for note in notes {
        eprintln!("note: {}: {note}", path.display());
    }
}

fn open_packed(path: &Path) -> Result<OpenDataset> {
    let reader = packed::Reader::open(path)?;
    let facts = PackedFacts {
        provenance: reader.provenance().clone(),
        targets: (0..reader.len()).map(|i| reader.target(i)).collect(),
        specs: reader.specs().to_vec(),
    };
    let dataset = packed::dataset(reader, path)?;
    say(path, &dataset.notes);
    Ok(OpenDataset { kind: FormatKind::Packed, dataset, packed: Some(facts) })
}
