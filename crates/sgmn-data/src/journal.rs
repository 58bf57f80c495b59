//! The journal of a population being made: every finished net is safe, whatever happens next.
//!
//! Layout: a mark of eight bytes; the length of the header (u32), the header (JSON) and its checksum (u32); then
//! one record of fixed length a net: number (u32), what is kept of the net, checksum (u32). Numbers are little-endian,
//! checksums are CRC-32. A record that was being written when the process died does not pass its checksum, and its net
//! is made again.

use std::{
    fs::OpenOptions,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use flate2::Crc;
use rand::Rng;
use serde::Serialize;
use sgmn_graph::Seed;

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
    /// Where each net's record begins, in bytes.
    places: Vec<Option<u64>>,
    kept: PhantomData<R>,
}

/// What a journal belongs to; it continues only the very same request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a, H> {
    /// Eight bytes that name the kind of nets.
    pub(crate) mark: &'a [u8; 8],
    /// Everything that the nets depend on, an object when written as JSON.
    pub(crate) header: &'a H,
    /// Number of nets.
    pub(crate) n_nets: usize,
    /// Bytes that [`Record::write`] appends.
    pub(crate) n_bytes: usize,
}

/// A longer header is not ours.
const MAX_HEADER: u32 = 1 << 20;
/// Bytes of a record besides what is kept: number and checksum.
const FRAME: usize = 8;

impl<R: Record> Journal<R> {
    /// Opens the journal of a request, or begins it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read or written; [`Error::Format`] if it is no journal, belongs to another
    /// request, or is in use.
    pub(crate) fn open<H: Serialize>(path: &Path, subject: Subject<'_, H>) -> Result<Self> {
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(Error::io(path))?;
        let Some(file) = FileLock::take(file).map_err(Error::io(path))? else {
            let found = "one that another process holds";
            return Err(Error::format(path, "a journal for this process alone", found));
        };
        let Subject { mark, header, n_nets, n_bytes } = subject;
        let json = serde_json::to_vec(header).expect("numbers and text can be written as JSON");
        let (record_len, places) = (n_bytes + FRAME, vec![None; n_nets]);
        let mut journal = Self { file, path: path.to_owned(), record_len, end: 0, places, kept: PhantomData };
        match journal.read_header(mark)? {
            Some(found) if found == json => journal.read_records(mark)?,
            Some(found) => return Err(Error::format(path, expectation(), difference(&json, &found))),
            None => journal.begin(mark, &json)?,
        }
        Ok(journal)
    }

    /// Numbers of the nets that are still to be made, ascending.
    pub(crate) fn missing(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|&i| self.places[i].is_none()).collect()
    }

    /// Adds net `i`.
    pub(crate) fn append(&mut self, i: usize, net: &R) -> Result<()> {
        let mut record = Vec::with_capacity(self.record_len);
        record.extend_from_slice(&(i as u32).to_le_bytes());
        net.write(&mut record);
        record.extend_from_slice(&checksum(&record).to_le_bytes());
        assert_eq!(record.len(), self.record_len, "bytes of a record");
        self.seek(self.end)?;
        self.file.write_all(&record).map_err(Error::io(&self.path))?;
        self.places[i] = Some(self.end);
        self.end += record.len() as u64;
        Ok(())
    }

    /// Net `i`, if it is finished.
    pub(crate) fn read(&mut self, i: usize) -> Result<Option<R>> {
        let Some(place) = self.places[i] else { return Ok(None) };
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

    /// The header's JSON; `None` if the file is empty or ends inside its own beginning.
    fn read_header(&mut self, mark: &[u8; 8]) -> Result<Option<Vec<u8>>> {
        let mut start = Vec::new();
        let mut reader = (&*self.file).take(u64::from(MAX_HEADER) + 1024);
        reader.read_to_end(&mut start).map_err(Error::io(&self.path))?;
        if !mark.starts_with(&start[..start.len().min(mark.len())]) {
            return Err(Error::format(&self.path, expectation(), "a file that is no such journal"));
        }
        let Some((length, rest)) = start.get(mark.len()..).and_then(<[u8]>::split_first_chunk::<4>) else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length);
        if length > MAX_HEADER {
            return Err(Error::format(&self.path, expectation(), format!("a header of {length} bytes")));
        }
        let Some((json, rest)) = rest.split_at_checked(length as usize) else { return Ok(None) };
        let Some(sum) = rest.first_chunk::<4>() else { return Ok(None) };
        if u32::from_le_bytes(*sum) != checksum(json) {
            return Err(Error::format(&self.path, expectation(), "a damaged header"));
        }
        Ok(Some(json.to_vec()))
    }

    /// Empties the file and writes the header.
    fn begin(&mut self, mark: &[u8; 8], json: &[u8]) -> Result<()> {
        let mut start = mark.to_vec();
        start.extend_from_slice(&(json.len() as u32).to_le_bytes());
        start.extend_from_slice(json);
        start.extend_from_slice(&checksum(json).to_le_bytes());
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
            if let Some(slot) = self.places.get_mut(i) {
                *slot = Some(place);
            }
        }
        Ok(())
    }

    fn seek(&mut self, place: u64) -> Result<()> {
        self.file.seek(SeekFrom::Start(place)).map(drop).map_err(Error::io(&self.path))
    }
}

