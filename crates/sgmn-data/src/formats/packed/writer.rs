//! Writes a packed file row by row; it appears under its name when it is finished, or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;
use sgmn_graph::NetSpec;

use super::layout::{ALIGNMENT, HEADER_LEN, Header, MAGIC, Record, crc32, padded_len};
use crate::{Error, Result, Target, bytes::atomic::AtomicFile, split::Split};

/// One net to be packed.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its name, unique in the file.
    pub id: String,
    /// Its architecture; equal ones are stored once.
    pub spec: Arc<NetSpec>,
    /// Its parameters, `W_0, b_0, W_1, b_1, …`, finite.
    pub params: Vec<f32>,
    /// What is to be predicted from it.
    pub target: Target,
    /// Its split, if it is in one.
    pub split: Option<Split>,
}

/// Writes a packed file; memory grows by the index only, some tens of bytes a row.
#[derive(Debug)]
pub struct Writer {
    file: AtomicFile,
    path: PathBuf,
    provenance: BTreeMap<String, String>,
    specs: Vec<Arc<NetSpec>>,
    spec_of: BTreeMap<String, u32>,
    records: Vec<Record>,
    names: String,
    taken: BTreeSet<String>,
    end: u64,
    row: Vec<u8>,
}

#[derive(Serialize)]
struct IndexHead<'a> {
    provenance: &'a BTreeMap<String, String>,
    specs: Vec<&'a NetSpec>,
}

impl Writer {
    /// Starts a file that will stand at `path`. `provenance` is free text by key: source, licence, recipe, seed.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder does not take a new file.
    pub fn create(path: &Path, provenance: BTreeMap<String, String>) -> Result<Self> {
        let mut file = AtomicFile::create(path)?;
        file.write(&[0; HEADER_LEN])?;
        Ok(Self {
            file,
            path: path.to_owned(),
            provenance,
            specs: Vec::new(),
            spec_of: BTreeMap::new(),
            records: Vec::new(),
            names: String::new(),
            taken: BTreeSet::new(),
            end: HEADER_LEN as u64,
            row: Vec::new(),
        })
    }

    /// Adds to the provenance, or replaces what stands there under this key.
    pub fn say(&mut self, key: &str, text: String) {
        self.provenance.insert(key.to_owned(), text);
    }

    /// Number of items written so far.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Appends one net.
    ///
    /// # Errors
    /// [`Error::Net`] if the parameters do not fit the architecture or one is not finite, [`Error::Format`] if the
    /// name is taken or the target is not finite, [`Error::Io`] if the disk is full.
    pub fn push(&mut self, item: Item) -> Result<()> {
        let Item { id, spec, params, target, split } = item;
        let refuse = |expected: &str, found: String| Err(Error::format(&self.path, expected, found));
        let net_fault = |source| Err(Error::Net { path: format!("{}: {id}", self.path.display()).into(), source });
        if params.len() != spec.n_params() {
            return net_fault(sgmn_graph::Error::shape("parameters", spec.n_params(), params.len()));
        }
        if let Some(index) = params.iter().position(|value| !value.is_finite()) {
            let value = f64::from(params[index]);
            return net_fault(sgmn_graph::Error::NotFinite { param: "parameters".to_owned(), index, value });
        }
        if let Target::Score(score) = target
            && !score.is_finite()
        {
            return refuse("a finite score", format!("{score} for {id:?}"));
        }
        if !self.taken.insert(id.clone()) {
            return refuse("names that differ", format!("{id:?} a second time"));
        }
        self.names.push_str(&id);
        let Ok(name_end) = u32::try_from(self.names.len()) else {
            return refuse("names of less than 4 GiB in total", format!("{} bytes", self.names.len()));
        };
        let spec = self.spec_index(spec);

        self.row.clear();
        self.row.extend(params.iter().flat_map(|value| value.to_le_bytes()));
        self.row.resize(padded_len(params.len()), 0);
        self.file.write(&self.row)?;
        self.records.push(Record { start: self.end, spec, crc: crc32(&self.row), target, name_end, split });
        self.end += self.row.len() as u64;
        Ok(())
    }

    /// Writes the index and gives the file its name, replacing a file that stood there.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or the rename is refused; then no new file appears.
    pub fn finish(self) -> Result<()> {
        let Self { mut file, provenance, specs, records, names, end, .. } = self;
        let head = IndexHead { provenance: &provenance, specs: specs.iter().map(AsRef::as_ref).collect() };
        let head = serde_json::to_vec(&head).expect("text and specs can be written as JSON");
        let mut index = (head.len() as u64).to_le_bytes().to_vec();
        index.extend_from_slice(&head);
        for record in &records {
            index.extend_from_slice(&record.to_bytes());
        }
        index.extend_from_slice(names.as_bytes());

        debug_assert_eq!(end % ALIGNMENT as u64, 0, "rows are padded to the alignment");
        file.write(&index)?;
        let header = Header {
            n_rows: records.len() as u64,
            index_start: end,
            index_len: index.len() as u64,
            index_crc: crc32(&index),
        };
        file.write_start(&header.to_bytes(MAGIC))?;
        file.commit()
    }

    /// Position of an architecture in the file's list, added if it is new.
    fn spec_index(&mut self, spec: Arc<NetSpec>) -> u32 {
        // Runs of one shared architecture are the rule; they skip the printing of a fingerprint.
        if let Some(last) = self.records.last()
            && Arc::ptr_eq(&self.specs[last.spec as usize], &spec)
        {
            return last.spec;
        }
        *self.spec_of.entry(spec.fingerprint()).or_insert_with(|| {
            self.specs.push(spec);
            (self.specs.len() - 1) as u32
        })
    }
}
