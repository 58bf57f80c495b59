//! All nets of a request, each read when it is asked for: from one journal, or from the files of shards.

use std::path::{Path, PathBuf};

use super::{Journal, Record, Subject, shard_file::ShardFile};
use crate::{Result, Shard};

/// The finished nets of a request.
///
/// One file is open at a time, so that memory and open files do not grow with nets or shards.
#[derive(Debug)]
pub(crate) enum Finished<R> {
    /// In one journal, which goes when the nets have become a dataset.
    Journal(Journal<R>),
    /// In the files of shards, which stay.
    Shards(Shards<R>),
}

/// The files of all shards, and the one that was read last.
#[derive(Debug)]
pub(crate) struct Shards<R> {
    folder: PathBuf,
    count: usize,
    subject: Subject,
    open: Option<ShardFile<R>>,
}

impl<R: Record> Finished<R> {
    /// The nets in the files of all shards; each is checked when it is opened and read.
    pub(crate) fn in_shards(folder: &Path, count: usize, subject: Subject) -> Self {
        Self::Shards(Shards { folder: folder.to_owned(), count, subject, open: None })
    }

    /// Net `i`.
    ///
    /// # Errors
    /// As [`Journal::read`], [`ShardFile::open`] and [`ShardFile::read`].
    pub(crate) fn read(&mut self, i: usize) -> Result<R> {
        match self {
            Self::Journal(journal) => Ok(journal.read(i)?.expect("no net of a finished journal is missing")),
            Self::Shards(shards) => shards.read(i),
        }
    }

    /// Deletes the journal, if the nets are in one.
    ///
    /// # Errors
    /// [`crate::Error::Io`] from the disk.
    pub(crate) fn discard(self) -> Result<()> {
        match self {
            Self::Journal(journal) => journal.discard(),
            Self::Shards(_) => Ok(()),
        }
    }
}

impl<R: Record> Shards<R> {
    fn read(&mut self, i: usize) -> Result<R> {
        let file = match self.open.take_if(|file| file.holds(i)) {
            Some(file) => file,
            None => {
                let n_items = self.subject.items.len();
                let shard = Shard::of_item(i, n_items, self.count);
                let part = self.subject.part(shard.items(n_items));
                ShardFile::open(&shard.file(&self.folder), &part)?
            }
        };
        self.open.insert(file).read(i)
    }
}
