//! Reads PyTorch's zip archives (`.pt`, `.pth`): tensors, numbers, texts, lists and dictionaries, and nothing else.
//!
//! No code in an archive is ever run: the pickle in it is read by a machine that knows no function. Everything an
//! archive claims (sizes, shapes, nesting) is checked against what is there before memory is taken for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    pickle::{self, Fault, Object, ObjectId, Pickle, Storage},
    tensor::Tensor,
    zip_entries::Entries,
};
use crate::{Error, Result, any_net::Slot};

/// Largest pickle; it holds names and shapes only, the numbers lie beside it.
const MAX_PICKLE: u64 = 64 << 20;
/// Deepest nesting of lists and dictionaries.
const MAX_DEPTH: usize = 64;
/// Values of a whole archive at most, counted as often as they are referred to.
const MAX_VALUES: usize = 1 << 20;

/// A value of an archive.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list or a tuple.
    List(Vec<Value>),
    /// A dictionary, in the order in which Python filled it.
    Dict(Vec<(Key, Value)>),
    /// A tensor.
    Tensor(Tensor),
}

/// A key of a dictionary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A name.
    Text(String),
    /// A number, as in optimizer states.
    Int(i64),
}

/// Named tensors in file order, and whatever stood beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct StateDict {
    /// Tensors by name.
    pub tensors: Vec<(String, Tensor)>,
    /// Entries that are no tensors, such as a label.
    pub others: Vec<(String, Value)>,
}

impl Value {
    /// The entry of a dictionary under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Dict(entries) => {
                entries.iter().find(|(key, _)| matches!(key, Key::Text(text) if text == name))
            }
            _ => None,
        }
        .map(|(_, value)| value)
    }
}

/// Reads an archive.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it is no zip archive of PyTorch (the old form from
/// before PyTorch 1.6 is named as such), is damaged, or holds anything but plain values.
pub fn read(path: &Path) -> Result<Value> {
    let mut archive = Archive::open(path)?;
    let pickle = archive.pickle()?;
    Builder {
        pickle: &pickle,
        archive: &mut archive,
        storages: BTreeMap::new(),
        n_values: 0,
        n_bytes: 0,
        n_unpacked: 0,
    }
    .value(pickle.root, 0)
}

/// Reads the state dict that stands in an archive under the given keys, outermost first; none if it is the archive.
///
/// # Errors
/// As [`read`] and [`state_dict`].
pub fn read_state_dict(path: &Path, under: &[&str]) -> Result<StateDict> {
    state_dict(read(path)?, under, path)
}

/// Takes the state dict out of an archive's value. `path` is for messages.
///
/// # Errors
/// [`Error::Format`] if a key is missing (the keys that exist are listed) or there is no dictionary of names.
pub fn state_dict(value: Value, under: &[&str], path: &Path) -> Result<StateDict> {
    let mut value = value;
    for &name in under {
        let known = names(&value);
        let entry = match value {
            Value::Dict(entries) => {
                entries.into_iter().find(|(key, _)| matches!(key, Key::Text(text) if text == name))
            }
            _ => None,
        };
        (_, value) = entry.ok_or_else(|| Error::format(path, format!("an entry {name:?}"), known))?;
    }
    let Value::Dict(entries) = value else {
        return Err(Error::format(path, "a dictionary of tensors", names(&value)));
    };
    let mut dict = StateDict { tensors: Vec::new(), others: Vec::new() };
    for (key, value) in entries {
        match (key, value) {
            (Key::Text(name), Value::Tensor(tensor)) => dict.tensors.push((name, tensor)),
            (Key::Text(name), value) => dict.others.push((name, value)),
            (Key::Int(key), _) => {
                return Err(Error::format(path, "a dictionary of named tensors", format!("the key {key}")));
            }
        }
    }
    Ok(dict)
}

/// What a value is, and which keys it has, for messages.
fn names(value: &Value) -> String {
    const MOST: usize = 12;
    match value {
        Value::Dict(entries) => {
            let shown: Vec<String> = entries
                .iter()
                .take(MOST)
                .map(|(key, _)| match key {
                    Key::Text(text) => format!("{text:?}"),
                    Key::Int(number) => number.to_string(),
                })
                .collect();
            format!("the keys {}{}", shown.join(", "), if entries.len() > MOST { ", ..." } else { "" })
        }
        Value::Tensor(_) => "a tensor".to_owned(),
        Value::List(_) => "a list".to_owned(),
        _ => "a single value".to_owned(),
    }
}

