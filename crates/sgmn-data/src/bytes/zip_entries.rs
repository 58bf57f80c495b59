//! Entries of a zip archive that came from outside: unpacked to memory only, each when it is asked for, with a bound on
//! their sizes.

use std::{
    borrow::Cow,
    io::{Cursor, Read},
    ops::Range,
    path::{Path, PathBuf},
};

use flate2::{Crc, bufread::DeflateDecoder};
use zip::{
    CompressionMethod, ZipArchive,
    read::{ArchiveOffset, Config},
};

use super::Shared;
use crate::{Error, Result};

/// Bytes that a small archive may unpack to...
const MIN_UNPACKED: u64 = 64 << 20;
/// ...and, for a large one, times its own size. Trained weights hardly compress; zeros do.
const MAX_RATIO: u64 = 256;

/// How often an entry that is not compressed may be asked for, on average.
const MAX_READS: u64 = 16;

/// An open archive.
pub(crate) struct Entries {
    zip: ZipArchive<Cursor<Shared>>,
    bytes: Shared,
    path: PathBuf,
    /// Bytes that compressed entries may still unpack to.
    budget: u64,
    /// Bytes that entries as they are may still have: they lie beside each other, and each is asked for a few times.
    stored: u64,
}

/// An entry that is found, and unpacked when it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    name: String,
    /// Its bytes in the archive.
    range: Range<u64>,
    /// Bytes when it is unpacked.
    size: u64,
    /// Bytes at the beginning that are left out of what is given out.
    skipped: u64,
    is_deflated: bool,
    checksum: u32,
}

/// Where an entry that is not compressed stands in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryPlace {
    /// Byte at which its local header begins.
    pub(crate) header: u64,
    /// First byte of its content.
    pub(crate) start: u64,
    /// Bytes of its content.
    pub(crate) size: u64,
    /// Byte at which its header in the directory begins.
    pub(crate) central: u64,
}

impl Entries {
    /// Opens a file; `what` it should be is for messages.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Format`] if it is no zip archive or names an entry twice.
    pub(crate) fn open(path: &Path, what: &str) -> Result<Self> {
        Self::new(Shared::open(path)?, path, what)
    }

    /// Opens an archive that stands inside of another; `path` is for messages.
    ///
    /// # Errors
    /// As [`Entries::open`].
    pub(crate) fn inside(bytes: Vec<u8>, path: &Path, what: &str) -> Result<Self> {
        Self::new(Shared::from_memory(bytes), path, what)
    }

    /// Opens an archive of which the bytes are at hand; `path` is for messages.
    ///
    /// # Errors
    /// As [`Entries::open`].
    pub(crate) fn new(bytes: Shared, path: &Path, what: &str) -> Result<Self> {
        // Archives begin at the first byte. Where the zip crate looks for another beginning, it misses the directory of
        // some archives of PyTorch: of those that hold an archive, and of those whose name has a certain length.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = ZipArchive::with_config(config, Cursor::new(bytes.clone()))
            .map_err(|why| Error::format(path, what, why.to_string()))?;
        if zip.has_duplicate_names() {
            return Err(Error::format(path, "entries of different names", "one name twice"));
        }
        let len = bytes.as_ref().len() as u64;
        let budget = len.saturating_mul(MAX_RATIO).max(MIN_UNPACKED);
        Ok(Self { zip, bytes, path: path.to_owned(), budget, stored: len.saturating_mul(MAX_READS) })
    }

    /// The archive's own bytes.
    pub(crate) fn bytes(&self) -> &Shared {
        &self.bytes
    }

