//! A net in several files, and the index that says which tensor stands in which: `*.index.json`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    tree::{Store, Tree},
    value::{Key, TensorRef, Value},
};
use crate::{Error, Result, bytes::Shared};

/// Ending of an index's name.
const ENDING: &str = ".index.json";
/// Largest index.
const MAX_INDEX: usize = 64 << 20;
/// Most files of one net.
const MAX_SHARDS: usize = 4096;

#[derive(Deserialize)]
struct Index {
    weight_map: Map<String, Json>,
}

/// Whether some bytes may be an index: it is a JSON object that has a `weight_map`.
pub(super) fn detects(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"\"weight_map\"";
    let text = bytes.trim_ascii_start();
    text.starts_with(b"{") && bytes.len() <= MAX_INDEX && text.windows(KEY.len()).any(|window| window == KEY)
}

/// The index in a folder.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] if there is none, or several.
pub(super) fn index_in(folder: &Path) -> Result<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(ENDING) && !name.starts_with('.') {
            found.insert(path);
        }
    }
    let expected = format!("a file, or a folder with one NAME{ENDING} that names the parts of a net");
    match (found.pop_first(), found.pop_first()) {
        (Some(index), None) => Ok(index),
        (None, _) => Err(Error::format(folder, expected, "a folder without one")),
        (Some(a), Some(b)) => {
            let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Err(Error::format(folder, expected, format!("{} and {}", name(&a), name(&b))))
        }
    }
}

/// The files of an index by name, each with the tensors that stand in it.
pub(crate) type Parts = BTreeMap<String, Vec<String>>;

/// Which tensors an index says to be in which files beside it, and all their names in the order of the index.
///
/// # Errors
/// [`Error::Format`] for a damaged index, and for a name of a file that leads elsewhere or is not there.
pub(crate) fn parts(bytes: &[u8], path: &Path) -> Result<(Parts, Vec<String>)> {
    let fault = |expected: String, found: String| Error::format(path, expected, found);
    if bytes.len() > MAX_INDEX {
        return Err(fault(format!("an index of at most {MAX_INDEX} bytes"), bytes.len().to_string()));
    }
    let Index { weight_map } = serde_json::from_slice(bytes)
        .map_err(|why| fault("an index with a weight_map".to_owned(), why.to_string()))?;
    let mut wanted = Parts::new();
    for (tensor, part) in &weight_map {
        let Some(part) = part.as_str().filter(|part| is_plain(part)) else {
            let found = part.to_string();
            return Err(fault(format!("the plain name of a file beside the index, for {tensor:?}"), found));
        };
        wanted.entry(part.to_owned()).or_default().push(tensor.clone());
    }
    if wanted.is_empty() || wanted.len() > MAX_SHARDS {
        return Err(fault(format!("1 to {MAX_SHARDS} parts of a net"), wanted.len().to_string()));
    }
    for (part, names) in &wanted {
        if !path.with_file_name(part).is_file() {
            let found = format!("no such file; {} of its tensors stand in it", names.len());
            return Err(fault(format!("the part {part} beside the index"), found));
        }
    }
    Ok((wanted, weight_map.keys().cloned().collect()))
}

/// Reads all parts; `read` reads one.
///
/// # Errors
/// Those of [`parts`]; [`Error::Format`] for a tensor that is not where the index says, by its name; those of `read`.
pub(super) fn read(bytes: &Shared, path: &Path, read: &dyn Fn(&Path) -> Result<Tree>) -> Result<Tree> {
    let fault = |expected: String, found: String| Error::format(path, expected, found);
    let (wanted, order) = parts(bytes.as_ref(), path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut store = Store::default();
    let mut tensors: BTreeMap<String, TensorRef> = BTreeMap::new();
    let mut metadata = BTreeMap::new();
    for (part, names) in &wanted {
        let file = folder.join(part);
        let tree = read(&file)?;
        let shift = store.adopt(tree.store, &file);
        let entries = match tree.root {
            Value::Dict(entries) => entries,
            other => return Err(Error::format(file, "a dictionary of tensors", other.describe())),
        };
        let mut there = BTreeSet::new();
        for (key, value) in entries {
            let (Key::Text(name), Value::Tensor(mut tensor)) = (key, value) else { continue };
            tensor.piece += shift;
            there.insert(name.clone());
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(fault(
                    format!("the tensor {name:?} in one part"),
                    "two parts with it".to_owned(),
                ));
            }
        }
        if let Some(missing) = names.iter().find(|name| !there.contains(*name)) {
            return Err(fault(format!("the tensor {missing:?} in {part}"), "none of that name".to_owned()));
        }
        metadata.extend(tree.metadata);
    }
    // As the index has them, then those that it does not name, such as other names of tied ones.
    let mut entries = Vec::new();
    for name in &order {
        entries.extend(tensors.remove(name).map(|tensor| (Key::Text(name.clone()), Value::Tensor(tensor))));
    }
    entries.extend(tensors.into_iter().map(|(name, tensor)| (Key::Text(name), Value::Tensor(tensor))));
    Ok(Tree {
        root: Value::Dict(entries),
        metadata,
        attributes: Vec::new(),
        container: "net in several files",
        ordered: false,
        incomplete: None,
        path: path.to_owned(),
        store,
    })
}

/// Says so if a file is one of several parts, as its name tells: `NAME-00001-of-00002.safetensors`.
pub(super) fn part_of(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let (before, n_parts) = stem.rsplit_once("-of-")?;
    let (name, part) = before.rsplit_once('-')?;
    let (part, n_parts): (u32, u32) = (part.parse().ok()?, n_parts.parse().ok()?);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let index = format!("{name}.{ending}{ENDING}");
    let is_there = path.with_file_name(&index).is_file();
    let help =
        if is_there { format!("read {index}, which names all") } else { format!("{index} is not there") };
    (n_parts > 1).then(|| format!("this is part {part} of {n_parts} of a net; {help}"))
}

fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0', ':'])
}
