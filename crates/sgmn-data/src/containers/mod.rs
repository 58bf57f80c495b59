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

pub(crate) mod npy;
mod pickle;
pub(crate) mod safetensors;
mod state_dict;
mod tensor;
pub(crate) mod torch_zip;
mod tree;
mod value;

use std::path::Path;

pub use state_dict::{StateDict, state_dict};
pub use tensor::{ElementType, Tensor, Values};
pub(crate) use tensor::{View, half_to_f64};
pub use tree::Tree;
pub use value::{Key, TensorRef, Value};

use crate::{
    Error, Result,
    bytes::{Shared, zip_entries::Entries},
};

/// First bytes of files from before PyTorch 1.6: a pickled magic number.
pub(crate) const LEGACY_START: [u8; 14] =
    [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// What can be read, for messages.
const KNOWN: &str = "a file of weights: an archive of PyTorch or safetensors";

/// Reads a file; the container is found by its content.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::Format`] if it is no known container, or damaged.
pub fn read(path: &Path) -> Result<Tree> {
    let bytes = Shared::open(path)?;
    let start = bytes.as_ref();
    if start.starts_with(b"PK\x03\x04") {
        zip(bytes, path)
    } else if safetensors::detects(start) {
        safetensors::read(&bytes, path)
    } else if start.starts_with(&LEGACY_START) {
        Err(Error::format(
            path,
            "a zip archive of PyTorch 1.6 or newer",
            "the older form; load it in PyTorch and save it again",
        ))
    } else {
        Err(Error::format(path, KNOWN, "none of them"))
    }
}

/// Reads a zip archive.
fn zip(bytes: Shared, path: &Path) -> Result<Tree> {
    let entries = Entries::new(bytes, path, "a zip archive of PyTorch")?;
    match torch_zip::folder(&entries, path)? {
        Some(folder) => torch_zip::read(entries, &folder, path),
        None => Err(Error::format(path, "an archive with one data.pkl in one folder", "none there")),
    }
}

/// Reads an archive of PyTorch that stands inside of another archive; `path` is for messages.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_inside(bytes: Vec<u8>, path: &Path) -> Result<Tree> {
    zip(Shared::from_memory(bytes), path)
}
