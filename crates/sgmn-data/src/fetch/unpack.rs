//! Unpacks archives that come from outside, trusting nothing in them.
//!
//! Only plain files and folders below the target are written; a link, an absolute path, a `..`, a name that comes
//! twice or far more bytes than the archive's size can explain is an error. The archive is unpacked into a temporary
//! folder beside its place, and the one folder it should create is renamed when all of it is there.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{BufReader, BufWriter, Read},
    path::{Component, Path, PathBuf},
};

use zip::read::{ArchiveOffset, Config};

use crate::{Error, Result, manifest::Unpack};

/// How many times its own size an archive may unpack to. Weights hardly compress; tables may reach 20.
const MAX_RATIO: u64 = 64;
/// Small archives may exceed the ratio, as they do in tests and for tables of zeros.
const FREE_BYTES: u64 = 16 << 20;
/// The largest published archive, CIFAR-10-INR with 20 augmented copies, has some 1.3 million files.
const MAX_ENTRIES: u64 = 8_000_000;
/// Bytes of a tar archive between the contents of two files: headers, padding, long names and attributes, which the
/// reader of the format holds in memory. A path has 4 KiB at most.
const MAX_TAR_HEADERS: u64 = 1 << 20;
/// Memory that a decoder may take, in KiB: `xz -9` needs 64 MiB.
const MAX_DECODER_KIB: u32 = 256 << 10;

/// Unpacks `archive` so that `folder/creates` exists; `on_entry` hears how many entries are written.
///
/// # Errors
/// [`Error::Format`] names the entry that is not allowed or says that the archive is damaged or does not hold
/// `creates`; nothing is left behind then.
pub(super) fn unpack(
    kind: Unpack,
    archive: &Path,
    folder: &Path,
    creates: &str,
    on_entry: &mut dyn FnMut(u64),
) -> Result<()> {
    let file = File::open(archive).map_err(Error::io(archive))?;
    let size = file.metadata().map_err(Error::io(archive))?.len();
    // The folder goes away with this value, whatever happens below.
    let staging =
        tempfile::Builder::new().prefix(".unpack-").tempdir_in(folder).map_err(Error::io(folder))?;
    let mut writer = Writer {
        archive,
        folder: staging.path(),
        left: size.saturating_mul(MAX_RATIO).saturating_add(FREE_BYTES),
        n_entries: 0,
        on_entry,
    };
    let reader = BufReader::with_capacity(1 << 20, file);
    match kind {
        Unpack::Zip => writer.zip(reader)?,
        Unpack::Tar => writer.tar(reader)?,
        Unpack::TarGz => writer.tar(flate2::bufread::MultiGzDecoder::new(reader))?,
        Unpack::TarXz => writer.tar(lzma_rust2::XzReader::new_mem_limit(reader, true, MAX_DECODER_KIB))?,
    }
    let inner = staging.path().join(creates);
    if !inner.exists() {
        let expected = format!("an archive of the folder {creates}");
        return Err(Error::format(archive, expected, describe(staging.path())));
    }
    let target = folder.join(creates);
    fs::rename(&inner, &target).map_err(Error::io(target))
}

/// Writes entries below one folder and keeps the accounts.
struct Writer<'a> {
    archive: &'a Path,
    folder: &'a Path,
    left: u64,
    n_entries: u64,
    on_entry: &'a mut dyn FnMut(u64),
}

