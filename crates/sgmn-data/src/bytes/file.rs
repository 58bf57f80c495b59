//! The bytes of one file or of a part of it: small ones are read, large ones are mapped and read where they are touched.

use std::{fs::File, io::Read, ops::Range, path::Path, sync::Arc};

use super::mmap::MappedFile;
use crate::{Error, Result};

/// Files up to this size are read at once: that is faster than a map, and no later change of the file is seen.
const SMALL: u64 = 1 << 20;

/// All bytes of something.
#[derive(Debug)]
pub(crate) enum FileBytes {
    /// In memory.
    Read(Vec<u8>),
    /// In the file.
    Mapped(MappedFile),
}

impl FileBytes {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] if it is a folder or a device, which has no end.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let metadata = file.metadata().map_err(Error::io(path))?;
        if !metadata.is_file() {
            let found = if metadata.is_dir() { "a folder" } else { "a device or a pipe" };
            return Err(Error::format(path, "a file", found));
        }
        if metadata.len() > SMALL {
            return Ok(Self::Mapped(MappedFile::open(path)?));
        }
        let mut bytes = Vec::new();
        file.take(SMALL).read_to_end(&mut bytes).map_err(Error::io(path))?;
        Ok(Self::Read(bytes))
    }
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Mapped(map) => map.bytes(),
        }
    }
}

/// Bytes that several readers hold.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<FileBytes>);

impl Shared {
    /// Opens a file, as [`FileBytes::open`].
    ///
    /// # Errors
    /// As there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self(Arc::new(FileBytes::open(path)?)))
    }

    /// Takes bytes that are in memory.
    pub(crate) fn from_memory(bytes: Vec<u8>) -> Self {
        Self(Arc::new(FileBytes::Read(bytes)))
    }

    /// A part; `None` if it does not lie inside.
    pub(crate) fn get(&self, range: Range<u64>) -> Option<&[u8]> {
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        self.as_ref().get(range)
    }
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().as_ref()
    }
}
