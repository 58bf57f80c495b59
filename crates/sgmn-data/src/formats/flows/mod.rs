//! Many nets of many architectures in one file: each architecture once, the numbers of each net in a row.
//!
//! ```text
//! header   64 bytes: magic, version, number of nets, place and checksum of the index, checksum of the header
//! rows     f32, little-endian, tensor by tensor; every row begins at a multiple of 64 bytes
//! index    JSON: architectures (the text of an architecture file with names and shapes of tensors, or a flow), and of each
//!          net its architecture, checksum, split, numbers and words
//! ```
//!
//! Numbers and words are columns: every net has all of them. Everything is checked once, when a file is opened:
//! checksums, sizes, finite numbers, and that every architecture becomes a [`Flow`](sgmn_graph::flow::Flow).
//!
//! ```
//! use sgmn_data::{any_net::architecture::{Description, TensorShape}, formats::flows::{Architecture, Item, Reader, Writer}};
//! use sgmn_data::split::Split;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("nets.flows");
//! let weight = TensorShape { name: "a.weight".into(), shape: vec![1, 2] };
//! let toml = "layers = [{ op = \"linear\", name = \"a\" }]\n[input]\nx = { shape = [1, 2] }".into();
//! let architecture = &Architecture::Described(Description { toml, tensors: vec![weight] });
//! let mut writer = Writer::create(&path, Default::default())?;
//! let (numbers, words) = (&[("accuracy", 0.5)][..], &[("optimizer", "adam".to_owned())][..]);
//! writer.push(Item { architecture, row: &[1.0, -1.0], split: Some(Split::Train), numbers, words })?;
//! writer.finish()?; // only now does the file appear
//!
//! let reader = Reader::open(&path)?;
//! assert_eq!((reader.len(), reader.number("accuracy", 0)), (1, Some(0.5)));
//! assert_eq!(reader.net(0)?.flow(), reader.flow(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod architecture;
mod dataset;
mod export;
mod index;
mod pack;
mod reader;
mod writer;

pub use architecture::Architecture;
pub use dataset::{HeldOut, NAMES, Options, TARGET, dataset, open};
pub use index::Words;
pub use pack::pack;
pub use reader::Reader;
pub use writer::{Item, Writer};

use std::{fs::File, io::Read, path::Path};

/// First bytes of every such file.
const MAGIC: [u8; 8] = *b"SGMNFLOW";

/// Whether the path is a file that begins with the magic bytes of this format.
pub(super) fn detect(path: &Path) -> bool {
    let mut magic = [0; MAGIC.len()];
    path.is_file() && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == MAGIC
}
