//! A file that appears under its name only when it is complete.

use std::{
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// A file being written beside its final place; dropped without [`AtomicFile::commit`], it leaves nothing behind.
///
/// Its errors name it, but for those of [`std::io::Write`], which writers of formats ask for.
#[derive(Debug)]
pub struct AtomicFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl AtomicFile {
    /// Starts a file that will stand at `path`; the folder must exist.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder does not take a new file.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".writing-").suffix(".tmp");
        // Temporary files are private by default; this one becomes an ordinary file, subject to the umask.
        #[cfg(unix)]
        let permissions: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        #[cfg(unix)]
        builder.permissions(permissions);
        let file = builder.tempfile_in(folder).map_err(Error::io(path))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 20, file), path: path.to_owned() })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or gone.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))
    }

    /// Replaces the first bytes of the file, for headers that are known only at the end.
    ///
    /// # Errors
    /// [`Error::Io`] as in [`AtomicFile::write`].
    pub fn write_start(&mut self, bytes: &[u8]) -> Result<()> {
        let mut replace = || -> io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(bytes)?;
            self.file.seek(SeekFrom::End(0))?;
            Ok(())
        };
        replace().map_err(Error::io(&self.path))
    }

    /// Flushes to the disk and gives the file its name, replacing what stood there.
    ///
    /// # Errors
    /// [`Error::Io`] if flushing or renaming fails; then the old file, if any, is untouched.
    pub fn commit(self) -> Result<()> {
        let Self { file, path } = self;
        let file = file.into_inner().map_err(|failed| Error::io(&path)(failed.into_error()))?;
        file.as_file().sync_all().map_err(Error::io(&path))?;
        file.persist(&path).map_err(|failed| Error::io(&path)(failed.error))?;
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
