//! HDF5 as Keras and h5py write it (`.h5`, `.weights.h5`): groups become dictionaries, datasets of numbers tensors.
//!
//! Read are superblocks 0 to 3, groups of both kinds, and data in one piece. Data in chunks, which nobody writes for
//! weights unless asked to compress them, become opaque, as texts do. Groups are sorted by name in the file: their order
//! tells nothing. Source: HDF5 File Format Specification, version 3.0.

mod group;
mod header;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use self::header::{Header, Layout};
use super::{
    tree::{Place, Store, Tree},
    value::{Key, TensorRef, Value},
};
use crate::{Error, Result, bytes::Shared};

/// First bytes.
pub(super) const START: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Deepest nesting of groups.
const MAX_DEPTH: usize = 32;
/// Memory for names and headers, in bytes: in any case, and for each byte of the file.
const FREE: usize = 1 << 20;
const PER_BYTE: usize = 16;

/// What is expected where the file has something else.
type Fault = &'static str;

/// Reads a file.
///
/// # Errors
/// [`Error::Format`] if it is damaged, or in a form that is not read.
pub(super) fn read(bytes: &Shared, path: &Path) -> Result<Tree> {
    let file = File::open(bytes.as_ref()).map_err(|fault| damaged(path, fault))?;
    let len = bytes.as_ref().len();
    let mut reader = Reader {
        file,
        bytes,
        store: Store::default(),
        seen: BTreeSet::new(),
        left: FREE.saturating_add(PER_BYTE.saturating_mul(len)),
        numbers_left: PER_BYTE.saturating_mul(len),
    };
    let root = reader.object(file.root, 0).map_err(|fault| damaged(path, fault))?;
    Ok(Tree {
        root,
        metadata: BTreeMap::new(),
        attributes: Vec::new(),
        container: "HDF5 file",
        ordered: false,
        incomplete: None,
        path: path.to_owned(),
        store: reader.store,
    })
}

fn damaged(path: &Path, fault: Fault) -> Error {
    Error::format(path, format!("HDF5 with {fault}"), "something else")
}

/// The bytes of a file and how wide its numbers are.
#[derive(Clone, Copy)]
struct File<'a> {
    bytes: &'a [u8],
    /// Bytes of an address.
    offsets: usize,
    /// Bytes of a length.
    lengths: usize,
    /// Address of the root group.
    root: u64,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let byte = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
        let version = byte(8);
        let (offsets, lengths) = if version < 2 { (byte(13), byte(14)) } else { (byte(9), byte(10)) };
        if !matches!((offsets, lengths), (4 | 8, 4 | 8)) {
            return Err("addresses and lengths of 4 or 8 bytes");
        }
        let file = Self { bytes, offsets, lengths, root: 0 };
        // The base address, and where the address of the root stands behind it.
        let (base, root) = match version {
            0 => (24, 24 + 4 * offsets + offsets),
            1 => (28, 28 + 4 * offsets + offsets),
            2 | 3 => (12, 12 + 3 * offsets),
            _ => return Err("a superblock of version 0 to 3"),
        };
        let end = file.uint(base + 2 * offsets, offsets);
        if end.is_none_or(|end| end > bytes.len() as u64) {
            return Err("all the bytes that its beginning tells of");
        }
        match (file.uint(base, offsets), file.uint(root, offsets)) {
            (Some(0), Some(root)) => Ok(Self { root, ..file }),
            _ => Err("a superblock at the beginning"),
        }
    }

    /// A little-endian number of some bytes.
    fn uint(&self, at: usize, len: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// An address; `None` also if it says that there is nothing.
    fn address(&self, at: usize) -> Option<usize> {
        let address = self.uint(at, self.offsets)?;
        usize::try_from(address).ok().filter(|address| *address < self.bytes.len())
    }

    fn length(&self, at: usize) -> Option<usize> {
        usize::try_from(self.uint(at, self.lengths)?).ok()
    }

    /// Whether some letters stand at a place.
    fn has(&self, at: usize, letters: &[u8]) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(letters))
    }
}

/// What has been read.
struct Reader<'a> {
    file: File<'a>,
    bytes: &'a Shared,
    store: Store,
    /// Groups and nodes of groups, none of which is read twice.
    seen: BTreeSet<usize>,
    /// Bytes of memory that names and headers may still take.
    left: usize,
    /// Bytes of numbers that datasets may still have; several may be one.
    numbers_left: usize,
}

impl Reader<'_> {
    /// A group or a dataset.
    fn object(&mut self, address: u64, depth: usize) -> Result<Value, Fault> {
        if depth > MAX_DEPTH {
            return Err("groups nested at most 32 deep");
        }
        let address = usize::try_from(address).map_err(|_| "addresses inside of the file")?;
        let header = Header::read(&self.file, address)?;
        self.spend(64 * header.n_messages)?;
        if !header.is_group() {
            return self.dataset(&header);
        }
        if !self.seen.insert(address) {
            return Ok(Value::Opaque { class: "a group that stands elsewhere too".to_owned(), state: None });
        }
        let mut entries = Vec::new();
        for (name, address) in self.links(&header)? {
            entries.push((Key::Text(name), self.object(address, depth + 1)?));
        }
        Ok(Value::Dict(entries))
    }

    /// Counts bytes of memory.
    fn spend(&mut self, n_bytes: usize) -> Result<(), Fault> {
        self.left = self.left.checked_sub(n_bytes).ok_or("no more members than its size explains")?;
        Ok(())
    }

    fn dataset(&mut self, header: &Header) -> Result<Value, Fault> {
        let opaque = |class: &str| Ok(Value::Opaque { class: class.to_owned(), state: None });
        let Some((element, is_big)) = header.element else { return opaque("a dataset of no numbers") };
        let Some(view) = header.view() else { return opaque("a dataset without a shape") };
        let range = match &header.layout {
            Some(Layout::At(range)) => range.start as u64..range.end as u64,
            Some(Layout::Chunks) => return opaque("a dataset in chunks"),
            None => return opaque("a dataset without data"),
        };
        let size = element.size();
        let n = usize::try_from(range.end - range.start).unwrap_or(0) / size.max(1);
        if view.n_elements(n).is_none() {
            return Err("datasets of as many numbers as their shapes say");
        }
        let n_bytes = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        self.numbers_left =
            self.numbers_left.checked_sub(n_bytes).ok_or("datasets that are no more than the file")?;
        let piece = self.store.push(Place::Part(self.bytes.clone(), range), "a dataset".to_owned());
        if is_big {
            self.store.turn(piece, size);
        }
        Ok(Value::Tensor(TensorRef::new(element, view, piece)))
    }
}
