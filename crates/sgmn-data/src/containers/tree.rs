//! One file, read: its values at hand, its tensors read when they are asked for.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{
    tensor::{ElementType, Tensor},
    value::{Key, TensorRef, Value},
};
use crate::{
    Error, Result,
    bytes::{Shared, zip_entries::Entry},
};

/// What a file holds: plain values, and tensors that stay where they are until they are asked for.
#[derive(Debug)]
pub struct Tree {
    /// The value of the whole file; a dictionary of tensors by name for containers that have nothing else.
    pub root: Value,
    /// Texts beside the tensors, as safetensors have them.
    pub metadata: BTreeMap<String, String>,
    /// Attributes that were set on dictionaries, by the keys that lead to them: state dicts of PyTorch have `_metadata`,
    /// which names all modules; a scripted module has its `constants`.
    pub attributes: Vec<(Vec<Key>, Value)>,
    /// The kind of container, in words.
    pub container: &'static str,
    /// Whether the order of entries is that in which the program filled them, and so may tell the order of layers.
    pub ordered: bool,
    /// If this is only a part of a net: which, of how many, and what to read instead, in words.
    pub incomplete: Option<String>,
    pub(super) path: PathBuf,
    pub(super) store: Store,
}

/// Runs of bytes that tensors show.
#[derive(Debug, Default)]
pub(super) struct Store {
    pieces: Vec<Piece>,
}

/// One run of bytes.
#[derive(Debug)]
struct Piece {
    place: Place,
    /// What it is called, for messages.
    name: String,
    /// The file it stands in, if that is another one than the tree's.
    path: Option<PathBuf>,
    /// Bytes of an element, if they stand the other way round.
    turned: usize,
    /// Its bytes once they are asked for; `None` inside if they can be used as and where they are.
    content: OnceLock<Option<Vec<u8>>>,
}

/// Where bytes are.
#[derive(Debug)]
pub(super) enum Place {
    /// A part of a file.
    Part(Shared, std::ops::Range<u64>),
    /// An entry of an archive.
    Entry(Shared, Entry),
    /// In memory.
    Memory(Vec<u8>),
}

impl Tree {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a tensor of this tree.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type whose numbers are not read, by its name; [`Error::Format`] for bytes that are
    /// damaged or too few.
    pub fn tensor(&self, tensor: &TensorRef) -> Result<Tensor> {
        let TensorRef { element, shape, piece, .. } = tensor;
        let path = self.store.path(*piece).unwrap_or(&self.path);
        if let ElementType::Foreign { name, .. } = element {
            let what =
                format!("a tensor of shape {shape:?} has numbers of type {name}, which is not read here");
            return Err(Error::Unsupported { path: path.to_owned(), what });
        }
        let bytes = self.store.bytes(*piece, path)?;
        tensor.view().read(*element, bytes).ok_or_else(|| {
            let expected =
                format!("a tensor of {} {shape:?} inside {}", element.name(), self.store.name(*piece));
            let found = match element {
                ElementType::U64 => format!("{} bytes, or a number beyond those of int64", bytes.len()),
                _ => format!("{} bytes", bytes.len()),
            };
            Error::format(path, expected, found)
        })
    }

    /// Whether two tensors of this tree are one: the same numbers of the file in the same shape, as tied weights are.
    pub fn same_numbers(&self, a: &TensorRef, b: &TensorRef) -> bool {
        a == b
    }
}

impl Tree {
    /// The entry of the archive that has the numbers of a tensor.
    pub(crate) fn entry(&self, tensor: &TensorRef) -> Option<&str> {
        match &self.store.pieces.get(tensor.piece)?.place {
            Place::Entry(_, entry) => Some(entry.name()),
            _ => None,
        }
    }
}

impl Store {
    /// Adds a run of bytes and gives its number.
    pub(super) fn push(&mut self, place: Place, name: String) -> usize {
        self.pieces.push(Piece { place, name, path: None, turned: 0, content: OnceLock::new() });
        self.pieces.len() - 1
    }

    /// Number of bytes of a run.
    pub(super) fn size(&self, piece: usize) -> u64 {
        match &self.pieces[piece].place {
            Place::Part(_, range) => range.end - range.start,
            Place::Entry(_, entry) => entry.size(),
            Place::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Notes that the bytes of each element, of `size` bytes, stand the other way round.
    pub(super) fn turn(&mut self, piece: usize, size: usize) {
        self.pieces[piece].turned = size;
    }

    /// Takes all runs of another store, which belong to the file `path`; numbers grow by what is returned.
    pub(super) fn adopt(&mut self, other: Self, path: &Path) -> usize {
        let shift = self.pieces.len();
        self.pieces
            .extend(other.pieces.into_iter().map(|piece| Piece { path: Some(path.to_owned()), ..piece }));
        shift
    }

    fn path(&self, piece: usize) -> Option<&Path> {
        self.pieces.get(piece)?.path.as_deref()
    }

    fn name(&self, piece: usize) -> Cow<'_, str> {
        self.pieces.get(piece).map_or(Cow::Borrowed("no file"), |piece| Cow::Borrowed(&piece.name))
    }

    /// The bytes of a run; an entry of an archive is verified when it is first asked for.
    fn bytes(&self, piece: usize, path: &Path) -> Result<&[u8]> {
        let Some(piece) = self.pieces.get(piece) else {
            return Err(Error::format(path, "a tensor of this file", "one of another"));
        };
        if piece.content.get().is_none() {
            // Two threads may do this at once; both find the same.
            let content = piece.prepare(path)?;
            drop(piece.content.set(content));
        }
        match piece.content.get() {
            Some(Some(content)) => Ok(content),
            _ => piece.in_place(path),
        }
    }
}

impl Piece {
    /// The bytes as they stand there.
    fn in_place(&self, path: &Path) -> Result<&[u8]> {
        match &self.place {
            Place::Memory(bytes) => Ok(bytes),
            Place::Part(bytes, range) => bytes.get(range.clone()).ok_or_else(|| {
                Error::format(path, format!("bytes {range:?} of {}", self.name), "a shorter file")
            }),
            Place::Entry(archive, entry) => Ok(entry.packed(archive)),
        }
    }

    /// Verifies the bytes; what has to be unpacked or turned is returned.
    fn prepare(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let unpacked = match &self.place {
            Place::Entry(archive, entry) => entry.unpack(archive, path)?,
            Place::Memory(_) | Place::Part(..) => None,
        };
        if self.turned == 0 {
            return Ok(unpacked);
        }
        let mut bytes = match unpacked {
            Some(bytes) => bytes,
            None => self.in_place(path)?.to_vec(),
        };
        bytes.chunks_exact_mut(self.turned).for_each(<[u8]>::reverse);
        Ok(Some(bytes))
    }
}
