//! What a person may hand to the toolbox, told apart by what is in it, and what the toolbox writes.

mod torch;
mod write;

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use sgmn_data::{
    Sample, Source, Target,
    formats::{self, Format, FormatKind, packed, safetensors_dir},
    source::Dataset,
};
use sgmn_graph::{ActivationWords, NetSpec};
use toml::{Table, Value};

pub(super) use write::{Destination, OneNet, refuse_existing, refuse_full_folder};

/// How to read what files do not say themselves.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Reading")]
pub(super) struct ReadArgs {
    /// Format of a dataset; found out if left out
    #[arg(long = "from", value_name = "FORMAT")]
    format: Option<FormatKind>,
    /// An option of the dataset's format, such as augmentations=20
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// Activation of nets that do not say theirs, such as sine:30, tanh or relu; or one for each hidden layer: sine:30,sine:1
    #[arg(long, value_name = "WORDS")]
    activation: Option<ActivationWords>,
    /// Constant added to the output of nets that do not say theirs
    #[arg(long, allow_negative_numbers = true)]
    output_offset: Option<f64>,
    /// Step of the convolutions of nets that do not say theirs
    #[arg(long, requires = "padding")]
    stride: Option<usize>,
    /// Zeros around the input of these convolutions
    #[arg(long, requires = "stride")]
    padding: Option<usize>,
}

/// A file or folder, opened.
pub(super) enum Input {
    /// One net.
    Net(Sample),
    /// Many nets.
    Dataset(OpenDataset),
    /// One of our checkpoints; its tensors are not yet read.
    Checkpoint,
    /// A golden file: a model, its input nets, its outputs and gradients.
    Golden,
    /// A PyTorch archive that holds no net, such as a checkpoint of another program.
    Archive(formats::torch_zip::Value),
    /// Images or labels.
    Idx(formats::idx::Idx),
}

/// Nets that are read one by one.
pub(super) struct OpenDataset {
    pub(super) kind: FormatKind,
    pub(super) dataset: Dataset,
    /// What a packed file tells besides its nets.
    pub(super) packed: Option<PackedFacts>,
}

/// What a packed file tells without its nets being read.
pub(super) struct PackedFacts {
    pub(super) provenance: BTreeMap<String, String>,
    pub(super) targets: Vec<Target>,
    pub(super) specs: Vec<std::sync::Arc<NetSpec>>,
}

/// Metadata by which our checkpoints are known.
const CHECKPOINT_KEY: &str = "sgmn.checkpoint";
/// Metadata by which golden files are known.
const GOLDEN_KEY: &str = "layer_layout";

/// Opens a file or folder, whatever it is.
///
/// # Errors
/// If it is nothing that is known, or damaged.
pub(super) fn open(path: &Path, args: &ReadArgs) -> Result<Input> {
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
        [b'P', b'K', 3, 4, ..] => torch::open(path, args),
        [0, 0, 8, 1..=8, ..] | [0x1f, 0x8b, ..] => Ok(Input::Idx(formats::idx::read(path)?)),
        _ if path.extension().is_some_and(|ending| ending == "safetensors") => open_safetensors(path, args),
        // The old archives of PyTorch, and damaged ones, are best explained by their reader.
        _ if path.extension().is_some_and(|ending| ending == "pth" || ending == "pt") => {
            torch::open(path, args)
        }
        _ => bail!(
            "{}: expected a packed file, a .safetensors or .pth file, IDX images or a folder of nets, found none of them",
            path.display(),
        ),
    }
}

/// The first `n` nets of a file or folder.
///
/// # Errors
/// As [`open`], and if there are no nets in it.
pub(super) fn first_nets(path: &Path, args: &ReadArgs, n: usize) -> Result<Vec<Sample>> {
    match open(path, args)? {
        Input::Net(sample) => Ok(vec![sample]),
        Input::Dataset(OpenDataset { dataset, .. }) if !dataset.source.is_empty() => {
            let n = n.min(dataset.source.len());
            (0..n).map(|i| Ok(dataset.source.get(i)?)).collect()
        }
        other => bail!("{}: expected nets, found {}", path.display(), other.name()),
    }
}

