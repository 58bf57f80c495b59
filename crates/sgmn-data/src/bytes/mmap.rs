//! A read-only view of a file's bytes that the operating system loads page by page: the only unsafe code here.
#![allow(unsafe_code)]

use std::{fs::File, ops::Range, path::Path};

use memmap2::Mmap;

use crate::{Error, Result};

/// A file as a slice of bytes; pages are read when they are touched and can be dropped again by the system.
#[derive(Debug)]
pub(crate) struct MappedFile {
    map: Mmap,
}

impl MappedFile {
    /// Maps a file.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened or mapped.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        // SAFETY: the map is read-only and private to this struct, which only ever hands out shared slices. What the
        // compiler cannot rule out is another process that changes the file while it is mapped; our own writers
        // never do (they write a new file and rename it), and the published data sets are written once.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path))?;
        Ok(Self { map })
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Lets the system take back the memory of all pages that were touched; they are read again when they are needed.
    /// What was copied out of them is then held once, not twice.
    pub(crate) fn forget_pages(&self) {
        // SAFETY: the map is read-only and backed by its file, so a page that is dropped comes back with the same bytes.
        // Where the system does not take the advice, nothing changes.
        #[cfg(unix)]
        let _ = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }

    /// Bytes `range` as f32 values in the machine's byte order, or `None` if the range is not inside the file,
    /// not a whole number of values, or not aligned to 4 bytes.
    pub(crate) fn floats(&self, range: Range<usize>) -> Option<&[f32]> {
        let bytes = self.map.get(range)?;
        // SAFETY: every bit pattern is a valid f32, and `align_to` itself takes care of alignment and length.
        let (before, floats, after) = unsafe { bytes.align_to::<f32>() };
        (before.is_empty() && after.is_empty()).then_some(floats)
    }
}
