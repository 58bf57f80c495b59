//! Containers: bytes of a file to a tree of named tensors and plain values, whoever wrote it.
//!
//! ```no_run
//! use sgmn_data::containers::{self, Value};
//! # fn main() -> sgmn_data::Result<()> {
//! let tree = containers::read("net.pth".as_ref())?;
//! if let Some(Value::Tensor(weight)) = tree.root.get("seq.0.weight") {
//!     println!("{:?}: {:?}", weight.shape, tree.tensor(weight)?.floats());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A container is known by its content, never by its name. Its reader is one file here and one line in `read`; it is
//! bounded in memory and time by the size of the file, and runs nothing that stands in it. Numbers of tensors stay where
//! they are until they are asked for. What the tensors mean is not decided here.

mod hdf5;
mod module;
pub(crate) mod npy;
mod numpy;
mod pickle;
mod plain_pickle;
pub(crate) mod safetensors;
pub(crate) mod shards;
mod strangers;
mod tensor;
mod torch_legacy;
mod torch_zip;
mod tree;
mod under;
mod value;

use std::path::Path;

pub use module::module_tensors;
pub use tensor::{ElementType, Tensor, Values};
pub(crate) use tensor::{View, half_to_f64};
pub(crate) use torch_legacy::detects as is_older_file;
pub use tree::Tree;
pub use value::{Key, TensorRef, Value};

use crate::{
    Error, Result,
    bytes::{Shared, zip_entries::Entries},
};

/// The entry of a Keras model that has its weights.
const KERAS_WEIGHTS: &str = "model.weights.h5";
/// What can be read, for messages.
const KNOWN: &str = "a file of weights (a file of PyTorch, safetensors, NumPy arrays, HDF5, a pickle)";

/// Reads a file, or all parts of a net in a folder that has an index; the container is found by its content.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Format`] if it is no known container (what to do with one that is
/// known but not read is said), or damaged.
pub fn read(path: &Path) -> Result<Tree> {
    let index = if path.is_dir() { Some(shards::index_in(path)?) } else { None };
    let path = index.as_deref().unwrap_or(path);
    let bytes = Shared::open(path)?;
    if shards::detects(bytes.as_ref()) {
        return shards::read(&bytes, path, &|part| read_file(Shared::open(part)?, part));
    }
    let tree = read_file(bytes, path)?;
    Ok(Tree { incomplete: shards::part_of(path), ..tree })
}

/// Reads a file of which the bytes are at hand; `path` is for messages.
///
/// # Errors
/// As [`read`]; an index of several files is not read.
pub fn read_bytes(bytes: Vec<u8>, path: &Path) -> Result<Tree> {
    read_file(Shared::from_memory(bytes), path)
}

/// Reads an archive of PyTorch that stands inside of another archive; `path` is for messages.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_inside(bytes: Vec<u8>, path: &Path) -> Result<Tree> {
    zip(Shared::from_memory(bytes), path)
}

/// Reads one file.
fn read_file(bytes: Shared, path: &Path) -> Result<Tree> {
    let start = bytes.as_ref();
    match start {
        [b'P', b'K', 3, 4, ..] => zip(bytes, path),
        _ if torch_legacy::detects(start) => torch_legacy::read(&bytes, path),
        _ if start.starts_with(numpy::START) => numpy::read_array(&bytes, path),
        _ if start.starts_with(hdf5::START) => {
            hdf5::read(&bytes, path).map_err(|error| with_help(error, strangers::HDF5_HELP))
        }
        [0x80, 2..=5, .., b'.'] => plain_pickle::read(&bytes, path),
        _ if safetensors::detects(start) => safetensors::read(&bytes, path),
        // The oldest pickles begin with a dictionary or a list and nothing that tells them from texts.
        [b'(' | b'}' | b']' | b'c', .., b'.'] => {
            plain_pickle::read(&bytes, path).map_err(|_| unknown(start, path))
        }
        _ => Err(unknown(start, path)),
    }
}

/// An error, and what a person can do about the file.
fn with_help(error: Error, help: &str) -> Error {
    match error {
        Error::Format { path, expected, found } => {
            Error::Format { path, expected, found: format!("{found}; {help}") }
        }
        other => other,
    }
}

fn unknown(start: &[u8], path: &Path) -> Error {
    let found = strangers::describe(start).unwrap_or_else(|| "none of them".to_owned());
    Error::format(path, KNOWN, found)
}

/// Reads a zip archive.
fn zip(bytes: Shared, path: &Path) -> Result<Tree> {
    let mut entries = Entries::new(bytes, path, "a zip archive")?;
    if let Some(folder) = torch_zip::folder(&entries, path)? {
        return torch_zip::read(entries, &folder, path);
    }
    if entries.names().any(|name| name.ends_with(numpy::ENDING)) {
        return numpy::read_archive(entries, path);
    }
    if entries.contains(KERAS_WEIGHTS) {
        let weights = entries.read(KERAS_WEIGHTS, u64::MAX)?;
        let tree = hdf5::read(&Shared::from_memory(weights), path);
        return tree.map(|tree| Tree { container: "model of Keras", ..tree });
    }
    let found = if entries.names().any(|name| name.ends_with("archive_format"))
        || entries.contains("serialized_exported_program.json")
    {
        "a program of torch.export, which has a graph of its own".to_owned()
    } else {
        "a zip archive of other files".to_owned()
    };
    Err(Error::format(path, "an archive with one data.pkl in one folder, or of .npy arrays", found))
}
