//! The finished nets of a shard: a journal with each net once, in order, checked again when it is read.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    marker::PhantomData,
    ops::Range,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    FRAME, Journal, Record, Subject, beside, difference, header_bytes, parse, read_header, record_bytes,
};
use crate::{AtomicFile, Error, Made, Result, Shard};

/// Makes what a shard is missing in a journal beside its file, which appears when nothing is missing any more.
///
/// # Errors
/// Those of [`Journal::open`] and `make`; [`Error::Format`] if there is a file already and it is of another request.
pub(crate) fn make_shard<R: Record>(
    subject: &Subject,
    shard: Shard,
    folder: &Path,
    make: impl FnOnce(&mut Journal<R>) -> Result<()>,
) -> Result<Made> {
    let began = Instant::now();
    let path = shard.file(folder);
    let part = subject.part(shard.items(subject.items.len()));
    let n_made_now = if path.exists() {
        ShardFile::<R>::open(&path, &part)?;
        0
    } else {
        let mut journal = Journal::open(&beside(&path), &part)?;
        let n_missing = journal.missing().len();
        make(&mut journal)?;
        ShardFile::write(journal, &part, &path)?;
        n_missing
    };
    Ok(Made { n_nets: part.items.len(), n_made_now, seconds: began.elapsed().as_secs_f64() })
}

/// An open file of a finished shard, read from front to back.
#[derive(Debug)]
pub(crate) struct ShardFile<R> {
    file: BufReader<File>,
    path: PathBuf,
    /// Numbers of the nets in it.
    items: Range<usize>,
    /// Number of the net whose record comes next.
    next: usize,
    /// Where the first record begins, in bytes.
    start: u64,
    record_len: usize,
    kept: PhantomData<R>,
}

impl<R: Record> ShardFile<R> {
    /// Writes the nets of a journal in which none is missing, and deletes the journal.
    ///
    /// # Errors
    /// [`Error::Io`] from the disk; then the journal stays.
    pub(crate) fn write(mut journal: Journal<R>, subject: &Subject, path: &Path) -> Result<()> {
        let mut file = AtomicFile::create(path)?;
        file.write(&header_bytes(&subject.mark, &subject.header))?;
        for i in subject.items.clone() {
            let net = journal.read(i)?.expect("no net of a finished journal is missing");
            file.write(&record_bytes(i, &net))?;
        }
        file.commit()?;
        journal.discard()
    }

    /// Opens the file of a shard.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Format`] if it is of another request or another cut, or does not have
    /// the length of its nets.
    pub(crate) fn open(path: &Path, subject: &Subject) -> Result<Self> {
        let expected = format!("the finished nets {:?} of this very request", subject.items);
        let mut file = BufReader::new(File::open(path).map_err(Error::io(path))?);
        match read_header(&mut file, path, &subject.mark)? {
            Some(found) if found == subject.header => {}
            Some(found) => return Err(Error::format(path, expected, difference(&subject.header, &found))),
            None => return Err(Error::format(path, expected, "a file that ends in its beginning")),
        }
        let start = header_bytes(&subject.mark, &subject.header).len() as u64;
        let record_len = subject.n_bytes + FRAME;
        let found = file.get_ref().metadata().map_err(Error::io(path))?.len();
        let n_bytes = start + (subject.items.len() * record_len) as u64;
        if found != n_bytes {
            return Err(Error::format(
                path,
                format!("{expected}, {n_bytes} bytes"),
                format!("{found} bytes"),
            ));
        }
        let (path, items) = (path.to_owned(), subject.items.clone());
        file.seek(SeekFrom::Start(start)).map_err(Error::io(&path))?;
        Ok(Self { file, path, next: items.start, items, start, record_len, kept: PhantomData })
    }

    /// Whether a net belongs into the file.
    pub(crate) fn holds(&self, i: usize) -> bool {
        self.items.contains(&i)
    }

    /// Net `i`, one of the file.
    ///
    /// # Errors
    /// [`Error::Format`] if another net stands in its place, or one that fails its checksum.
    pub(crate) fn read(&mut self, i: usize) -> Result<R> {
        let place = self.start + ((i - self.items.start) * self.record_len) as u64;
        if i != self.next {
            self.file.seek(SeekFrom::Start(place)).map_err(Error::io(&self.path))?;
        }
        let mut record = vec![0; self.record_len];
        self.file.read_exact(&mut record).map_err(Error::io(&self.path))?;
        self.next = i + 1;
        let found = match parse::<R>(&record) {
            Some((number, net)) if number == i => return Ok(net),
            Some((number, _)) => format!("net {number}"),
            None => "bytes that fail their checksum".to_owned(),
        };
        Err(Error::format(&self.path, format!("net {i} at byte {place}"), found))
    }
}
