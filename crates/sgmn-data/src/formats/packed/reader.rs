//! Reads a packed file through a memory map.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use sgmn_graph::{LentNet, Net, NetSpec};

use super::layout::{HEADER_LEN, Header, MAGIC, RECORD_LEN, Record, crc32, padded_len};
use crate::{
    Error, Result, Sample, Source, Target,
    bytes::mmap::MappedFile,
    formats::spec_json::UncheckedSpec,
    source::LentSample,
    split::{Split, Splits},
};

/// An open packed file: everything about it was checked, and rows are slices of the map.
#[derive(Debug)]
pub struct Reader {
    map: MappedFile,
    path: PathBuf,
    specs: Vec<Arc<NetSpec>>,
    provenance: BTreeMap<String, String>,
    records: Vec<Record>,
    names: String,
    splits: Splits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexHead {
    provenance: BTreeMap<String, String>,
    specs: Vec<UncheckedSpec>,
}

impl Reader {
    /// Opens a packed file and checks all of it: checksums, sizes, names, finite numbers.
    ///
    /// This reads the file once from end to end, at the speed of the disk; reading rows later checks nothing.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Format`] naming the first thing that is wrong in it.
    pub fn open(path: &Path) -> Result<Self> {
        let fault = |(expected, found): (String, String)| Error::Format { path: path.to_owned(), expected, found };
        if cfg!(target_endian = "big") {
            return Err(Error::format(path, "a little-endian machine, whose f32 the file can lend", "a big-endian one"));
        }
        let map = MappedFile::open(path)?;
        let file = map.bytes();
        let header = Header::from_bytes(file, MAGIC).map_err(fault)?;
        let index = index_bytes(file, header).map_err(fault)?;
        let (head, records, names) = parse_index(index, header.n_rows).map_err(fault)?;
        let specs = check_specs(head.specs).map_err(fault)?;
        check_names(&records, &names).map_err(fault)?;
        check_rows(&map, header, &records, &specs).map_err(fault)?;
        let splits = Splits::from_assignment(records.iter().map(|record| record.split));
        Ok(Self { map, path: path.to_owned(), specs, provenance: head.provenance, records, names, splits })
    }

    /// Parameters of item `i`, `W_0, b_0, W_1, b_1, …`, as a slice of the file; finite.
    ///
    /// # Panics
    /// As all accessors by position: if `i` is not below the number of items.
    pub fn row(&self, i: usize) -> &[f32] {
        let start = self.records[i].start as usize;
        let end = start + self.spec(i).n_params() * size_of::<f32>();
        self.map.floats(start..end).expect("place, length and alignment of every row were checked on opening")
    }

    /// Architecture of item `i`.
    pub fn spec(&self, i: usize) -> &Arc<NetSpec> {
        &self.specs[self.spec_idx(i)]
    }

    /// Position of item `i`'s architecture in [`Reader::specs`].
    pub fn spec_idx(&self, i: usize) -> usize {
        self.records[i].spec as usize
    }

    /// Name of item `i`.
    pub fn id(&self, i: usize) -> &str {
        let start = i.checked_sub(1).map_or(0, |before| self.records[before].name_end);
        &self.names[start as usize..self.records[i].name_end as usize]
    }

    /// What is to be predicted from item `i`.
    pub fn target(&self, i: usize) -> Target {
        self.records[i].target
    }

    /// Split of item `i`, if it is in one.
    pub fn split(&self, i: usize) -> Option<Split> {
        self.records[i].split
    }

    /// Positions by split, each list ascending.
    pub fn splits(&self) -> &Splits {
        &self.splits
    }

    /// All architectures in the file.
    pub fn specs(&self) -> &[Arc<NetSpec>] {
        &self.specs
    }

    /// Free text about where the nets come from.
    pub fn provenance(&self) -> &BTreeMap<String, String> {
        &self.provenance
    }

    /// What is wrong with the net of item `i`, with its file and name.
    fn net_fault(&self, i: usize, source: sgmn_graph::Error) -> Error {
        Error::Net { path: format!("{}: {}", self.path.display(), self.id(i)).into(), source }
    }
}

impl Source for Reader {
    fn len(&self) -> usize {
        self.records.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let params = self.row(i).iter().map(|&value| f64::from(value)).collect();
        let net = Net::new(self.spec(i).clone(), params).map_err(|source| self.net_fault(i, source))?;
        Ok(Sample { id: self.id(i).to_owned(), net, target: self.target(i) })
    }

    fn name(&self, i: usize) -> String {
        self.id(i).to_owned()
    }

    fn lend(&self, i: usize) -> Result<Option<LentSample<'_>>> {
        let net = LentNet::new(self.spec(i), self.row(i)).map_err(|source| self.net_fault(i, source))?;
        Ok(Some(LentSample { id: self.id(i), net, target: self.target(i) }))
    }
}

/// What was expected and what was found.
pub(in crate::formats) type Fault = (String, String);

