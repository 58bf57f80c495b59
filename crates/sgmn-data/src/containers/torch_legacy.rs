//! Files that `torch.save` wrote before PyTorch 1.6, or when it is told to: pickles one after another, then numbers.
//!
//! ```text
//! pickle of a magic number | of the version, 1001 | of facts about the machine | of the values | of the storages' keys
//! then for each key: the number of elements (8 bytes), and the elements
//! ```

use std::{collections::BTreeMap, ops::Range, path::Path};

use super::{
    pickle::{self, Built, Claim, Fault, MAX_PICKLE, Pickle},
    tensor::ElementType,
    tree::{Place, Store, Tree},
};
use crate::{Error, Result, bytes::Shared};

/// The magic number as the newer protocols of pickle write it, ...
const MAGIC: [u8; 12] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// ... and as the two oldest do.
const MAGIC_IN_DIGITS: &[u8] = b"L119547037146038801333356L\n";
/// The only version there has been.
const VERSION: i64 = 1001;

/// Whether a file begins with the magic number.
pub(crate) fn detects(start: &[u8]) -> bool {
    /// Version and frame of the pickle may stand before it.
    const MOST_BEFORE: usize = 12;
    let most = start.len().min(MOST_BEFORE + MAGIC.len());
    start.starts_with(MAGIC_IN_DIGITS)
        || (start.first() == Some(&0x80) && start[..most].windows(MAGIC.len()).any(|window| window == MAGIC))
}

/// Reads a file.
///
/// # Errors
/// [`Error::Format`] if it is damaged, or was written on a machine with the other byte order.
pub(super) fn read(bytes: &Shared, path: &Path) -> Result<Tree> {
    let located =
        |Fault { at, expected, found }: Fault| Error::format(path, expected, format!("{found} at byte {at}"));
    let File { values, storages } = File::parse(bytes.as_ref()).map_err(located)?;
    let mut store = Store::default();
    let mut resolve = |store: &mut Store, claim: &Claim| match storages.get(&claim.key) {
        Some(range) => {
            let range = range.start as u64..range.end as u64;
            Ok(store.push(Place::Part(bytes.clone(), range), format!("storage {}", claim.key)))
        }
        None => Err(Error::format(path, format!("a storage {}", claim.key), "none of that key")),
    };
    let fault = |expected, found| Error::format(path, expected, found);
    let Built { root, attributes } = pickle::build(&values, &mut store, &mut resolve, &fault)?;
    Ok(Tree {
        root,
        metadata: BTreeMap::new(),
        attributes,
        container: "older file of PyTorch",
        ordered: true,
        incomplete: None,
        path: path.to_owned(),
        store,
    })
}

/// The one storage that a file holds, which is all that `torch.save` makes of a storage.
///
/// # Errors
/// What is wrong with it.
pub(super) fn only_storage(bytes: &[u8]) -> Result<(Option<ElementType>, Range<usize>), Fault> {
    let File { values, storages } = File::parse(bytes)?;
    let claim = values.root_claim();
    match claim.and_then(|claim| Some((claim.element, storages.get(&claim.key)?.clone()))) {
        Some(found) => Ok(found),
        None => Err(fault(0, "a storage as torch.save writes it", "something else")),
    }
}

/// What a file consists of.
struct File {
    values: Pickle,
    /// Where the numbers of each storage stand.
    storages: BTreeMap<String, Range<usize>>,
}

impl File {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        if !detects(bytes) {
            return Err(fault(0, "the magic number of torch.save", "another beginning"));
        }
        let mut at = 0;
        next(bytes, &mut at)?;
        let version = next(bytes, &mut at)?;
        if version.root_int() != Some(VERSION) {
            return Err(fault(at, "version 1001 of torch.save", "another"));
        }
        let machine = next(bytes, &mut at)?;
        if machine.root_flag("little_endian") == Some(false) {
            return Err(fault(at, "numbers with the lowest byte first", "the highest first"));
        }
        let values = next(bytes, &mut at)?;
        let keys_at = at;
        let keys = next(bytes, &mut at)?;
        let Some(keys) = keys.root_texts() else {
            return Err(fault(keys_at, "a list of the storages' keys", "something else"));
        };
        let claims = values.claims();
        let mut storages = BTreeMap::new();
        for key in keys {
            let Some(claim) = claims.get(key) else {
                return Err(fault(keys_at, "keys of storages that a tensor has", "another"));
            };
            let size = claim.element.map_or(1, ElementType::size);
            let count = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
            let range = count.and_then(|count| {
                let n_bytes = usize::try_from(u64::from_le_bytes(*count)).ok()?.checked_mul(size)?;
                let start = at + 8;
                let range = start..start.checked_add(n_bytes)?;
                (range.end <= bytes.len()).then_some(range)
            });
            let Some(range) = range else {
                let expected = format!("the {} bytes of storage {key}", claim.n_bytes);
                return Err(fault(at, &expected, "the end of the file"));
            };
            at = range.end;
            if storages.insert(key.to_owned(), range).is_some() {
                return Err(fault(keys_at, "keys that differ", "one twice"));
            }
        }
        Ok(Self { values, storages })
    }
}

/// The pickle at a place, which moves behind it.
fn next(bytes: &[u8], at: &mut usize) -> Result<Pickle, Fault> {
    let rest = &bytes[*at..];
    let most = rest.len().min(MAX_PICKLE as usize);
    let pickle = pickle::parse_first(&rest[..most]).map_err(|mut fault| {
        fault.at += *at;
        fault
    })?;
    *at += pickle.len;
    Ok(pickle)
}

fn fault(at: usize, expected: &str, found: &str) -> Fault {
    Fault { at, expected: expected.to_owned(), found: found.to_owned() }
}
