//! The journal of a population being made: every finished net is safe, whatever happens next.
//!
//! A population is made in one journal, or in several, one a [`Shard`](crate::Shard); [`Finished`] reads either.
//!
//! Layout: a mark of eight bytes; the length of the header (u32), the header (JSON) and its checksum (u32); then
//! one record of fixed length a net: number (u32), what is kept of the net, checksum (u32). Numbers are little-endian,
//! checksums are CRC-32. A record that was being written when the process died does not pass its checksum, and its net
//! is made again.
//!
//! The file of a finished shard has the same layout, each of its nets once and in order: its bytes depend on nothing else.

mod finished;
mod shard_file;
#[cfg(test)]
mod tests;

use std::{
    fs::OpenOptions,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    marker::PhantomData,
    ops::Range,
    path::{Path, PathBuf},
};

use flate2::Crc;
use rand::Rng;
use serde::Serialize;
use serde_json::{Map, Value};
use sgmn_graph::Seed;

pub(crate) use self::{finished::Finished, shard_file::make_shard};
use crate::{Error, Result, lock::FileLock};

/// What is kept of a net, in a fixed number of bytes.
pub(crate) trait Record: Sized {
    /// Appends the bytes.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Takes back what [`Record::write`] wrote; `None` if these are other bytes.
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// An open journal; no other process can hold it.
#[derive(Debug)]
pub(crate) struct Journal<R> {
    file: FileLock,
    path: PathBuf,
    /// Bytes of a record, number and checksum included.
    record_len: usize,
    /// Where the next record begins, in bytes.
    end: u64,
    /// Numbers of the nets that belong into it.
    items: Range<usize>,
    /// Where the record of each of them begins, in bytes.
    places: Vec<Option<u64>>,
    kept: PhantomData<R>,
}

/// What a journal belongs to; it continues only the very same request.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Eight bytes that name the kind of nets.
    mark: [u8; 8],
    /// Everything that the nets depend on, as JSON.
    header: Vec<u8>,
    /// Numbers of the nets.
    items: Range<usize>,
    /// Bytes that [`Record::write`] appends.
    n_bytes: usize,
}

impl Subject {
    /// All nets of a request; `header` is everything that they depend on, an object when written as JSON.
    pub(crate) fn new(mark: &[u8; 8], header: &impl Serialize, n_nets: usize, n_bytes: usize) -> Self {
        let header = serde_json::to_vec(header).expect("numbers and text can be written as JSON");
        Self { mark: *mark, header, items: 0..n_nets, n_bytes }
    }

    /// Some nets of the same request; another cut of it is another subject.
    pub(crate) fn part(&self, items: Range<usize>) -> Self {
        let mut facts = self.facts();
        facts.insert("items".to_owned(), serde_json::json!([items.start, items.end]));
        let header = serde_json::to_vec(&facts).expect("JSON can be written");
        Self { header, items, ..self.clone() }
    }

    /// Everything that the nets depend on, by name.
    pub(crate) fn facts(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.header).expect("a header is an object")
    }
}

/// A longer header is not ours.
const MAX_HEADER: u32 = 1 << 20;
/// Bytes of a record besides what is kept: number and checksum.
const FRAME: usize = 8;

impl<R: Record> Journal<R> {
    /// Opens the journal of a request, or begins it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read or written; [`Error::Format`] if it is no journal or belongs to another
    /// request; [`Error::InUse`] if somebody else holds it.
    pub(crate) fn open(path: &Path, subject: &Subject) -> Result<Self> {
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(Error::io(path))?;
        let Some(file) = FileLock::take(file).map_err(Error::io(path))? else {
            return Err(Error::InUse { path: path.to_owned() });
        };
        let Subject { mark, header, items, n_bytes } = subject;
        let (record_len, places) = (n_bytes + FRAME, vec![None; items.len()]);
        let (path, items) = (path.to_owned(), items.clone());
        let mut journal = Self { file, path, record_len, end: 0, items, places, kept: PhantomData };
        match read_header(&*journal.file, &journal.path, mark)? {
            Some(found) if found == *header => journal.read_records(mark)?,
            Some(found) => {
                return Err(Error::format(&journal.path, expectation(), difference(header, &found)));
            }
            None => journal.begin(mark, header)?,
        }
        Ok(journal)
    }

    /// Number of the nets that belong into it.
    pub(crate) fn n_nets(&self) -> usize {
        self.places.len()
    }

    /// Numbers of the nets that are still to be made, ascending.
    pub(crate) fn missing(&self) -> Vec<usize> {
        self.items.clone().zip(&self.places).filter(|(_, place)| place.is_none()).map(|(i, _)| i).collect()
    }

    /// Adds net `i`.
    pub(crate) fn append(&mut self, i: usize, net: &R) -> Result<()> {
        let record = record_bytes(i, net);
        assert_eq!(record.len(), self.record_len, "bytes of a record");
        self.seek(self.end)?;
        self.file.write_all(&record).map_err(Error::io(&self.path))?;
        self.places[i - self.items.start] = Some(self.end);
        self.end += record.len() as u64;
        Ok(())
    }

    /// Net `i`, if it is finished.
    pub(crate) fn read(&mut self, i: usize) -> Result<Option<R>> {
        let Some(place) = self.places[i - self.items.start] else { return Ok(None) };
        let mut record = vec![0; self.record_len];
        self.seek(place)?;
        self.file.read_exact(&mut record).map_err(Error::io(&self.path))?;
        match parse::<R>(&record) {
            Some((number, net)) if number == i => Ok(Some(net)),
            _ => Err(Error::format(
                &self.path,
                format!("net {i} as it was written"),
                format!("other bytes at {place}"),
            )),
        }
    }