impl Writer<'_> {
    fn zip(&mut self, reader: BufReader<File>) -> Result<()> {
        let damaged = |e: zip::result::ZipError| Error::format(self.archive, "a zip archive", e.to_string());
        // The zip crate's search for the beginning of an archive goes wrong for some that hold archives; see `bytes`.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let mut zip = zip::ZipArchive::with_config(config, reader).map_err(damaged)?;
        for i in 0..zip.len() {
            let mut entry = zip
                .by_index(i)
                .map_err(|e| Error::format(self.archive, "a zip archive", format!("entry {i}: {e}")))?;
            let name = entry
                .name()
                .map_err(|e| Error::format(self.archive, "a name of text", format!("entry {i}: {e}")))?
                .into_owned();
            if entry.is_symlink() {
                return Err(self.forbidden(&name, "a link"));
            }
            let (is_folder, size) = (entry.is_dir(), entry.size());
            self.write(&name, Path::new(&name), is_folder, size, &mut entry)?;
        }
        Ok(())
    }

    fn tar(&mut self, reader: impl Read) -> Result<()> {
        let archive = self.archive;
        let damaged = |e: std::io::Error| Error::format(archive, "a tar archive", e.to_string());
        let left = Cell::new(MAX_TAR_HEADERS);
        let mut tar = tar::Archive::new(Metered { reader, left: &left });
        for entry in tar.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let path = entry.path().map_err(damaged)?.into_owned();
            let name = path.display().to_string();
            let kind = entry.header().entry_type();
            if kind.is_pax_global_extensions() {
                continue;
            }
            if !kind.is_file() && !kind.is_dir() {
                return Err(self.forbidden(&name, "neither a file nor a folder"));
            }
            let size = entry.size();
            // The content goes to the disk and has its own account; a folder's content is skipped with the headers.
            left.set(u64::MAX);
            self.write(&name, &path, kind.is_dir(), size, &mut entry)?;
            left.set(MAX_TAR_HEADERS);
        }
        left.set(u64::MAX);
        if self.n_entries == 0 {
            return Err(Error::format(archive, "a tar archive with files", "none"));
        }
        // What follows the last entry is padding and the checksum of the compression: it has to be read to be checked.
        let mut rest = tar.into_inner().take(self.left);
        std::io::copy(&mut rest, &mut std::io::sink()).map(drop).map_err(damaged)
    }

    /// Writes one file or folder of `size` bytes.
    fn write(
        &mut self,
        name: &str,
        path: &Path,
        is_folder: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<()> {
        self.n_entries += 1;
        if self.n_entries > MAX_ENTRIES {
            return Err(self.forbidden(name, &format!("one of more than {MAX_ENTRIES} entries")));
        }
        let mut target = self.folder.to_path_buf();
        for component in path.components() {
            match component {
                Component::Normal(part) => target.push(part),
                Component::CurDir => {}
                _ => return Err(self.forbidden(name, "a path that leaves the archive's folder")),
            }
        }
        if is_folder {
            fs::create_dir_all(&target).map_err(Error::io(target))?;
        } else {
            self.write_file(name, target, size, content)?;
        }
        (self.on_entry)(self.n_entries);
        Ok(())
    }

    fn write_file(&mut self, name: &str, target: PathBuf, size: u64, content: &mut dyn Read) -> Result<()> {
        if size > self.left {
            return Err(self.forbidden(name, "larger than an archive of this size explains"));
        }
        if target.symlink_metadata().is_ok() {
            return Err(self.forbidden(name, "there twice"));
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        let file = File::create_new(&target).map_err(Error::io(&target))?;
        let mut file = BufWriter::new(file);
        // One byte more than announced is asked for, to notice an entry that lies about its size.
        let mut content = content.take(size.saturating_add(1));
        let copied = std::io::copy(&mut content, &mut file).map_err(|e| match e.kind() {
            std::io::ErrorKind::StorageFull => Error::io(&target)(e),
            _ => Error::format(self.archive, format!("{size} bytes of {name}"), e.to_string()),
        })?;
        if copied != size {
            let found = format!("{copied}{} bytes", if copied > size { " or more" } else { "" });
            return Err(Error::format(self.archive, format!("{size} bytes of {name}"), found));
        }
        self.left -= size;
        file.into_inner().map_err(|e| Error::io(&target)(e.into_error()))?;
        Ok(())
    }

    fn forbidden(&self, name: &str, found: &str) -> Error {
        let expected = "plain files and folders that stay inside the archive's folder";
        Error::format(self.archive, expected, format!("\"{}\", {found}", name.escape_debug()))
    }
}

/// Fails where more than `left` bytes are asked for.
struct Metered<'a, R> {
    reader: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            let message = format!("more than {MAX_TAR_HEADERS} bytes of names and attributes in one place");
            return Err(std::io::Error::other(message));
        }
        let n = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = self.reader.read(&mut buffer[..n])?;
        self.left.set(left - n as u64);
        Ok(n)
    }
}

/// The first names in a folder, for a message.
fn describe(folder: &Path) -> String {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.truncate(5);
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
