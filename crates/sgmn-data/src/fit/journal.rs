//! The journal of a population being fitted: every finished net is safe, whatever happens next.
//!
//! Layout: a mark of eight bytes; the length of the header (u32), the header (JSON) and its checksum (u32); then
//! one record of fixed length a net: number (u32), updates (u32), PSNR in dB (f64), parameters (f32 each), checksum
//! (u32). Numbers are little-endian, checksums are CRC-32. A record that was being written when the process died does
//! not pass its checksum and is fitted again.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use flate2::Crc;
use serde::Serialize;

use super::{Fitted, Recipe};
use crate::{Error, Result};

/// What a population depends on; a journal continues only the very same request.
#[derive(Debug, Serialize)]
pub(super) struct Header<'a> {
    /// How the nets are fitted.
    pub(super) recipe: &'a Recipe,
    /// Fingerprint of the seed.
    pub(super) seed: &'a str,
    /// SHA-256 of the images.
    pub(super) images_sha256: &'a str,
    /// Number of nets.
    pub(super) n_nets: usize,
    /// How the machine rounds, see [`super::arithmetic`].
    pub(super) arithmetic: &'a str,
}

/// An open journal; no other process can hold it.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    n_params: usize,
    /// Where the next record begins, in bytes.
    end: u64,
    /// Where each net's record begins, in bytes.
    places: Vec<Option<u64>>,
}

const MARK: &[u8; 8] = b"SGMNFIT1";
/// A longer header is not ours.
const MAX_HEADER: u32 = 1 << 20;
/// Bytes of a record before its parameters.
const RECORD_HEAD: usize = 16;

