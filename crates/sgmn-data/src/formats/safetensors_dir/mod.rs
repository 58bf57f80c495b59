//! A folder of safetensors files, one net each: the plainest way to bring one's own nets.
//!
//! ```text
//! my-nets/{id}.safetensors     LAYER.weight, LAYER.bias; text metadata: spec, activation, output_offset, label, score, id
//! my-nets/splits.json          {"train": ["id", ...], "val": [...], "test": [...]}; optional
//! ```
//!
//! The architecture is the metadata `spec` (JSON of a [`sgmn_graph::NetSpec`]) where it exists. Otherwise it is found as
//! [`nets`](crate::nets) does.

mod write;

pub use crate::nets::Convolution;
pub use write::{write, write_net};

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::named_layers::Architectures;
use crate::{
    Error, Result, Sample, Source,
    nets::{self, NetOptions},
    source::Dataset,
    split::{self, Splits},
};

/// File with the split, beside the nets.
const SPLIT_FILE: &str = "splits.json";

/// What files do not say themselves.
pub type Options = NetOptions;

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
    let file = nets::open(path, options)?;
    let net = file.net_of(|spec| architectures.share(spec.clone()))?;
    Ok(file.sample_of(net))
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
