//! Reads a packed file of flows through a memory map.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use sgmn_graph::flow::{Flow, FlowNet, Stored};

use super::{
    super::{
        packed::{
            layout::{HEADER_LEN, Header, crc32, padded_len},
            reader::{Fault, fault, index_bytes},
        },
    },
    Architecture, MAGIC,
    architecture::Built,
    index::{Index, Words},
};
use crate::{
    Error, Result,
    bytes::mmap::MappedFile,
    split::{Split, Splits},
};

/// An open packed file of flows: everything about it was checked.
#[derive(Debug)]
pub struct Reader {
    map: MappedFile,
    path: PathBuf,
    index: Index,
    architectures: Vec<Kind>,
    /// The bytes of each net's row.
    rows: Vec<Range<usize>>,
    splits: Splits,
}

/// An architecture as a flow.
#[derive(Debug)]
struct Kind {
    flow: Arc<Flow>,
    /// Where in a row each parameter of the flow stands.
    places: Vec<Range<usize>>,
    n_numbers: usize,
}

/// Layers of all architectures together: a short text may stand for many.
const MOST_LAYERS: usize = 1 << 18;
/// Numbers of all constants of all architectures together.
const MOST_CONSTANTS: usize = 1 << 24;

impl Reader {
    /// Opens a file and checks all of it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Format`] and [`Error::Flow`] naming the first thing that is
    /// wrong in it.
    pub fn open(path: &Path) -> Result<Self> {
        let told = |(expected, found): Fault| Error::Format { path: path.to_owned(), expected, found };
        if cfg!(target_endian = "big") {
            return Err(Error::format(path, "a little-endian machine, whose f32 the file can lend", "a big-endian one"));
        }
        let map = MappedFile::open(path)?;
        let header = Header::from_bytes(map.bytes(), MAGIC).map_err(told)?;
        let index = index_bytes(map.bytes(), header).map_err(told)?;
        let index: Index = serde_json::from_slice(index)
            .map_err(|why| Error::format(path, "an index of nets as JSON", why.to_string()))?;
        check_columns(&index, header.n_rows).map_err(told)?;
        let architectures = architectures(path, &index)?;
        let rows = rows(&map, header, &index, &architectures).map_err(told)?;
        let splits = Splits::from_assignment(index.splits.iter().copied());
        Ok(Self { map, path: path.to_owned(), index, architectures, rows, splits })
    }

    /// Number of nets.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no nets.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The flow of net `i`.
    ///
    /// # Panics
    /// As all accessors by position: if `i` is not below the number of nets.
    pub fn flow(&self, i: usize) -> &Arc<Flow> {
        &self.kind(i).flow
    }

    /// The place of net `i`'s flow in [`Reader::flows`].
    pub fn flow_idx(&self, i: usize) -> usize {
        self.index.architecture_of[i] as usize
    }

    /// All flows in the file, each once.
    pub fn flows(&self) -> impl ExactSizeIterator<Item = &Arc<Flow>> {
        self.architectures.iter().map(|architecture| &architecture.flow)
    }

    /// The architecture of net `i`, as it stands in the file.
    pub fn architecture(&self, i: usize) -> &Architecture {
        &self.index.architectures[self.flow_idx(i)]
    }

    /// The numbers of net `i`, tensor by tensor in the order of its architecture, as a slice of the file; finite.
    pub fn row(&self, i: usize) -> &[f32] {
        self.map.floats(self.rows[i].clone()).expect("place and alignment of every row were checked on opening")
    }

    /// Net `i`, its numbers in f32.
    ///
    /// # Errors
    /// None for a file that has not changed since it was opened; then [`Error::Flow`].
    pub fn net(&self, i: usize) -> Result<FlowNet> {
        let row = self.row(i);
        let stored = |place: &Range<usize>| Stored::F32(row[place.clone()].into());
        let params = self.kind(i).places.iter().map(stored).collect();
        FlowNet::new(self.flow(i).clone(), params)
            .map_err(Error::flow(format!("{}: net {i}", self.path.display())))
    }

    /// What is known in numbers: columns by name, a number a net.
    pub fn numbers(&self) -> &BTreeMap<String, Vec<f64>> {
        &self.index.numbers
    }

    /// A number of net `i`; `None` if there is none of this name.
    pub fn number(&self, name: &str, i: usize) -> Option<f64> {
        self.index.numbers.get(name).map(|column| column[i])
    }

    /// What is known in words: columns by name, a word a net.
    pub fn words(&self) -> &BTreeMap<String, Words> {
        &self.index.words
    }

    /// A word of net `i`; `None` if there is none of this name.
    pub fn word(&self, name: &str, i: usize) -> Option<&str> {
        self.index.words.get(name).map(|column| column.word(i))
    }

