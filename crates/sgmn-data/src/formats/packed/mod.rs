//! Our own single-file format: many nets in one memory-mapped file, so that an epoch touches no small files.
//!
//! ```text
//! header   64 bytes: magic, version, number of rows, place and checksum of the index, checksum of the header
//! rows     f32, little-endian, W_0 b_0 W_1 b_1 … of one net each; every row begins at a multiple of 64 bytes
//! index    architectures and provenance as JSON, 32 bytes a row (place, architecture, target, split, checksum), names
//! ```
//!
//! Several architectures may share a file. Everything is checked once, when a file is opened: checksums (CRC-32 of
//! every row, of the index and of the header), sizes, finite numbers, unique names. After that a row is a slice of
//! the map, without a copy and without further checks.
//!
//! ```
//! use std::{collections::BTreeMap, sync::Arc};
//! use sgmn_data::{Target, formats::packed::{Item, Reader, Writer}, split::Split};
//! use sgmn_graph::{Activation, NetSpec};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("nets.packed");
//! let spec = Arc::new(NetSpec::mlp(&[1, 1], Activation::Tanh, 0.0)?);
//! let mut writer = Writer::create(&path, BTreeMap::from([("source".into(), "made by hand".into())]))?;
//! let (target, split) = (Target::Class(7), Some(Split::Train));
//! writer.push(Item { id: "first".into(), spec, params: vec![0.5, -1.0], target, split })?;
//! writer.finish()?; // only now does the file appear
//!
//! let reader = Reader::open(&path)?;
//! assert_eq!((reader.id(0), reader.row(0)), ("first", &[0.5, -1.0][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(super) mod layout;
mod pack;
pub(super) mod reader;
mod writer;

pub use pack::{Packed, pack};
pub use reader::Reader;
pub use writer::{Item, Writer};

use std::{fs::File, io::Read, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, Result, Source, Target, source::Dataset};

/// Provenance under which the names of the classes stand, as a JSON list of texts; files without named classes lack it.
pub const CLASSES: &str = "classes";
/// Provenance under which the notes of the dataset stand that was packed, as a JSON list of texts.
pub const NOTES: &str = "notes";
/// Provenance under which the nets stand that were left out, as a JSON list of objects with `net` and `why`.
pub const SKIPPED: &str = "skipped";

/// Nothing can be chosen: a packed file says everything itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {}

/// Opens a packed file as a dataset, with the splits it holds (each ascending) and the names of its classes.
///
/// # Errors
/// As [`Reader::open`], and [`Error::Format`] if classes have names but not all of them.
pub fn open(path: &Path, _options: &Options) -> Result<Dataset> {
    dataset(Reader::open(path)?, path)
}

/// The dataset of an open file; `path` is for messages.
///
/// # Errors
/// [`Error::Format`] if classes have names but not all of them.
pub fn dataset(reader: Reader, path: &Path) -> Result<Dataset> {
    let splits = reader.splits().clone();
    let classes: Option<Vec<String>> = list(&reader, CLASSES);
    let notes = list(&reader, NOTES).unwrap_or_default();
    let skipped = list(&reader, SKIPPED).unwrap_or_default();
    if let Some(names) = &classes {
        let nameless = (0..reader.len()).find_map(|i| match reader.target(i) {
            Target::Class(class) if class as usize >= names.len() => Some((class, reader.id(i))),
            _ => None,
        });
        if let Some((class, id)) = nameless {
            return Err(Error::format(path, format!("classes below {}, which have names", names.len()), format!("{class} of {id:?}")));
        }
    }
    Ok(Dataset { classes, notes, skipped, ..Dataset::new(reader, splits) })
}

/// A list in the provenance.
fn list<T: DeserializeOwned>(reader: &Reader, key: &str) -> Option<Vec<T>> {
    serde_json::from_str(reader.provenance().get(key)?).ok()
}

/// Whether the path is a file that begins with the magic bytes of this format.
pub(super) fn detect(path: &Path) -> bool {
    let mut magic = [0; layout::MAGIC.len()];
    path.is_file() && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == layout::MAGIC
}
