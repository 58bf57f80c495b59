//! The zip archive of an exported program: its layouts, its graph, and where the numbers of its tensors stand.

use std::{collections::BTreeMap, path::Path};

use serde::de::DeserializeOwned;

use super::program::{Payload, PayloadConfig, Program, SCHEMA, Size, TensorMeta, Versioned};
use crate::{
    Error, Result,
    any_net::payload::{self, Slot},
    bytes::zip_entries::Entries,
    containers::{self, ElementType, View},
};

/// Largest description of a graph; numbers lie beside it.
const MAX_JSON: u64 = 256 << 20;
/// Most axes of a tensor.
const MAX_AXES: usize = 16;
/// Layout number of ordinary tensors.
const STRIDED: i64 = 7;
/// What the file is for messages.
pub(super) const WHAT: &str = "an archive of torch.export.save";

/// An archive that has been looked through.
pub(super) struct Archive {
    pub(super) entries: Entries,
    pub(super) program: Program,
    /// For the names of parameters, buffers and constants where they stand.
    pub(super) slots: BTreeMap<String, Slot>,
}

/// Opens an archive: PyTorch 2.9 and newer (raw numbers and a list of places), 2.8 (weights as an archive inside), or
/// older (the same, outside of all folders).
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] for an archive that is damaged, of another kind, or of another version of the schema.
pub(super) fn open(path: &Path) -> Result<Archive> {
    let mut entries = Entries::open(path, WHAT)?;
    const OLD: &str = "serialized_exported_program.json";
    let (folder, several) = entries.folder_of("archive_format");
    let mut slots = BTreeMap::new();
    let (model, inside) = match folder {
        Some(folder) if !several => {
            let format = entries.read(&format!("{folder}archive_format"), 16)?;
            let version = entries.read(&format!("{folder}archive_version"), 16)?;
            if (&format[..], &version[..]) != (b"pt2", b"0") {
                let found = format!("{} version {}", format.escape_ascii(), version.escape_ascii());
                return Err(Error::format(path, "an archive of format pt2 version 0", found));
            }
            check_byte_order(path, &mut entries, &folder)?;
            let models = format!("{folder}models/");
            let mut names = entries.names().filter(|name| name.starts_with(&models)).collect::<Vec<_>>();
            let model = match (names.pop(), names.pop()) {
                (Some(model), None) if model.ends_with(".json") => model,
                (found, _) => {
                    let found = if found.is_some() { "several, or of another kind" } else { "none" };
                    return Err(Error::format(path, format!("one graph {models}NAME.json"), found));
                }
            };
            let name = &model[models.len()..model.len() - ".json".len()];
            let mut inside = Vec::new();
            for kind in ["weights", "constants"] {
                let config = format!("{folder}data/{kind}/{name}_{kind}_config.json");
                if entries.contains(&config) {
                    let config: PayloadConfig = json(path, &mut entries, &config)?;
                    for (name, payload) in config.config {
                        slots.extend(slot(path, &folder, kind, &name, payload)?.map(|slot| (name, slot)));
                    }
                } else {
                    inside.push(format!("{folder}data/{kind}/{name}.pt"));
                }
            }
            (model, inside)
        }
        _ if entries.contains(OLD) => {
            (OLD.to_owned(), ["state_dict", "constants"].map(|kind| format!("serialized_{kind}.pt")).to_vec())
        }
        _ => {
            let found = if several { "several" } else { "none" };
            return Err(Error::format(path, "an archive with one `archive_format` in a folder", found));
        }
    };
    let program = program(path, &mut entries, &model)?;
    for entry in inside {
        nested(path, &mut entries, &entry, &mut slots)?;
    }
    Ok(Archive { entries, program, slots })
}

fn check_byte_order(path: &Path, entries: &mut Entries, folder: &str) -> Result<()> {
    let name = format!("{folder}byteorder");
    if entries.contains(&name) {
        let order = entries.read(&name, 16)?;
        if order != b"little" {
            let found = format!("{:?}", order.escape_ascii().to_string());
            return Err(Error::format(path, "numbers in byte order \"little\"", found));
        }
    }
    Ok(())
}

