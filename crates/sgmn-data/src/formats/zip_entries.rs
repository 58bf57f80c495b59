//! Entries of a zip archive that came from outside: unpacked to memory only, with a bound on their sizes.

use std::{
    fs::File,
    io::{BufReader, Cursor, Read, Seek},
    path::{Path, PathBuf},
};

use zip::{
    CompressionMethod, ZipArchive,
    read::{ArchiveOffset, Config},
};

use crate::{Error, Result};

/// Bytes that a small archive may unpack to...
const MIN_UNPACKED: u64 = 64 << 20;
/// ...and, for a large one, times its own size. Trained weights hardly compress; zeros do.
const MAX_RATIO: u64 = 256;

/// What an archive is read from.
trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// An open archive.
pub(crate) struct Entries {
    zip: ZipArchive<Box<dyn Source>>,
    path: PathBuf,
    /// Bytes that may still be unpacked.
    budget: u64,
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
        let file = File::open(path).map_err(Error::io(path))?;
        let len = file.metadata().map_err(Error::io(path))?.len();
        Self::new(Box::new(BufReader::new(file)), len, path, what)
    }

    /// Opens an archive that stands inside of another; `path` is for messages.
    ///
    /// # Errors
    /// As [`Entries::open`].
    pub(crate) fn inside(bytes: Vec<u8>, path: &Path, what: &str) -> Result<Self> {
        let len = bytes.len() as u64;
        Self::new(Box::new(Cursor::new(bytes)), len, path, what)
    }

    fn new(source: Box<dyn Source>, len: u64, path: &Path, what: &str) -> Result<Self> {
        // Archives begin at the first byte. Where the zip crate looks for another beginning, it misses the directory of
        // some archives of PyTorch that hold an archive.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = ZipArchive::with_config(config, source)
            .map_err(|why| Error::format(path, what, why.to_string()))?;
        if zip.has_duplicate_names() {
            return Err(Error::format(path, "entries of different names", "one name twice"));
        }
        let budget = len.saturating_mul(MAX_RATIO).max(MIN_UNPACKED);
        Ok(Self { zip, path: path.to_owned(), budget })
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

    /// Unpacks an entry of at most `max` bytes; its checksum is verified by reading to its end.
    ///
    /// # Errors
    /// [`Error::Format`] if it is missing, damaged or too large.
    pub(crate) fn read(&mut self, name: &str, max: u64) -> Result<Vec<u8>> {
        let max = max.min(self.budget);
        let fault = |expected: String, found: String| Err(Error::format(&self.path, expected, found));
        let file = match self.zip.by_name(name) {
            Ok(file) => file,
            Err(why) => return fault(format!("an entry {name}"), why.to_string()),
        };
        let size = file.size();
        if size > max {
            return fault(format!("at most {max} bytes in {name}"), size.to_string());
        }
        let mut bytes = Vec::new();
        match file.take(max + 1).read_to_end(&mut bytes) {
            Err(why) => return fault(format!("a readable entry {name}"), why.to_string()),
            Ok(len) if len as u64 != size => {
                return fault(format!("{size} bytes in {name}"), len.to_string());
            }
            Ok(_) => {}
        }
        self.budget -= size;
        Ok(bytes)
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