/// An open archive.
pub(crate) struct Archive {
    entries: Entries,
    path: PathBuf,
    /// Folder inside the archive that holds everything, with its slash.
    prefix: String,
}

impl Archive {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`read`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        let mut start = Vec::new();
        (&mut file).take(LEGACY_START.len() as u64).read_to_end(&mut start).map_err(Error::io(path))?;
        if start == LEGACY_START {
            return Err(Error::format(
                path,
                "a zip archive of PyTorch 1.6 or newer",
                "the older form; load it in PyTorch and save it again",
            ));
        }
        Self::new(Entries::open(path, "a zip archive of PyTorch")?, path)
    }

    /// Takes an archive that is open; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Format`] if it has no `data.pkl` in one folder, or numbers in the other byte order.
    pub(crate) fn new(entries: Entries, path: &Path) -> Result<Self> {
        let (prefix, another) = entries.folder_of("data.pkl");
        let Some(prefix) = prefix.filter(|prefix| !another && prefix.len() > 1) else {
            let found = if another { "several" } else { "none there" };
            return Err(Error::format(path, "an archive with one data.pkl in one folder", found));
        };
        let mut archive = Self { entries, path: path.to_owned(), prefix };
        if archive.entries.contains(&archive.name("byteorder")) {
            let order = archive.entry("byteorder", 16)?;
            if order != b"little" {
                let found = order.escape_ascii().to_string();
                return Err(Error::format(path, "numbers in byte order \"little\"", format!("{found:?}")));
            }
        }
        Ok(archive)
    }

    /// Where the tensors of the state dict under the given keys stand, by name.
    ///
    /// # Errors
    /// As [`read_state_dict`].
    pub(crate) fn slots(&mut self, under: &[&str]) -> Result<Vec<(String, Slot)>> {
        let pickle = self.pickle()?;
        let text = |id: ObjectId| match &pickle.objects[id] {
            Object::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let entries = |id: ObjectId, expected: String| match &pickle.objects[id] {
            Object::Dict(pairs) if pairs.len() <= MAX_VALUES => Ok(pairs),
            object => Err(Error::format(&self.path, expected, format!("a {}", object.kind()))),
        };
        let mut at = pickle.root;
        for name in under {
            let pairs = entries(at, format!("a dictionary with {name:?}"))?;
            let found = pairs.iter().find(|(key, _)| text(*key) == Some(name));
            (_, at) = *found.ok_or_else(|| {
                let keys: Vec<&str> = pairs.iter().filter_map(|(key, _)| text(*key)).take(12).collect();
                Error::format(&self.path, format!("an entry {name:?}"), format!("the keys {keys:?}"))
            })?;
        }
        let mut slots = Vec::new();
        let mut seen = BTreeSet::new();
        for (key, value) in entries(at, "a dictionary of tensors".to_owned())? {
            if let (Some(name), Object::Tensor { storage, view }) = (text(*key), &pickle.objects[*value]) {
                if !seen.insert(name) {
                    return Err(Error::format(&self.path, "keys that differ", format!("{name:?} twice")));
                }
                let entry = format!("{}data/{}", self.prefix, storage.key);
                let (element, view) = (storage.element, view.clone());
                slots.push((name.to_owned(), Slot { entry, inside: None, element, view }));
            }
        }
        Ok(slots)
    }

    /// The entries of the archive.
    pub(crate) fn into_entries(self) -> Entries {
        self.entries
    }

    fn name(&self, entry: &str) -> String {
        format!("{}{entry}", self.prefix)
    }

    fn entry(&mut self, entry: &str, max: u64) -> Result<Vec<u8>> {
        self.entries.read(&self.name(entry), max)
    }

    fn pickle(&mut self) -> Result<Pickle> {
        let bytes = self.entry("data.pkl", MAX_PICKLE)?;
        pickle::parse(&bytes).map_err(|Fault { at, expected, found }| {
            let found = format!("{found} at byte {at} of {}data.pkl", self.prefix);
            Error::format(&self.path, expected, found)
        })
    }
}