pub(in crate::formats) fn fault<T>(expected: impl Into<String>, found: impl Into<String>) -> Result<T, Fault> {
    Err((expected.into(), found.into()))
}

/// The index's bytes, which end the file and have the header's checksum.
pub(in crate::formats) fn index_bytes(file: &[u8], header: Header) -> Result<&[u8], Fault> {
    let end = header.index_start.checked_add(header.index_len);
    if header.index_start < HEADER_LEN as u64 || end != Some(file.len() as u64) {
        let Header { index_start, index_len, .. } = header;
        let expected = format!("an index at byte {index_start} of {index_len} bytes that ends the file");
        return fault(expected, format!("a file of {} bytes", file.len()));
    }
    let index = &file[header.index_start as usize..];
    let computed = crc32(index);
    if computed != header.index_crc {
        return fault(format!("index checksum {:08x}", header.index_crc), format!("{computed:08x}"));
    }
    Ok(index)
}

/// Splits the index into its JSON head, one record a row, and the names.
fn parse_index(index: &[u8], n_rows: u64) -> Result<(IndexHead, Vec<Record>, String), Fault> {
    let head_and_rest = index.split_first_chunk::<8>().and_then(|(len, rest)| {
        let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
        rest.split_at_checked(len)
    });
    let Some((head, rest)) = head_and_rest else {
        return fault("the index's JSON inside the index", format!("an index of {} bytes", index.len()));
    };
    let head: IndexHead = match serde_json::from_slice(head) {
        Ok(head) => head,
        Err(why) => return fault("provenance and architectures as JSON in the index", why.to_string()),
    };
    let records_len = usize::try_from(n_rows).ok().and_then(|n_rows| n_rows.checked_mul(RECORD_LEN));
    let Some((records, names)) = records_len.and_then(|len| rest.split_at_checked(len)) else {
        return fault(format!("{n_rows} rows of {RECORD_LEN} bytes in the index"), format!("{} bytes", rest.len()));
    };
    let (records, _) = records.as_chunks::<RECORD_LEN>();
    let records = records.iter().map(Record::from_bytes).collect::<Result<_, _>>()?;
    match std::str::from_utf8(names) {
        Ok(names) => Ok((head, records, names.to_owned())),
        Err(why) => fault("names in UTF-8", why.to_string()),
    }
}

fn check_specs(specs: Vec<UncheckedSpec>) -> Result<Vec<Arc<NetSpec>>, Fault> {
    let check = |(i, spec): (usize, UncheckedSpec)| match spec.check() {
        Ok(spec) => Ok(Arc::new(spec)),
        Err(why) => fault(format!("a valid architecture {i}"), why),
    };
    specs.into_iter().enumerate().map(check).collect()
}

/// Names must tile the text of names, at letter boundaries, and differ.
fn check_names(records: &[Record], names: &str) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    let mut start = 0;
    for (i, record) in records.iter().enumerate() {
        let end = record.name_end as usize;
        let Some(name) = names.get(start..end) else {
            return fault(format!("a name of row {i} among {} bytes of names", names.len()), format!("{start}..{end}"));
        };
        if !seen.insert(name) {
            return fault("names that differ", format!("{name:?} a second time at row {i}"));
        }
        start = end;
    }
    if start == names.len() { Ok(()) } else { fault(format!("{start} bytes of names"), names.len().to_string()) }
}

/// Rows must tile the bytes between header and index, have their checksums, and be finite.
fn check_rows(map: &MappedFile, header: Header, records: &[Record], specs: &[Arc<NetSpec>]) -> Result<(), Fault> {
    let sizes: Vec<usize> = specs.iter().map(|spec| spec.n_params()).collect();
    let mut start = HEADER_LEN;
    for (i, record) in records.iter().enumerate() {
        let Some(&n_params) = sizes.get(record.spec as usize) else {
            return fault(format!("an architecture below {} for row {i}", specs.len()), record.spec.to_string());
        };
        let end = start + padded_len(n_params);
        if record.start != start as u64 || end as u64 > header.index_start {
            let expected = format!("row {i} of {n_params} numbers at byte {start}, before byte {}", header.index_start);
            return fault(expected, format!("byte {}", record.start));
        }
        let computed = crc32(&map.bytes()[start..end]);
        if computed != record.crc {
            return fault(format!("checksum {:08x} for row {i}", record.crc), format!("{computed:08x}"));
        }
        let Some(row) = map.floats(start..start + n_params * size_of::<f32>()) else {
            return fault(format!("row {i} on a multiple of 4 bytes"), format!("byte {start}"));
        };
        if let Some(at) = row.iter().position(|value| !value.is_finite()) {
            return fault(format!("finite numbers in row {i}"), format!("{} at {at}", row[at]));
        }
        start = end;
    }
    if start as u64 == header.index_start {
        Ok(())
    } else {
        fault(format!("an index at byte {start}, after the last row"), format!("byte {}", header.index_start))
    }
}