fn program(path: &Path, entries: &mut Entries, name: &str) -> Result<Program> {
    let bytes = entries.read(name, MAX_JSON)?;
    let Versioned { schema_version } = parse(path, name, &bytes)?;
    if schema_version.major != SCHEMA {
        let found = format!("{}.{}", schema_version.major, schema_version.minor);
        return Err(Error::format(path, format!("a graph of schema {SCHEMA}"), found));
    }
    parse(path, name, &bytes)
}

fn json<T: DeserializeOwned>(path: &Path, entries: &mut Entries, name: &str) -> Result<T> {
    let bytes = entries.read(name, MAX_JSON)?;
    parse(path, name, &bytes)
}

fn parse<T: DeserializeOwned>(path: &Path, name: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|why| Error::format(path, format!("a graph of schema {SCHEMA} in {name}"), why.to_string()))
}

/// Where the raw numbers of a tensor stand; `None` for what is no tensor.
fn slot(path: &Path, folder: &str, kind: &str, name: &str, payload: Payload) -> Result<Option<Slot>> {
    let refused = |what: String| Err(Error::Unsupported { path: path.to_owned(), what });
    let Payload { path_name, use_pickle, tensor_meta } = payload;
    let Some(meta) = tensor_meta else {
        // Objects of classes; a graph that uses one is refused there.
        return Ok(None);
    };
    if use_pickle {
        return refused(format!("the tensor {name:?} is a pickled object, not raw numbers"));
    }
    let plain = path_name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !plain || path_name.is_empty() {
        return Err(Error::format(
            path,
            format!("a plain name of an entry for {name:?}"),
            format!("{path_name:?}"),
        ));
    }
    let TensorMeta { dtype, sizes, strides, storage_offset, layout } = meta;
    let Some(element) = element(dtype) else {
        return refused(format!("the tensor {name:?} has numbers of type {dtype}"));
    };
    if layout != STRIDED {
        return refused(format!("the tensor {name:?} has layout {layout}"));
    }
    let fixed = |size: &Size| match size {
        Size::AsInt(size) => usize::try_from(*size).ok(),
        Size::AsExpr(_) => None,
    };
    let all = |sizes: &[Size]| sizes.iter().map(fixed).collect::<Option<Vec<usize>>>();
    match (all(&sizes), all(&strides), fixed(&storage_offset)) {
        (Some(shape), Some(strides), Some(offset))
            if shape.len() == strides.len() && shape.len() <= MAX_AXES =>
        {
            let entry = format!("{folder}data/{kind}/{path_name}");
            Ok(Some(Slot { entry, inside: None, element, view: View { offset, shape, strides } }))
        }
        _ => Err(Error::format(path, format!("sizes and strides of {name:?}, none negative"), "others")),
    }
}

/// Tensors of an archive of `torch.save` that stands inside.
fn nested(path: &Path, entries: &mut Entries, entry: &str, slots: &mut BTreeMap<String, Slot>) -> Result<()> {
    let bytes = entries.read(entry, u64::MAX)?;
    if bytes.is_empty() {
        return Ok(());
    }
    let inner = containers::read_inside(bytes, path)?;
    for (name, slot) in payload::slots(&inner, &[])? {
        slots.insert(name, Slot { inside: Some(entry.to_owned()), ..slot });
    }
    Ok(())
}

/// The type of numbers that a schema's number names, if it is read here.
pub(super) fn element(dtype: i64) -> Option<ElementType> {
    Some(match dtype {
        1 => ElementType::U8,
        2 => ElementType::I8,
        3 => ElementType::I16,
        4 => ElementType::I32,
        5 => ElementType::I64,
        6 => ElementType::F16,
        7 => ElementType::F32,
        8 => ElementType::F64,
        12 => ElementType::Bool,
        13 => ElementType::Bf16,
        _ => return None,
    })
}