/// First bytes of files from before PyTorch 1.6: a pickled magic number.
pub(crate) const LEGACY_START: [u8; 14] =
    [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Turns a pickle's objects into values and counts what that costs.
struct Builder<'a> {
    pickle: &'a Pickle,
    archive: &'a mut Archive,
    storages: BTreeMap<String, Vec<u8>>,
    n_values: usize,
    n_bytes: u64,
    n_unpacked: u64,
}

impl Builder<'_> {
    fn value(&mut self, id: ObjectId, depth: usize) -> Result<Value> {
        self.n_values += 1;
        if depth > MAX_DEPTH || self.n_values > MAX_VALUES {
            let expected = format!("at most {MAX_VALUES} values, nested at most {MAX_DEPTH} deep");
            return self.fault(expected, "more, or values that contain themselves");
        }
        let pickle = self.pickle;
        Ok(match &pickle.objects[id] {
            Object::None => Value::None,
            Object::Bool(value) => Value::Bool(*value),
            Object::Int(value) => Value::Int(*value),
            Object::Float(value) => Value::Float(*value),
            Object::Text(text) => {
                self.spend(text.len() as u64)?;
                Value::Text(text.clone())
            }
            Object::List(items) | Object::Tuple(items) => {
                Value::List(items.iter().map(|&item| self.value(item, depth + 1)).collect::<Result<_>>()?)
            }
            Object::Dict(pairs) => {
                let mut entries = Vec::new();
                let mut seen = BTreeSet::new();
                for &(key, value) in pairs {
                    let key = self.key(key)?;
                    if !seen.insert(key.clone()) {
                        return self.fault("keys that differ", format!("{key:?} twice"));
                    }
                    entries.push((key, self.value(value, depth + 1)?));
                }
                Value::Dict(entries)
            }
            Object::Tensor { storage, view } => {
                self.load(storage)?;
                let n_elements = view.n_elements(storage.n_elements).unwrap_or(0);
                self.spend(n_elements as u64 * size_of::<f64>() as u64)?;
                let bytes = &self.storages[&storage.key];
                match view.read(storage.element, bytes) {
                    Some(tensor) => Value::Tensor(tensor),
                    None => {
                        let expected = format!("a tensor inside its storage {}", storage.key);
                        return self.fault(expected, format!("{view:?} of {} bytes", bytes.len()));
                    }
                }
            }
            object @ (Object::Name(_) | Object::Storage(_)) => {
                return self.fault(
                    "tensors, numbers, texts, lists and dictionaries",
                    format!("a bare {}", object.kind()),
                );
            }
        })
    }

    fn key(&mut self, id: ObjectId) -> Result<Key> {
        match &self.pickle.objects[id] {
            Object::Text(text) => {
                self.spend(text.len() as u64)?;
                Ok(Key::Text(text.clone()))
            }
            Object::Int(number) => Ok(Key::Int(*number)),
            object => self.fault("keys that are texts or whole numbers", object.kind()),
        }
    }

    /// Unpacks a storage unless it is at hand.
    fn load(&mut self, storage: &Storage) -> Result<()> {
        let Storage { element, key, n_elements } = storage;
        let size = n_elements.saturating_mul(element.size());
        if !self.storages.contains_key(key) {
            let bytes = self.archive.entry(&format!("data/{key}"), size as u64)?;
            self.n_unpacked += bytes.len() as u64;
            self.storages.insert(key.clone(), bytes);
        }
        let found = self.storages[key].len();
        if found == size {
            Ok(())
        } else {
            self.fault(format!("{size} bytes in storage {key}"), found.to_string())
        }
    }

    /// Counts bytes of memory; shared objects count as often as they are copied.
    fn spend(&mut self, n_bytes: u64) -> Result<()> {
        // Elements of one byte become eight, and two names for one tensor are common.
        const PER_UNPACKED_BYTE: u64 = 16;
        // For texts, which are not in storages.
        const FREE: u64 = 16 << 20;
        self.n_bytes = self.n_bytes.saturating_add(n_bytes);
        let max = FREE.saturating_add(self.n_unpacked.saturating_mul(PER_UNPACKED_BYTE));
        if self.n_bytes > max { self.fault(format!("at most {max} bytes of values"), "more") } else { Ok(()) }
    }

    fn fault<T>(&self, expected: impl Into<String>, found: impl Into<String>) -> Result<T> {
        Err(Error::format(&self.archive.path, expected, found))
    }
}
