//! A folder of safetensors files, one net each: the plainest way to bring one's own nets.
//!
//! ```text
//! my-nets/{id}.safetensors     LAYER.weight, LAYER.bias or none; text metadata: spec, activation, output_offset, label, score, id
//! my-nets/splits.json          {"train": ["id", ...], "val": [...], "test": [...]}; optional
//! ```
//!
//! The architecture is the metadata `spec` (JSON of a [`sgmn_graph::NetSpec`]) where it exists. Otherwise it is
//! inferred: layers in the order of their names, sizes from the weights, and what sizes cannot tell (activation, output
//! offset, stride and padding) from the file's metadata or, where that is silent, from the caller's [`Options`].

mod infer;
mod write;

pub use write::{write, write_net};

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sgmn_graph::{ActivationWords, Net};

use super::{
    named_layers::{self, Architectures},
    tensor::{ElementType, Tensor, View},
};
use crate::{
    Error, Result, Sample, Source, Target,
    source::Dataset,
    split::{self, Splits},
};

/// Largest file; a net read whole should not exceed the memory of an ordinary machine.
const MAX_FILE: u64 = 2 << 30;
/// File with the split, beside the nets.
const SPLIT_FILE: &str = "splits.json";

/// What can be chosen; each fills in what the files do not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Activation after every layer but the last: one word for all, or one for each.
    pub activation: Option<ActivationWords>,
    /// Constant added to the output.
    pub output_offset: f64,
    /// Step and padding of all convolutions.
    pub convolution: Option<Convolution>,
}

/// What the weights of a convolution do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// Step in rows and columns.
    pub stride: [usize; 2],
    /// Zeros added on each side, in rows and columns.
    pub padding: [usize; 2],
}

/// Opens a folder: items sorted by file name, splits from `splits.json`, all empty if there is none.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be listed, [`Error::Format`] if there are no nets in it or the split file names
/// nets that are not there.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let entries = std::fs::read_dir(root).map_err(Error::io(root))?;
    let mut files = BTreeSet::new();
    for entry in entries {
        let path = entry.map_err(Error::io(root))?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            files.insert(path);
        }
    }
    if files.is_empty() {
        return Err(Error::format(root, "files named *.safetensors", "none"));
    }
    let files: Vec<PathBuf> = files.into_iter().collect();
    let split_file = root.join(SPLIT_FILE);
    let splits = if split_file.is_file() { read_splits(&split_file, &files)? } else { Splits::default() };
    let source = FolderSource { files, options: options.clone(), architectures: Architectures::default() };
    Ok(Dataset { source: Box::new(source), splits })
}

/// Whether the folder looks like this format.
pub(super) fn detect(root: &Path) -> bool {
    let is_net = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "safetensors"))
    };
    root.is_dir() && std::fs::read_dir(root).is_ok_and(|mut entries| entries.any(is_net))
}

/// Reads one net. Its name is the metadata `id`, or the file's name without its ending.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Format`] or [`Error::Net`] if it holds no valid net.
pub fn read_net(path: &Path, options: &Options) -> Result<Sample> {
    read(path, options, &Architectures::default())
}

struct FolderSource {
    files: Vec<PathBuf>,
    options: Options,
    architectures: Architectures,
}

impl Source for FolderSource {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        read(&self.files[i], &self.options, &self.architectures)
    }
}

fn read(path: &Path, options: &Options, architectures: &Architectures) -> Result<Sample> {
    let fault = |(expected, found): (String, String)| Error::format(path, expected, found);
    let file = File::open(path).map_err(Error::io(path))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::format(path, format!("at most {MAX_FILE} bytes"), "more"));
    }
    let damaged = |why: safetensors::SafeTensorError| Error::format(path, "a safetensors file", why.to_string());
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let metadata = Metadata(header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect());
    let mut tensors = Vec::new();
    for (name, view) in SafeTensors::deserialize(&bytes).map_err(damaged)?.tensors() {
        let tensor = element_type(view.dtype())
            .and_then(|element| View::contiguous(view.shape().to_vec()).read(element, view.data()))
            .ok_or_else(|| {
                let found = format!("{:?} of shape {:?}", view.dtype(), view.shape());
                Error::format(path, format!("numbers of a known type in {name}"), found)
            })?;
        tensors.push((name, tensor));
    }
    let (labels, tensors): (Vec<_>, Vec<_>) = tensors.into_iter().partition(|(name, _)| name == "label");
    let target = metadata.target(labels.first().map(|(_, tensor)| tensor)).map_err(fault)?;
    let layers = named_layers::from_tensors(tensors).map_err(fault)?;
    let spec = infer::spec(&layers, &metadata, options).map_err(fault)?;
    let net = Net::new(architectures.share(spec), named_layers::params(layers));
    let net = net.map_err(|source| Error::Net { path: path.to_owned(), source })?;
    let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let id = metadata.get("id").map_or_else(stem, str::to_owned);
    Ok(Sample { id, net, target })
}

/// Positions of the ids (file names without ending) in a split file.
fn read_splits(path: &Path, files: &[PathBuf]) -> Result<Splits> {
    let stems = files.iter().enumerate().filter_map(|(i, file)| Some((file.file_stem()?.to_str()?, i)));
    let position: BTreeMap<&str, usize> = stems.collect();
    let mut splits = Splits::default();
    for (split, entry) in split::read_json(path)? {
        match position.get(entry.name.as_str()) {
            Some(&i) => splits.push(split, i),
            None => {
                let found = format!("{:?} in {}", entry.name, split.name());
                return Err(Error::format(path, "names of files in this folder, without their ending", found));
            }
        }
    }
    splits.assignment(files.len())?;
    Ok(splits)
}

/// The texts in a file's header.
struct Metadata(BTreeMap<String, String>);

impl Metadata {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The activations, in any form that [`ActivationWords`] reads.
    fn activation(&self) -> Result<Option<ActivationWords>, named_layers::Fault> {
        let Some(text) = self.get("activation") else { return Ok(None) };
        text.parse().map(Some).map_err(infer::word_fault)
    }

    /// A value written as JSON.
    fn json<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<Option<T>, named_layers::Fault> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let parsed = serde_json::from_str(text);
        parsed.map(Some).map_err(|why| (format!("metadata {key} as JSON"), format!("{text:?} ({why})")))
    }

    /// The metadata `label` or `score`, or a tensor named `label`.
    fn target(&self, label: Option<&Tensor>) -> Result<Target, named_layers::Fault> {
        let written = self.json::<u32>("label")?.map(Target::Class);
        let inside = match label.map(|tensor| tensor.whole_number().and_then(|class| u32::try_from(class).ok())) {
            Some(Some(class)) => Some(Target::Class(class)),
            Some(None) => return Err(("a label of one whole number, from 0".into(), "another tensor".into())),
            None => None,
        };
        let score = self.json::<f64>("score")?.map(Target::Score);
        let known: Vec<Target> = [written, inside, score].into_iter().flatten().collect();
        match known[..] {
            [] => Ok(Target::None),
            [target] => Ok(target),
            _ => Err(("one label or one score".into(), format!("{known:?}"))),
        }
    }
}

fn element_type(dtype: Dtype) -> Option<ElementType> {
    Some(match dtype {
        Dtype::F64 => ElementType::F64,
        Dtype::F32 => ElementType::F32,
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::Bf16,
        Dtype::I64 => ElementType::I64,
        Dtype::I32 => ElementType::I32,
        Dtype::I16 => ElementType::I16,
        Dtype::I8 => ElementType::I8,
        Dtype::U8 => ElementType::U8,
        Dtype::BOOL => ElementType::Bool,
        _ => return None,
    })
}