impl Journal {
    /// Opens the journal of a request, or begins it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read or written; [`Error::Format`] if it is no journal, belongs to another
    /// request, or is in use.
    pub(super) fn open(path: &Path, header: &Header<'_>, n_params: usize) -> Result<Self> {
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = options.map_err(Error::io(path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::format(
                    path,
                    "a journal for this process alone",
                    "one that another process holds",
                ));
            }
            Err(TryLockError::Error(why)) => return Err(Error::io(path)(why)),
        }
        let json = serde_json::to_vec(header).expect("numbers and text can be written as JSON");
        let places = vec![None; header.n_nets];
        let mut journal = Self { file, path: path.to_owned(), n_params, end: 0, places };
        match journal.read_header()? {
            Some(found) if found == json => journal.read_records()?,
            Some(found) => return Err(Error::format(path, expectation(), difference(&json, &found))),
            None => journal.begin(&json)?,
        }
        Ok(journal)
    }

    /// Numbers of the nets that are still to be fitted, ascending.
    pub(super) fn missing(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|&i| self.places[i].is_none()).collect()
    }

    /// Adds net `i`.
    pub(super) fn append(&mut self, i: usize, fitted: &Fitted) -> Result<()> {
        let mut record = Vec::with_capacity(self.record_len());
        record.extend_from_slice(&(i as u32).to_le_bytes());
        record.extend_from_slice(&fitted.n_steps.to_le_bytes());
        record.extend_from_slice(&fitted.psnr_db.to_le_bytes());
        record.extend(fitted.params.iter().flat_map(|param| param.to_le_bytes()));
        record.extend_from_slice(&checksum(&record).to_le_bytes());
        assert_eq!(record.len(), self.record_len(), "bytes of a record");
        self.seek(self.end)?;
        self.file.write_all(&record).map_err(Error::io(&self.path))?;
        self.places[i] = Some(self.end);
        self.end += record.len() as u64;
        Ok(())
    }

    /// Net `i`, if it is finished.
    pub(super) fn read(&mut self, i: usize) -> Result<Option<Fitted>> {
        let Some(place) = self.places[i] else { return Ok(None) };
        let mut record = vec![0; self.record_len()];
        self.seek(place)?;
        self.file.read_exact(&mut record).map_err(Error::io(&self.path))?;
        match parse(&record) {
            Some((number, fitted)) if number == i => Ok(Some(fitted)),
            _ => Err(Error::format(
                &self.path,
                format!("net {i} as it was written"),
                format!("other bytes at {place}"),
            )),
        }
    }

    /// The header's JSON; `None` if the file is empty or ends inside its own beginning.
    fn read_header(&mut self) -> Result<Option<Vec<u8>>> {
        let mut start = Vec::new();
        let mut reader = (&self.file).take(u64::from(MAX_HEADER) + 1024);
        reader.read_to_end(&mut start).map_err(Error::io(&self.path))?;
        if !MARK.starts_with(&start[..start.len().min(MARK.len())]) {
            return Err(Error::format(&self.path, expectation(), "a file that is no such journal"));
        }
        let Some((length, rest)) = start.get(MARK.len()..).and_then(<[u8]>::split_first_chunk::<4>) else {
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
    fn begin(&mut self, json: &[u8]) -> Result<()> {
        let mut start = MARK.to_vec();
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
    fn read_records(&mut self) -> Result<()> {
        let io = Error::io(&self.path);
        let scan = || -> std::io::Result<(u64, Vec<(usize, u64)>)> {
            let mut reader = BufReader::with_capacity(1 << 20, &self.file);
            reader.seek(SeekFrom::Start(MARK.len() as u64))?;
            let mut length = [0; 4];
            reader.read_exact(&mut length)?;
            let start = MARK.len() as u64 + 8 + u64::from(u32::from_le_bytes(length));
            reader.seek(SeekFrom::Start(start))?;
            let n_records = (self.file.metadata()?.len() - start) / self.record_len() as u64;
            let mut record = vec![0; self.record_len()];
            let mut found = Vec::new();
            for r in 0..n_records {
                reader.read_exact(&mut record)?;
                if let Some((i, _)) = parse(&record) {
                    found.push((i, start + r * self.record_len() as u64));
                }
            }
            let end = start + n_records * self.record_len() as u64;
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

    fn record_len(&self) -> usize {
        RECORD_HEAD + 4 * self.n_params + 4
    }

    fn seek(&mut self, place: u64) -> Result<()> {
        self.file.seek(SeekFrom::Start(place)).map(drop).map_err(Error::io(&self.path))
    }
}

/// A record's number and net; `None` if its checksum fails.
fn parse(record: &[u8]) -> Option<(usize, Fitted)> {
    let (body, sum) = record.split_last_chunk::<4>()?;
    if checksum(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (number, body) = body.split_first_chunk::<4>()?;
    let (n_steps, body) = body.split_first_chunk::<4>()?;
    let (psnr_db, params) = body.split_first_chunk::<8>()?;
    let params = params.as_chunks::<4>().0.iter().map(|param| f32::from_le_bytes(*param)).collect();
    let fitted =
        Fitted { params, psnr_db: f64::from_le_bytes(*psnr_db), n_steps: u32::from_le_bytes(*n_steps) };
    Some((u32::from_le_bytes(*number) as usize, fitted))
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
    use super::*;

    fn header<'a>(recipe: &'a Recipe, seed: &'a str) -> Header<'a> {
        Header { recipe, seed, images_sha256: "00", n_nets: 3, arithmetic: "fused" }
    }

    fn net(i: u32) -> Fitted {
        Fitted { params: vec![i as f32, 0.5], psnr_db: 40.0 + f64::from(i), n_steps: i }
    }

    #[test]
    fn a_torn_tail_and_a_flipped_bit_cost_only_their_own_nets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.partial");
        let recipe = Recipe::default();
        let mut journal = Journal::open(&path, &header(&recipe, "a"), 2).unwrap();
        assert_eq!(journal.missing(), [0, 1, 2]);
        for i in [2, 0, 1] {
            journal.append(i as usize, &net(i)).unwrap();
        }
        drop(journal);
        let whole = std::fs::read(&path).unwrap();

        let mut journal = Journal::open(&path, &header(&recipe, "a"), 2).unwrap();
        assert_eq!(journal.missing(), [0usize; 0]);
        assert_eq!(journal.read(2).unwrap(), Some(net(2)));
        drop(journal);

        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut journal = Journal::open(&path, &header(&recipe, "a"), 2).unwrap();
        assert_eq!(journal.missing(), [1]);
        journal.append(1, &net(1)).unwrap();
        drop(journal);
        assert_eq!(std::fs::read(&path).unwrap(), whole);

        let mut flipped = whole.clone();
        let middle = whole.len() - 2 * (RECORD_HEAD + 12) + 17;
        flipped[middle] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        let mut journal = Journal::open(&path, &header(&recipe, "a"), 2).unwrap();
        assert_eq!(journal.missing(), [0]);
        assert_eq!(journal.read(0).unwrap(), None);
        assert_eq!(journal.read(1).unwrap(), Some(net(1)));
    }

    #[test]
    fn a_journal_cut_inside_its_header_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.partial");
        let recipe = Recipe::default();
        drop(Journal::open(&path, &header(&recipe, "a"), 2).unwrap());
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(Journal::open(&path, &header(&recipe, "a"), 2).unwrap().missing().len(), 3);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn a_journal_of_another_request_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.partial");
        let recipe = Recipe::default();
        drop(Journal::open(&path, &header(&recipe, "a"), 2).unwrap());
        let other = Recipe { max_steps: 7, ..Recipe::default() };
        let message = Journal::open(&path, &header(&other, "b"), 2).unwrap_err().to_string();
        assert!(message.contains("differs in recipe, seed"), "{message}");
        std::fs::write(&path, b"something else").unwrap();
        assert!(Journal::open(&path, &header(&recipe, "a"), 2).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"something else");
    }

    #[test]
    fn two_processes_cannot_write_one_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nets.partial");
        let recipe = Recipe::default();
        let _held = Journal::open(&path, &header(&recipe, "a"), 2).unwrap();
        let message = Journal::open(&path, &header(&recipe, "a"), 2).unwrap_err().to_string();
        assert!(message.contains("another process"), "{message}");
    }
}