    /// Positions by split, each list ascending.
    pub fn splits(&self) -> &Splits {
        &self.splits
    }

    /// The split of net `i`, if it is in one.
    pub fn split(&self, i: usize) -> Option<Split> {
        self.index.splits[i]
    }

    /// Free text about where the nets come from.
    pub fn provenance(&self) -> &BTreeMap<String, String> {
        &self.index.provenance
    }

    fn kind(&self, i: usize) -> &Kind {
        &self.architectures[self.flow_idx(i)]
    }
}

/// Every column has an entry for each net, and every entry means something.
fn check_columns(index: &Index, n_rows: u64) -> Result<(), Fault> {
    let Index { architectures, architecture_of, checksums, splits, numbers, words, .. } = index;
    let columns = [
        ("architecture_of", architecture_of.len()),
        ("checksums", checksums.len()),
        ("splits", splits.len()),
    ];
    let numbers = numbers.iter().map(|(name, column)| (name.as_str(), column.len()));
    let lengths_of_words = words.iter().map(|(name, column)| (name.as_str(), column.of.len()));
    for (name, found) in columns.into_iter().chain(numbers).chain(lengths_of_words) {
        if found as u64 != n_rows {
            return fault(format!("{n_rows} entries of {name:?}, one a net"), found.to_string());
        }
    }
    if let Some(place) = architecture_of.iter().find(|place| **place as usize >= architectures.len()) {
        return fault(format!("an architecture below {}", architectures.len()), place.to_string());
    }
    for (name, Words { all, of }) in words {
        if let Some(place) = of.iter().find(|place| **place as usize >= all.len()) {
            return fault(format!("a word of {name:?} below {}", all.len()), place.to_string());
        }
    }
    Ok(())
}

/// The architectures as flows.
fn architectures(path: &Path, index: &Index) -> Result<Vec<Kind>> {
    let mut architectures = Vec::new();
    let (mut n_layers, mut n_constants) = (0, 0);
    for (number, architecture) in index.architectures.iter().enumerate() {
        let built = architecture.build(path)?;
        n_layers += built.n_layers;
        n_constants += built.flow.consts().iter().map(|array| array.data().len()).sum::<usize>();
        for (what, found, most) in [("layers", n_layers, MOST_LAYERS), ("constants", n_constants, MOST_CONSTANTS)] {
            if found > most {
                let expected = format!("at most {most} {what} in all architectures");
                return Err(Error::format(path, expected, format!("{found} up to architecture {number}")));
            }
        }
        architectures.push(Kind::new(built));
    }
    Ok(architectures)
}

impl Kind {
    fn new(Built { flow, tensors, .. }: Built) -> Self {
        let mut n_numbers = 0;
        let mut places = vec![0..0; flow.params().len()];
        for (param, len) in tensors {
            // A flow has checked each size; together they do not overflow, for there are few of them.
            places[param] = n_numbers..n_numbers + len;
            n_numbers += len;
        }
        Self { flow: Arc::new(flow), places, n_numbers }
    }
}

/// The bytes of each row: they tile what stands between header and index, have their checksums, and are finite.
fn rows(
    map: &MappedFile,
    header: Header,
    index: &Index,
    architectures: &[Kind],
) -> Result<Vec<Range<usize>>, Fault> {
    let end_of_rows = header.index_start as usize;
    let mut rows = Vec::with_capacity(index.architecture_of.len());
    let mut start = HEADER_LEN;
    for (i, (place, crc)) in index.architecture_of.iter().zip(&index.checksums).enumerate() {
        let n_numbers = architectures[*place as usize].n_numbers;
        let end = start + padded_len(n_numbers);
        if end > end_of_rows {
            let expected = format!("net {i} of {n_numbers} numbers at byte {start}");
            return fault(expected, format!("an index at byte {end_of_rows}"));
        }
        let computed = crc32(&map.bytes()[start..end]);
        if computed != *crc {
            return fault(format!("checksum {crc:08x} for net {i}"), format!("{computed:08x}"));
        }
        let row = start..start + n_numbers * size_of::<f32>();
        let Some(numbers) = map.floats(row.clone()) else {
            return fault(format!("net {i} on a multiple of 4 bytes"), format!("byte {start}"));
        };
        if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
            return fault(format!("finite numbers of net {i}"), format!("{} at {at}", numbers[at]));
        }
        rows.push(row);
        start = end;
    }
    if start == end_of_rows {
        Ok(rows)
    } else {
        fault(format!("an index at byte {start}, after the last row"), format!("byte {end_of_rows}"))
    }
}