impl Input {
    /// What it is, in a few words.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Net(_) => "a net",
            Self::Dataset(_) => "a dataset without nets",
            Self::Checkpoint => "a checkpoint",
            Self::Golden => "a golden file",
            Self::Archive(_) => "a PyTorch archive that is no net",
            Self::Idx(_) => "images or labels",
        }
    }
}

impl ReadArgs {
    fn folder_options(&self) -> safetensors_dir::Options {
        let convolution = self.stride.zip(self.padding).map(|(stride, padding)| {
            safetensors_dir::Convolution { stride: [stride; 2], padding: [padding; 2] }
        });
        let output_offset = self.output_offset.unwrap_or_default();
        safetensors_dir::Options { activation: self.activation.clone(), output_offset, convolution }
    }
}

fn open_dataset(path: &Path, args: &ReadArgs) -> Result<OpenDataset> {
    let kind = match args.format {
        Some(kind) => kind,
        None => formats::detect(path)?,
    };
    if kind == FormatKind::Packed {
        if let Some(option) = args.options.first() {
            bail!(
                "--option {option}: expected no options for a packed file, which says everything itself, found one"
            );
        }
        return open_packed(path);
    }
    let format = format_with(kind, &args.options, args)?;
    let dataset = format.open(path)?;
    if dataset.source.is_empty() {
        bail!("{}: expected at least one net, found none", path.display());
    }
    Ok(OpenDataset { kind, dataset, packed: None })
}

/// A format with the options that the command line gives it.
fn format_with(kind: FormatKind, options: &[String], args: &ReadArgs) -> Result<Format> {
    if kind == FormatKind::SafetensorsDir && options.is_empty() {
        return Ok(Format::SafetensorsDir(args.folder_options()));
    }
    let mut table = Table::from_iter([("kind".to_owned(), Value::from(kind.name()))]);
    for option in options {
        let fault = || format!("--option {option}");
        let (key, value) = option
            .split_once('=')
            .ok_or_else(|| anyhow!("expected KEY=VALUE, found no ="))
            .with_context(fault)?;
        // What is not TOML is a plain text, so that quotes may be left out.
        let value = format!("value = {value}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::from(value));
        table.insert(key.trim().to_owned(), value);
    }
    Format::deserialize(table).map_err(|error| anyhow!("--option: {}: {}", kind.name(), error.message()))
}

fn open_packed(path: &Path) -> Result<OpenDataset> {
    let reader = packed::Reader::open(path)?;
    let facts = PackedFacts {
        provenance: reader.provenance().clone(),
        targets: (0..reader.len()).map(|i| reader.target(i)).collect(),
        specs: reader.specs().to_vec(),
    };
    let splits = reader.splits().clone();
    let dataset = Dataset { source: Box::new(reader), splits };
    Ok(OpenDataset { kind: FormatKind::Packed, dataset, packed: Some(facts) })
}

/// A safetensors file is a checkpoint, a golden file or a net, as its metadata say.
fn open_safetensors(path: &Path, args: &ReadArgs) -> Result<Input> {
    let keys = metadata_keys(path)?;
    if keys.iter().any(|key| key == CHECKPOINT_KEY) {
        return Ok(Input::Checkpoint);
    }
    if keys.iter().any(|key| key == GOLDEN_KEY) {
        return Ok(Input::Golden);
    }
    Ok(Input::Net(safetensors_dir::read_net(path, &args.folder_options())?))
}

/// The metadata keys of a safetensors file; only its header is read.
fn metadata_keys(path: &Path) -> Result<Vec<String>> {
    /// The format's own limit.
    const MOST_HEADER_BYTES: u64 = 100_000_000;
    let context = || path.display().to_string();
    let mut file = File::open(path).with_context(context)?;
    let mut len = [0; 8];
    file.read_exact(&mut len).with_context(context)?;
    let len = u64::from_le_bytes(len);
    if len > MOST_HEADER_BYTES {
        bail!("{}: expected a header of at most {MOST_HEADER_BYTES} bytes, found {len}", path.display());
    }
    let mut header = Vec::new();
    file.take(len).read_to_end(&mut header).with_context(context)?;
    let header: serde_json::Value = serde_json::from_slice(&header)
        .with_context(|| format!("{}: expected a safetensors header", path.display()))?;
    let metadata = header.get("__metadata__").and_then(serde_json::Value::as_object);
    Ok(metadata.into_iter().flat_map(|metadata| metadata.keys().cloned()).collect())
}
