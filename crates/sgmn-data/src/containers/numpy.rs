//! NumPy's files: one array (`.npy`), or a zip archive of arrays by name (`.npz`), compressed or not.

use std::{collections::BTreeMap, path::Path};

use super::{
    npy::{self, Header},
    tensor::View,
    tree::{Place, Store, Tree},
    value::{Key, TensorRef, Value},
};
use crate::{
    Error, Result,
    bytes::{Shared, zip_entries::Entries},
};

/// First bytes of an array.
pub(super) const START: &[u8] = b"\x93NUMPY";
/// Ending of an array's name in an archive.
pub(super) const ENDING: &str = ".npy";
/// Most dimensions of an array; NumPy has 64.
const MAX_DIMS: usize = 64;

/// Reads a file of one array.
///
/// # Errors
/// [`Error::Format`] if the header is damaged, or tells of numbers that are not there.
pub(super) fn read_array(bytes: &Shared, path: &Path) -> Result<Tree> {
    let mut store = Store::default();
    let name = "the array";
    let header = header(bytes.as_ref(), name, path)?;
    let range = header.start as u64..bytes.as_ref().len() as u64;
    let root = array(header, Place::Part(bytes.clone(), range), name, path, &mut store)?;
    Ok(tree(root, "NumPy array", path, store))
}

/// Reads an archive: a dictionary of arrays, in the order of the archive.
///
/// # Errors
/// As [`read_array`], by the name of the array.
pub(super) fn read_archive(mut entries: Entries, path: &Path) -> Result<Tree> {
    let mut store = Store::default();
    let mut arrays = Vec::new();
    let names: Vec<String> = entries.names().collect();
    for name in names {
        let Some(key) = name.strip_suffix(ENDING) else { continue };
        let entry = entries.find(&name, u64::MAX)?;
        let begin = entry.beginning(entries.bytes(), Header::MOST);
        let header = header(&begin, &name, path)?;
        let start = header.start as u64;
        let place = Place::Entry(entries.bytes().clone(), entry.without(start));
        arrays.push((Key::Text(key.to_owned()), array(header, place, &name, path, &mut store)?));
    }
    Ok(tree(Value::Dict(arrays), "NumPy archive", path, store))
}

fn tree(root: Value, container: &'static str, path: &Path, store: Store) -> Tree {
    Tree {
        root,
        metadata: BTreeMap::new(),
        attributes: Vec::new(),
        container,
        ordered: false,
        incomplete: None,
        path: path.to_owned(),
        store,
    }
}

fn header(bytes: &[u8], name: &str, path: &Path) -> Result<Header> {
    let header = Header::parse(bytes).filter(|header| header.shape.len() <= MAX_DIMS);
    header.ok_or_else(|| Error::format(path, format!("a .npy header of {name}"), "no or a damaged one"))
}

/// The value of an array whose elements stand at `place`; an array of anything but numbers is opaque.
fn array(header: Header, place: Place, name: &str, path: &Path, store: &mut Store) -> Result<Value> {
    let Header { descr, is_fortran, shape, .. } = header;
    let known = descr.as_deref().and_then(npy::element);
    let Some((element, is_big)) = known else {
        let class = format!("a NumPy array of {}", descr.as_deref().unwrap_or("records"));
        return Ok(Value::Opaque { class, state: None });
    };
    let view = if is_fortran { View::by_column(shape) } else { View::contiguous(shape) };
    let piece = store.push(place, name.to_owned());
    let size = element.size() as u64;
    let n = usize::try_from(store.size(piece) / size).ok();
    let count = n.and_then(|n| view.n_elements(n));
    if count.and_then(|count| (count as u64).checked_mul(size)) != Some(store.size(piece)) {
        let expected = format!("{size} bytes for each element of {name}, of shape {:?}", view.shape);
        return Err(Error::format(path, expected, format!("{} bytes", store.size(piece))));
    }
    if is_big {
        store.turn(piece, element.size());
    }
    Ok(Value::Tensor(TensorRef::new(element, view, piece)))
}
