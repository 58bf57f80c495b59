//! Writes a packed file of flows net by net; it appears under its name when it is finished, or not at all.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    super::packed::layout::{HEADER_LEN, Header, crc32, padded_len},
    Architecture, MAGIC,
    index::Index,
};
use crate::{Error, Result, bytes::atomic::AtomicFile, split::Split};

/// One net to be packed.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// Its architecture; equal ones are stored once.
    pub architecture: &'a Architecture,
    /// Its numbers, tensor by tensor in the order of the architecture, finite.
    pub row: &'a [f32],
    /// Its split, if it is in one.
    pub split: Option<Split>,
    /// What is known of it in numbers, finite; the names are those of the first net.
    pub numbers: &'a [(&'a str, f64)],
    /// What is known of it in words; the names are those of the first net.
    pub words: &'a [(&'a str, String)],
}

/// Writes a packed file of flows; memory grows by the index only.
#[derive(Debug)]
pub struct Writer {
    file: AtomicFile,
    path: PathBuf,
    index: Index,
    /// Numbers in a row of each architecture.
    n_numbers: Vec<usize>,
    end: u64,
}

impl Writer {
    /// Starts a file that will stand at `path`. `provenance` is free text by key: source, recipe, seed.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder does not take a new file.
    pub fn create(path: &Path, provenance: BTreeMap<String, String>) -> Result<Self> {
        let mut file = AtomicFile::create(path)?;
        file.write(&[0; HEADER_LEN])?;
        let index = Index { provenance, ..Index::default() };
        Ok(Self { file, path: path.to_owned(), index, n_numbers: Vec::new(), end: HEADER_LEN as u64 })
    }

    /// Appends one net.
    ///
    /// # Errors
    /// [`Error::Format`] for a row of another length or with numbers that are not finite, and for names that are not
    /// those of the first net; those of its architecture; [`Error::Io`] if the disk is full.
    pub fn push(&mut self, item: Item<'_>) -> Result<()> {
        let Item { architecture, row, split, numbers, words } = item;
        let i = self.index.architecture_of.len();
        let refuse = |expected: String, found: String| Err(Error::format(&self.path, expected, found));
        // Nets of one architecture mostly stand in a row.
        let known = self.index.architectures.iter().rposition(|known| known == architecture);
        let place = match known {
            Some(place) => place,
            None => {
                let built = architecture.build(&self.path)?;
                self.n_numbers.push(built.tensors.iter().map(|(_, len)| len).sum());
                self.index.architectures.push(architecture.clone());
                self.index.architectures.len() - 1
            }
        };
        let n_numbers = self.n_numbers[place];
        if row.len() != n_numbers {
            return refuse(format!("{n_numbers} numbers of net {i}"), row.len().to_string());
        }
        if let Some(at) = row.iter().position(|number| !number.is_finite()) {
            return refuse(format!("finite numbers of net {i}"), format!("{} at {at}", row[at]));
        }
        if let Some((name, number)) = numbers.iter().find(|(_, number)| !number.is_finite()) {
            return refuse(format!("a finite {name} of net {i}"), number.to_string());
        }
        for (name, number) in numbers {
            self.index.numbers.entry((*name).to_owned()).or_default().push(*number);
        }
        for (name, word) in words {
            self.index.words.entry((*name).to_owned()).or_default().push(word);
        }
        let lengths = self.index.numbers.iter().map(|(name, column)| (name, column.len()));
        let mut lengths = lengths.chain(self.index.words.iter().map(|(name, column)| (name, column.of.len())));
        if let Some((name, found)) = lengths.find(|(_, n)| *n != i + 1) {
            return refuse(format!("one {name:?} for each of {} nets", i + 1), found.to_string());
        }

        let mut bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
        bytes.resize(padded_len(row.len()), 0);
        self.file.write(&bytes)?;
        self.index.architecture_of.push(place as u32);
        self.index.checksums.push(crc32(&bytes));
        self.index.splits.push(split);
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Writes the index and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or gone.
    pub fn finish(self) -> Result<()> {
        let Self { mut file, index, end, .. } = self;
        let n_rows = index.architecture_of.len() as u64;
        let index = serde_json::to_vec(&index).expect("text and finite numbers can be written as JSON");
        file.write(&index)?;
        let header =
            Header { n_rows, index_start: end, index_len: index.len() as u64, index_crc: crc32(&index) };
        file.write_start(&header.to_bytes(MAGIC))?;
        file.commit()
    }
}