/// `OUT.partial`, beside `OUT`, also where `OUT` is a folder written with a slash behind it.
pub(crate) fn beside(out: &Path) -> PathBuf {
    let mut name = out.components().as_path().as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Deletes the journal beside `out`.
///
/// # Errors
/// [`Error::Io`] if it is not there.
pub(crate) fn remove_beside(out: &Path) -> Result<()> {
    let path = beside(out);
    std::fs::remove_file(&path).map_err(Error::io(path))
}

/// Sixteen bytes that tell seeds apart, in hexadecimal.
pub(crate) fn seed_fingerprint(seed: &Seed) -> String {
    let mut bytes = [0; 16];
    seed.child("fingerprint").rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A net of two bytes.
    #[derive(Debug, PartialEq)]
    struct Pair([u8; 2]);

    impl Record for Pair {
        fn write(&self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(&self.0);
        }
        fn read(bytes: &[u8]) -> Option<Self> {
            bytes.try_into().ok().map(Self)
        }
    }

    fn open(path: &Path, recipe: u32, seed: &str) -> Result<Journal<Pair>> {
        let header = BTreeMap::from([("recipe", recipe.to_string()), ("seed", seed.to_owned())]);
        Journal::open(path, Subject { mark: b"SGMNPAIR", header: &header, n_nets: 3, n_bytes: 2 })
    }

    fn net(i: u8) -> Pair {
        Pair([i, 7])
    }

    #[test]
    fn a_torn_tail_and_a_flipped_bit_cost_only_their_own_nets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.partial");
        let mut journal = open(&path, 1, "a").unwrap();
        assert_eq!(journal.missing(), [0, 1, 2]);
        for i in [2, 0, 1] {
            journal.append(usize::from(i), &net(i)).unwrap();
        }
        drop(journal);
        let whole = std::fs::read(&path).unwrap();

        let mut journal = open(&path, 1, "a").unwrap();
        assert_eq!(journal.missing(), [0usize; 0]);
        assert_eq!(journal.read(2).unwrap(), Some(net(2)));
        drop(journal);

        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut journal = open(&path, 1, "a").unwrap();
        assert_eq!(journal.missing(), [1]);
        journal.append(1, &net(1)).unwrap();
        drop(journal);
        assert_eq!(std::fs::read(&path).unwrap(), whole);

        let mut flipped = whole.clone();
        let middle = whole.len() - 2 * (2 + FRAME) + 5;
        flipped[middle] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        let mut journal = open(&path, 1, "a").unwrap();
        assert_eq!(journal.missing(), [0]);
        assert_eq!(journal.read(0).unwrap(), None);
        assert_eq!(journal.read(1).unwrap(), Some(net(1)));
    }

    #[test]
    fn a_journal_cut_inside_its_header_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.partial");
        drop(open(&path, 1, "a").unwrap());
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(open(&path, 1, "a").unwrap().missing().len(), 3);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn a_journal_of_another_request_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.partial");
        drop(open(&path, 1, "a").unwrap());
        let message = open(&path, 2, "b").unwrap_err().to_string();
        assert!(message.contains("differs in recipe, seed"), "{message}");
        std::fs::write(&path, b"something else").unwrap();
        assert!(open(&path, 1, "a").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"something else");
    }

    #[test]
    fn two_processes_cannot_write_one_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.partial");
        let _held = open(&path, 1, "a").unwrap();
        let message = open(&path, 1, "a").unwrap_err().to_string();
        assert!(message.contains("another process"), "{message}");
    }
}
