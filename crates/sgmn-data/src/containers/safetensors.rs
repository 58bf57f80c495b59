//! Safetensors: a header that names tensors and says where they stand, and their numbers.
//!
//! The order of the header is not that of the net: PyTorch's writer sorts by the size of an element, then by name.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors};

use super::{
    tensor::{ElementType, View},
    tree::{Place, Store, Tree},
    value::{Key, TensorRef, Value},
};
use crate::{Error, Result, bytes::Shared};

/// Whether a file begins as safetensors do: the length of a header, and the header.
pub(crate) fn detects(start: &[u8]) -> bool {
    start.get(8) == Some(&b'{') && start.get(5..8) == Some(&[0, 0, 0])
}

/// Reads a file: tensors by the places of their numbers, then the other names of tied ones, as the metadata say them.
///
/// # Errors
/// [`Error::Format`] if the header is damaged or tells of bytes that are not there.
pub(crate) fn read(bytes: &Shared, path: &Path) -> Result<Tree> {
    let damaged =
        |why: safetensors::SafeTensorError| Error::format(path, "a safetensors file", why.to_string());
    let all = bytes.as_ref();
    let (header_len, header) = SafeTensors::read_metadata(all).map_err(damaged)?;
    // The length itself takes eight bytes.
    let begin = header_len as u64 + 8;
    let mut store = Store::default();
    let mut tensors: Vec<(usize, String, TensorRef)> = Vec::new();
    for name in header.offset_keys() {
        let Some(info) = header.info(&name) else { continue };
        let (start, end) = info.data_offsets;
        let range = begin.saturating_add(start as u64)..begin.saturating_add(end as u64);
        if bytes.get(range.clone()).is_none() {
            let found = format!("{} bytes in the file", all.len());
            return Err(Error::format(path, format!("the numbers of {name:?} at bytes {range:?}"), found));
        }
        let piece = store.push(Place::Part(bytes.clone(), range), format!("the numbers of {name:?}"));
        let view = View::contiguous(info.shape.clone());
        tensors.push((start, name, TensorRef::new(element(info.dtype), view, piece)));
    }
    tensors.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let entries = tensors.into_iter().map(|(_, name, tensor)| (Key::Text(name), Value::Tensor(tensor)));
    let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok(Tree {
        root: Value::Dict(with_aliases(entries.collect(), &metadata)),
        metadata,
        attributes: Vec::new(),
        container: "safetensors",
        ordered: false,
        incomplete: None,
        path: path.to_owned(),
        store,
    })
}

/// Adds the names that the metadata say to be others of a tensor: `{"net.0.weight": "a.weight"}` says that the tensor
/// `a.weight` is also `net.0.weight`. PyTorch's `save_model` writes tied tensors so.
pub(super) fn with_aliases(
    mut entries: Vec<(Key, Value)>,
    metadata: &BTreeMap<String, String>,
) -> Vec<(Key, Value)> {
    let known: BTreeMap<String, Value> =
        entries.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
    for (alias, name) in metadata {
        if let Some(tensor) = known.get(name).filter(|_| !known.contains_key(alias)) {
            entries.push((Key::Text(alias.clone()), tensor.clone()));
        }
    }
    entries
}

fn element(dtype: Dtype) -> ElementType {
    let foreign = |name, size| ElementType::Foreign { name, size };
    match dtype {
        Dtype::F64 => ElementType::F64,
        Dtype::F32 => ElementType::F32,
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::Bf16,
        Dtype::I64 => ElementType::I64,
        Dtype::I32 => ElementType::I32,
        Dtype::I16 => ElementType::I16,
        Dtype::I8 => ElementType::I8,
        Dtype::U64 => ElementType::U64,
        Dtype::U32 => ElementType::U32,
        Dtype::U16 => ElementType::U16,
        Dtype::U8 => ElementType::U8,
        Dtype::BOOL => ElementType::Bool,
        Dtype::C64 => foreign("complex64", 8),
        Dtype::F8_E4M3 => foreign("float8_e4m3fn", 1),
        Dtype::F8_E5M2 => foreign("float8_e5m2", 1),
        Dtype::F8_E8M0 => foreign("float8_e8m0fnu", 1),
        Dtype::F4 => foreign("float4", 0),
        Dtype::F6_E2M3 => foreign("float6_e2m3", 0),
        Dtype::F6_E3M2 => foreign("float6_e3m2", 0),
        // The list of types may grow.
        _ => foreign("a type of safetensors that is not known here", 0),
    }
}
