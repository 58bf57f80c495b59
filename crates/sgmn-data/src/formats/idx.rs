//! IDX files, the form in which MNIST and its relatives are published: unsigned bytes with a shape, plain or gzipped.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use crate::{Error, Result, bytes::atomic::AtomicFile};

/// An array larger than this (in bytes) is taken for a mistake in the header.
const MAX_BYTES: usize = 1 << 30;
/// Most dimensions a header may announce.
const MAX_DIMS: usize = 8;
/// Code of the only element type read here, an unsigned byte.
const UNSIGNED_BYTE: u8 = 8;

/// An array of bytes: `[n]` for labels, `[n, rows, columns]` for images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Idx {
    /// An array from its shape and its row-major bytes; `None` if they disagree or the shape is empty.
    pub fn new(shape: Vec<usize>, bytes: Vec<u8>) -> Option<Self> {
        let len = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
        (!shape.is_empty() && shape.len() <= MAX_DIMS && len == bytes.len()).then_some(Self { shape, bytes })
    }

    /// Size of every dimension, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All bytes, row-major.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of items, the first dimension.
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of item `i`: one label, or one image row by row.
    ///
    /// # Panics
    /// If `i` is not below [`Idx::len`].
    pub fn item(&self, i: usize) -> &[u8] {
        let item_len: usize = self.shape[1..].iter().product();
        assert!(i < self.len(), "item {i} of {}", self.len());
        &self.bytes[i * item_len..(i + 1) * item_len]
    }
}

/// Reads images `[n, rows, columns]`.
///
/// # Errors
/// As [`read`], and [`Error::Format`] if there are not three dimensions.
pub fn read_images(path: &Path) -> Result<Idx> {
    read_dims(path, 3, "images of three dimensions")
}

/// Reads labels `[n]`.
///
/// # Errors
/// As [`read`], and [`Error::Format`] if there is not one dimension.
pub fn read_labels(path: &Path) -> Result<Idx> {
    read_dims(path, 1, "labels of one dimension")
}

/// Reads an IDX file of unsigned bytes, plain or gzipped (told apart by the first bytes, not by the name).
///
/// # Errors
/// [`Error::Io`] if the file cannot be read or unpacked, [`Error::Format`] if it is no IDX file of bytes, if it ends
/// early or goes on after its last byte, or if its header announces more than 1 GiB.
pub fn read(path: &Path) -> Result<Idx> {
    read_from(path, unpacked(path)?)
}

/// Whether a file, plain or gzipped, begins as an IDX file of unsigned bytes does.
pub fn detects(path: &Path) -> bool {
    let mut magic = [0; 4];
    unpacked(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok())
        && matches!(magic, [0, 0, UNSIGNED_BYTE, n_dims] if n_dims > 0 && usize::from(n_dims) <= MAX_DIMS)
}

/// The bytes of a file, unpacked if they are gzip.
fn unpacked(path: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut reader = BufReader::new(file);
    let mut start = [0; 2];
    let is_gzip = reader.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    let reopened = BufReader::new(File::open(path).map_err(Error::io(path))?);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(reopened)) } else { Box::new(reopened) })
}

/// Reads an IDX file that is in memory already, plain or gzipped; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(name: &Path, bytes: &[u8]) -> Result<Idx> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        read_from(name, MultiGzDecoder::new(bytes))
    } else {
        read_from(name, bytes)
    }
}

/// Writes an IDX file, uncompressed; it appears complete or not at all.
///
/// # Errors
/// [`Error::Io`] if the disk refuses, [`Error::Format`] if a dimension does not fit into 32 bits.
pub fn write(path: &Path, idx: &Idx) -> Result<()> {
    let mut header = vec![0, 0, UNSIGNED_BYTE, idx.shape.len() as u8];
    for &size in &idx.shape {
        let size = u32::try_from(size)
            .map_err(|_| Error::format(path, "dimensions below 2^32", size.to_string()))?;
        header.extend_from_slice(&size.to_be_bytes());
    }
    let mut file = AtomicFile::create(path)?;
    file.write(&header)?;
    file.write(&idx.bytes)?;
    file.commit()
}

fn read_dims(path: &Path, n_dims: usize, expected: &str) -> Result<Idx> {
    let idx = read(path)?;
    if idx.shape.len() == n_dims {
        Ok(idx)
    } else {
        Err(Error::format(path, expected, format!("shape {:?}", idx.shape)))
    }
}

fn read_from(path: &Path, mut reader: impl Read) -> Result<Idx> {
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(Error::io(path))?;
    let [0, 0, kind, n_dims] = magic else {
        return Err(Error::format(
            path,
            "an IDX file, which begins with two zero bytes",
            format!("{magic:?}"),
        ));
    };
    if kind != UNSIGNED_BYTE || n_dims == 0 || usize::from(n_dims) > MAX_DIMS {
        let found = format!("type code {kind:#x} with {n_dims} dimensions");
        return Err(Error::format(path, "unsigned bytes (code 0x8) of 1 to 8 dimensions", found));
    }
    let mut shape = Vec::new();
    for _ in 0..n_dims {
        let mut size = [0; 4];
        reader.read_exact(&mut size).map_err(Error::io(path))?;
        shape.push(u32::from_be_bytes(size) as usize);
    }
    let len = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let Some(len) = len.filter(|&len| len <= MAX_BYTES) else {
        return Err(Error::format(
            path,
            format!("a shape of at most {MAX_BYTES} bytes"),
            format!("{shape:?}"),
        ));
    };
    // Memory grows with what is really there, not with what the header says; one byte more shows a longer file.
    let mut bytes = Vec::new();
    reader.take(len as u64 + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() != len {
        let found = if bytes.len() > len { "more".to_owned() } else { format!("{} bytes", bytes.len()) };
        return Err(Error::format(path, format!("{len} bytes after the header"), found));
    }
    Ok(Idx { shape, bytes })
}