    /// Names of all entries that are texts.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.zip.file_names().filter_map(|name| Some(name.ok()?.into_owned()))
    }

    /// Whether there is an entry.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// The one folder that holds an entry of this name, with its slash; empty if it stands outside of all folders.
    /// `None` if there is none; the second value tells that there are several.
    pub(crate) fn folder_of(&self, entry: &str) -> (Option<String>, bool) {
        let mut folders = self.names().filter_map(|name| {
            let folder = name.strip_suffix(entry)?;
            (folder.is_empty() || folder.ends_with('/')).then(|| folder.to_owned())
        });
        let (first, second) = (folders.next(), folders.next());
        let plain = |folder: &String| {
            let bare = folder.strip_suffix('/').unwrap_or(folder);
            !matches!(bare, "." | "..") && !bare.contains(['/', '\\', '\0'])
        };
        (first.filter(plain), second.is_some())
    }

    /// Finds an entry of at most `max` bytes, without unpacking it. Its bytes are counted: all entries that are found
    /// unpack to no more than the archive's size explains.
    ///
    /// # Errors
    /// [`Error::Format`] if it is missing, too large, or packed in an unknown way.
    pub(crate) fn find(&mut self, name: &str, max: u64) -> Result<Entry> {
        let fault = |expected: String, found: String| Err(Error::format(&self.path, expected, found));
        let file = match self.zip.index_for_name(name) {
            Some(index) => self.zip.by_index_raw(index),
            None => return fault(format!("an entry {name}"), "none of that name".to_owned()),
        };
        let (file, start) = match file.map(|file| (file.data_start(), file)) {
            Ok((Some(start), file)) => (file, start),
            Ok((None, _)) => return fault(format!("a readable entry {name}"), "none".to_owned()),
            Err(why) => return fault(format!("a readable entry {name}"), why.to_string()),
        };
        let is_deflated = match file.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            other => return fault(format!("the entry {name} as it is, or deflated"), other.to_string()),
        };
        let (size, packed) = (file.size(), file.compressed_size());
        let account = if is_deflated { &mut self.budget } else { &mut self.stored };
        let max = max.min(*account);
        if size > max {
            return fault(format!("at most {max} bytes in {name}"), size.to_string());
        }
        let end = start.checked_add(packed).filter(|end| *end <= self.bytes.as_ref().len() as u64);
        let Some(end) = end.filter(|_| !file.encrypted() && (is_deflated || packed == size)) else {
            return fault(
                format!("{packed} bytes of {name} in the archive, not encrypted"),
                "others".to_owned(),
            );
        };
        *account -= size;
        Ok(Entry {
            name: name.to_owned(),
            range: start..end,
            size,
            skipped: 0,
            is_deflated,
            checksum: file.crc32(),
        })
    }

    /// Unpacks an entry of at most `max` bytes, whose checksum is verified.
    ///
    /// # Errors
    /// As [`Entries::find`] and [`Entry::unpack`].
    pub(crate) fn read(&mut self, name: &str, max: u64) -> Result<Vec<u8>> {
        Ok(self.lend(name, max)?.into_owned())
    }

    /// As [`Entries::read`], in the archive itself if the entry is not compressed.
    ///
    /// # Errors
    /// As [`Entries::read`].
    pub(crate) fn lend(&mut self, name: &str, max: u64) -> Result<Cow<'_, [u8]>> {
        let entry = self.find(name, max)?;
        Ok(match entry.unpack(&self.bytes, &self.path)? {
            Some(bytes) => Cow::Owned(bytes),
            None => Cow::Borrowed(entry.packed(&self.bytes)),
        })
    }

    /// Where an entry stands.
    ///
    /// # Errors
    /// [`Error::Format`] if it is missing, or compressed, so that other numbers would move all that follows.
    pub(crate) fn place(&mut self, name: &str) -> Result<EntryPlace> {
        let file = self
            .zip
            .by_name(name)
            .map_err(|why| Error::format(&self.path, format!("an entry {name}"), why.to_string()))?;
        match (file.compression(), file.data_start()) {
            (CompressionMethod::Stored, Some(start)) => Ok(EntryPlace {
                header: file.header_start(),
                start,
                size: file.size(),
                central: file.central_header_start(),
            }),
            _ => Err(Error::format(
                &self.path,
                format!("the entry {name} uncompressed, to write numbers into it"),
                "compressed; save the file again in PyTorch",
            )),
        }
    }
}

impl Entry {
    /// Its name in the archive.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes when it is unpacked, without those that are left out.
    pub(crate) fn size(&self) -> u64 {
        self.size - self.skipped
    }

    /// The entry without its first bytes.
    pub(crate) fn without(self, n: u64) -> Self {
        Self { skipped: n.min(self.size), ..self }
    }

    /// The first bytes, at most `n`, of which the checksum is not verified; fewer if the entry is damaged.
    pub(crate) fn beginning(&self, archive: &Shared, n: usize) -> Vec<u8> {
        let packed = self.raw(archive);
        let mut bytes = vec![0; n.min(usize::try_from(self.size).unwrap_or(n))];
        let mut done = 0;
        if self.is_deflated {
            let mut decoder = DeflateDecoder::new(packed);
            while done < bytes.len() {
                match decoder.read(&mut bytes[done..]) {
                    Ok(0) | Err(_) => break,
                    Ok(len) => done += len,
                }
            }
        } else {
            done = bytes.len().min(packed.len());
            bytes[..done].copy_from_slice(&packed[..done]);
        }
        bytes.truncate(done);
        bytes
    }

    /// Its bytes in the archive; they are its content if [`Entry::unpack`] says so.
    pub(crate) fn packed<'a>(&self, archive: &'a Shared) -> &'a [u8] {
        let skipped = usize::try_from(self.skipped).unwrap_or(usize::MAX);
        self.raw(archive).get(skipped..).unwrap_or_default()
    }

    fn raw<'a>(&self, archive: &'a Shared) -> &'a [u8] {
        archive.get(self.range.clone()).unwrap_or_default()
    }

    /// Verifies the checksum, and unpacks what is compressed; `None` if the bytes in the archive are the content.
    ///
    /// # Errors
    /// [`Error::Format`] if the entry is damaged. `path` is for messages.
    pub(crate) fn unpack(&self, archive: &Shared, path: &Path) -> Result<Option<Vec<u8>>> {
        let Self { name, size, .. } = self;
        let fault = |expected: String, found: String| Err(Error::format(path, expected, found));
        let packed = self.raw(archive);
        let mut unpacked = None;
        if self.is_deflated {
            let mut bytes = Vec::new();
            match DeflateDecoder::new(packed).take(size.saturating_add(1)).read_to_end(&mut bytes) {
                Err(why) => return fault(format!("a readable entry {name}"), why.to_string()),
                Ok(len) if len as u64 != *size => {
                    return fault(format!("{size} bytes in {name}"), len.to_string());
                }
                Ok(_) => unpacked = Some(bytes),
            }
        }
        let mut crc = Crc::new();
        crc.update(unpacked.as_deref().unwrap_or(packed));
        // PyTorch writes 0 where it is told to compute no checksums.
        if self.checksum != 0 && crc.sum() != self.checksum {
            let (expected, found) = (self.checksum, crc.sum());
            return fault(format!("the checksum {expected:08x} of {name}"), format!("{found:08x}"));
        }
        if let (Some(bytes), true) = (&mut unpacked, self.skipped > 0) {
            bytes.drain(..bytes.len().min(usize::try_from(self.skipped).unwrap_or(usize::MAX)));
        }
        Ok(unpacked)
    }
}