    /// Empties the file and writes the header.
    fn begin(&mut self, mark: &[u8; 8], json: &[u8]) -> Result<()> {
        let start = header_bytes(mark, json);
        self.file.set_len(0).map_err(Error::io(&self.path))?;
        self.seek(0)?;
        self.file.write_all(&start).map_err(Error::io(&self.path))?;
        self.end = start.len() as u64;
        Ok(())
    }

    /// Finds the whole records behind the header, and cuts off a torn one.
    fn read_records(&mut self, mark: &[u8; 8]) -> Result<()> {
        let io = Error::io(&self.path);
        let scan = || -> std::io::Result<(u64, Vec<(usize, u64)>)> {
            let mut reader = BufReader::with_capacity(1 << 20, &*self.file);
            reader.seek(SeekFrom::Start(mark.len() as u64))?;
            let mut length = [0; 4];
            reader.read_exact(&mut length)?;
            let start = mark.len() as u64 + 8 + u64::from(u32::from_le_bytes(length));
            reader.seek(SeekFrom::Start(start))?;
            let n_records = (self.file.metadata()?.len() - start) / self.record_len as u64;
            let mut record = vec![0; self.record_len];
            let mut found = Vec::new();
            for r in 0..n_records {
                reader.read_exact(&mut record)?;
                if let Some((i, _)) = parse::<R>(&record) {
                    found.push((i, start + r * self.record_len as u64));
                }
            }
            let end = start + n_records * self.record_len as u64;
            self.file.set_len(end)?;
            Ok((end, found))
        };
        let (end, found) = scan().map_err(io)?;
        self.end = end;
        for (i, place) in found {
            if let Some(slot) = i.checked_sub(self.items.start).and_then(|place| self.places.get_mut(place)) {
                *slot = Some(place);
            }
        }
        Ok(())
    }

    /// Deletes the journal: its nets have become a dataset.
    ///
    /// # Errors
    /// [`Error::Io`] from the disk.
    pub(crate) fn discard(self) -> Result<()> {
        // Still held: whoever comes next finds none rather than a finished one.
        let Self { file: _held, path, .. } = self;
        std::fs::remove_file(&path).map_err(Error::io(path))
    }

    fn seek(&mut self, place: u64) -> Result<()> {
        self.file.seek(SeekFrom::Start(place)).map(drop).map_err(Error::io(&self.path))
    }
}

/// Mark, length, JSON and checksum.
fn header_bytes(mark: &[u8; 8], json: &[u8]) -> Vec<u8> {
    let mut start = mark.to_vec();
    start.extend_from_slice(&(json.len() as u32).to_le_bytes());
    start.extend_from_slice(json);
    start.extend_from_slice(&checksum(json).to_le_bytes());
    start
}

/// The JSON in a header; `None` if the file is empty or ends inside its own beginning.
fn read_header(file: impl Read, path: &Path, mark: &[u8; 8]) -> Result<Option<Vec<u8>>> {
    let mut start = Vec::new();
    let mut reader = file.take(u64::from(MAX_HEADER) + 1024);
    reader.read_to_end(&mut start).map_err(Error::io(path))?;
    if !mark.starts_with(&start[..start.len().min(mark.len())]) {
        return Err(Error::format(path, expectation(), "a file that is no such journal"));
    }
    let Some((length, rest)) = start.get(mark.len()..).and_then(<[u8]>::split_first_chunk::<4>) else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(Error::format(path, expectation(), format!("a header of {length} bytes")));
    }
    let Some((json, rest)) = rest.split_at_checked(length as usize) else { return Ok(None) };
    let Some(sum) = rest.first_chunk::<4>() else { return Ok(None) };
    if u32::from_le_bytes(*sum) != checksum(json) {
        return Err(Error::format(path, expectation(), "a damaged header"));
    }
    Ok(Some(json.to_vec()))
}

/// `OUT.partial`, beside `OUT`, also where `OUT` is a folder written with a slash behind it.
pub(crate) fn beside(out: &Path) -> PathBuf {
    let mut name = out.components().as_path().as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Sixteen bytes that tell seeds apart, in hexadecimal.
pub(crate) fn seed_fingerprint(seed: &Seed) -> String {
    let mut bytes = [0; 16];
    seed.child("fingerprint").rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Number, net and checksum.
fn record_bytes<R: Record>(i: usize, net: &R) -> Vec<u8> {
    let mut record = (i as u32).to_le_bytes().to_vec();
    net.write(&mut record);
    record.extend_from_slice(&checksum(&record).to_le_bytes());
    record
}

/// A record's number and net; `None` if its checksum fails.
fn parse<R: Record>(record: &[u8]) -> Option<(usize, R)> {
    let (body, sum) = record.split_last_chunk::<4>()?;
    if checksum(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (number, net) = body.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number) as usize, R::read(net)?))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn expectation() -> &'static str {
    "the journal of this very request (delete it to begin anew)"
}

/// Names the fields in which two headers differ.
fn difference(ours: &[u8], theirs: &[u8]) -> String {
    let parse = |json| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(json).ok();
    match (parse(ours), parse(theirs)) {
        (Some(ours), Some(theirs)) => {
            let fields: Vec<&str> =
                ours.keys().filter(|key| ours.get(*key) != theirs.get(*key)).map(String::as_str).collect();
            format!("one that differs in {}", fields.join(", "))
        }
        _ => "a header that is no JSON object".into(),
    }
}
