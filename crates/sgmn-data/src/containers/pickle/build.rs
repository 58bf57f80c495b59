//! From the objects of a pickle to values: names that stand for data get their meaning, all others become opaque.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        tensor::ElementType,
        tree::{Place, Store},
        value::{Key, Value},
    },
    Claim, Dict, Object, ObjectId, Pickle,
};
use crate::{Error, Result};

/// Deepest nesting; a module in a module is nested four deeper.
const MAX_DEPTH: usize = 200;
/// Memory that values may take in any case, in bytes, ...
const FREE: u64 = 64 << 20;
/// ... for every byte of the pickle (a number in a list has two, and takes this much), ...
const PER_BYTE: u64 = 64;
/// ... and at most.
const MOST: u64 = 1 << 30;
/// What a value takes, in bytes.
const VALUE: u64 = 128;
/// Numbers of all tensors may take this much for every byte of the storages they show: elements of one byte become
/// eight, and two names for one tensor are common.
const PER_STORED_BYTE: u64 = 16;

/// The value of a pickle.
pub(in super::super) struct Built {
    pub(in super::super) root: Value,
    /// Attributes of dictionaries by the keys that lead to them.
    pub(in super::super) attributes: Vec<(Vec<Key>, Value)>,
}

/// Finds a storage and puts it into the store: its number there.
pub(in super::super) type Resolve<'a> = dyn FnMut(&mut Store, &Claim) -> Result<usize> + 'a;

/// Turns a pickle's objects into values.
///
/// # Errors
/// [`Error::Format`] for values that take more memory than the pickle's size explains, and for tensors outside of their
/// storages; those of `resolve`. `fault` makes an error of what was expected and found.
pub(in super::super) fn build(
    pickle: &Pickle,
    store: &mut Store,
    resolve: &mut Resolve<'_>,
    fault: &dyn Fn(String, String) -> Error,
) -> Result<Built> {
    let left = FREE.saturating_add(PER_BYTE.saturating_mul(pickle.len as u64)).min(MOST);
    let mut builder = Builder {
        pickle,
        store,
        resolve,
        fault,
        left,
        tensors_left: FREE,
        storages: BTreeMap::new(),
        copies: BTreeMap::new(),
        inside: BTreeMap::new(),
        open: Vec::new(),
        keys: Vec::new(),
        attributes: Vec::new(),
    };
    let root = builder.value(pickle.root)?;
    Ok(Built { root, attributes: builder.attributes })
}

/// What is known while values are built, and what they cost.
pub(super) struct Builder<'a> {
    pub(super) pickle: &'a Pickle,
    store: &'a mut Store,
    resolve: &'a mut Resolve<'a>,
    fault: &'a dyn Fn(String, String) -> Error,
    /// Bytes of memory that values may still take.
    left: u64,
    /// Bytes of memory that numbers of tensors may still take, when they are read.
    tensors_left: u64,
    /// Storages by their names.
    storages: BTreeMap<String, usize>,
    /// Bytes of the pickle that are storages of arrays, by object, and by size of an element whose bytes are turned.
    copies: BTreeMap<(ObjectId, usize), usize>,
    /// Storages inside of the pickle, and the types of their elements, by the objects of their bytes.
    pub(super) inside: BTreeMap<ObjectId, (usize, Option<ElementType>)>,
    /// Objects that are being built.
    open: Vec<ObjectId>,
    /// Keys that lead to the one that is being built.
    keys: Vec<Key>,
    attributes: Vec<(Vec<Key>, Value)>,
}

impl Builder<'_> {
    pub(super) fn value(&mut self, id: ObjectId) -> Result<Value> {
        self.spend(VALUE)?;
        let pickle = self.pickle;
        Ok(match pickle.object(id) {
            Object::None => Value::None,
            Object::Bool(value) => Value::Bool(*value),
            Object::Int(value) => Value::Int(*value),
            Object::Float(value) => Value::Float(*value),
            Object::Text(text) => {
                self.spend(text.len() as u64)?;
                Value::Text(text.clone())
            }
            Object::Wide => opaque("int", None),
            Object::Bytes(_) => opaque("bytes", None),
            Object::Name(name) => opaque(&self.class(&name.0, &name.1)?, None),
            Object::List(_)
            | Object::Tuple(_)
            | Object::Set(_)
            | Object::Dict(_)
            | Object::Call(_)
            | Object::Persistent(_) => {
                if self.open.contains(&id) {
                    return Ok(opaque("a value that contains itself", None));
                }
                if self.open.len() >= MAX_DEPTH {
                    return self.fail(format!("values nested at most {MAX_DEPTH} deep"), "deeper ones");
                }
                self.open.push(id);
                let value = self.container(id)?;
                self.open.pop();
                value
            }
        })
    }

    fn container(&mut self, id: ObjectId) -> Result<Value> {
        let pickle = self.pickle;
        Ok(match pickle.object(id) {
            Object::List(items) | Object::Tuple(items) => self.list(items)?,
            Object::Set(items) => opaque("set", Some(self.list(items)?)),
            Object::Dict(Dict { pairs, state }) => self.dict(pairs.iter().copied(), *state)?,
            Object::Call(call) => match pickle.name(call.callee) {
                Some((module, name)) => self.named_call(call, module, name, call.args)?,
                None => {
                    let kind = pickle.object(call.callee).kind();
                    self.unknown_call(&format!("what a call of a {kind} makes"), call)?
                }
            },
            // Of a program that is not PyTorch, or a storage that is not part of a tensor.
            Object::Persistent(inner) => opaque("an object outside of the file", Some(self.value(*inner)?)),
            _ => Value::None,
        })
    }

    pub(super) fn list(&mut self, items: &[ObjectId]) -> Result<Value> {
        Ok(Value::List(items.iter().map(|item| self.value(*item)).collect::<Result<_>>()?))
    }

    pub(super) fn dict(
        &mut self,
        pairs: impl Iterator<Item = (ObjectId, ObjectId)>,
        state: Option<ObjectId>,
    ) -> Result<Value> {
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        for (key, value) in pairs {
            let key = self.key(key)?;
            if !matches!(key, Key::Other(_)) && !seen.insert(key.clone()) {
                return self.fail("keys that differ", format!("{:?} twice", key.to_string()));
            }
            self.keys.push(key.clone());
            let value = self.value(value)?;
            self.keys.pop();
            entries.push((key, value));
        }
        if let Some(state) = state {
            let state = self.value(state)?;
            self.spend(self.keys.iter().map(|key| 64 + key.to_string().len() as u64).sum())?;
            self.attributes.push((self.keys.clone(), state));
        }
        Ok(Value::Dict(entries))
    }

    fn key(&mut self, id: ObjectId) -> Result<Key> {
        Ok(match self.pickle.object(id) {
            Object::Text(text) => {
                // Once in the dictionary, once among the keys that were seen.
                self.spend(2 * text.len() as u64)?;
                Key::Text(text.clone())
            }
            Object::Int(number) => Key::Int(*number),
            Object::Bool(truth) => Key::Other(truth.to_string()),
            Object::Float(number) => Key::Other(number.to_string()),
            other => Key::Other(format!("a {}", other.kind())),
        })
    }

    /// Bytes that are in the pickle; `None` if the object is something else.
    pub(super) fn bytes(&mut self, id: ObjectId) -> Result<Option<Vec<u8>>> {
        let pickle = self.pickle;
        let bytes = match pickle.object(id) {
            Object::Bytes(bytes) => bytes.clone(),
            // Bytes of Python 2.
            Object::Text(text) => text.as_bytes().to_vec(),
            Object::Call(call) => match (pickle.name(call.callee), pickle.tuple(call.args)) {
                // Protocol 2 of Python 3 writes bytes as letters of Latin-1, and no bytes as a call without arguments.
                (Some(("_codecs", "encode")), [text, _]) => {
                    let text = pickle.text(*text).unwrap_or_default();
                    self.spend(text.len() as u64)?;
                    match text.chars().map(|letter| u8::try_from(letter).ok()).collect() {
                        Some(bytes) => return Ok(Some(bytes)),
                        None => return Ok(None),
                    }
                }
                (Some(("builtins" | "__builtin__", "bytes" | "bytearray")), []) => Vec::new(),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.spend(bytes.len() as u64)?;
        Ok(Some(bytes))
    }

    /// The number in the store of bytes that are in the pickle; `turned`: the size of elements whose bytes are turned.
    pub(super) fn copied(&mut self, id: ObjectId, turned: usize) -> Result<Option<usize>> {
        if let Some(piece) = self.copies.get(&(id, turned)) {
            return Ok(Some(*piece));
        }
        let Some(mut bytes) = self.bytes(id)? else { return Ok(None) };
        if turned > 1 {
            bytes.chunks_exact_mut(turned).for_each(<[u8]>::reverse);
        }
        let piece = self.keep(bytes);
        self.copies.insert((id, turned), piece);
        Ok(Some(piece))
    }

    /// Puts bytes into the store.
    pub(super) fn keep(&mut self, bytes: Vec<u8>) -> usize {
        let size = PER_STORED_BYTE.saturating_mul(bytes.len() as u64);
        self.tensors_left = self.tensors_left.saturating_add(size);
        self.store.push(Place::Memory(bytes), "the pickle".to_owned())
    }

    /// Bytes of a run in the store.
    pub(super) fn piece_size(&self, piece: usize) -> u64 {
        self.store.size(piece)
    }

    /// The number in the store of a storage, of which the size is checked.
    pub(super) fn stored(&mut self, claim: &Claim) -> Result<usize> {
        let piece = match self.storages.get(&claim.key) {
            Some(piece) => *piece,
            None => {
                let piece = (self.resolve)(self.store, claim)?;
                self.storages.insert(claim.key.clone(), piece);
                let size = PER_STORED_BYTE.saturating_mul(self.store.size(piece));
                self.tensors_left = self.tensors_left.saturating_add(size);
                piece
            }
        };
        let found = self.store.size(piece);
        if found == claim.n_bytes {
            Ok(piece)
        } else {
            self.fail(format!("{} bytes in storage {}", claim.n_bytes, claim.key), found.to_string())
        }
    }

    /// Counts a tensor.
    pub(super) fn spend_tensor(&mut self, n_elements: usize) -> Result<()> {
        const SHAPE: u64 = 256;
        self.spend(SHAPE)?;
        match self.tensors_left.checked_sub((n_elements as u64).saturating_mul(size_of::<f64>() as u64)) {
            Some(left) => {
                self.tensors_left = left;
                Ok(())
            }
            None => self.fail("tensors of no more numbers than the file's size explains", "more"),
        }
    }

    /// Counts bytes of memory; shared objects count as often as they are copied.
    pub(super) fn spend(&mut self, n_bytes: u64) -> Result<()> {
        match self.left.checked_sub(n_bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.fail("values of no more memory than the file's size explains", "more"),
        }
    }

    pub(super) fn fail<T>(&self, expected: impl Into<String>, found: impl Into<String>) -> Result<T> {
        Err((self.fault)(expected.into(), found.into()))
    }
}

/// An opaque value.
pub(super) fn opaque(class: &str, state: Option<Value>) -> Value {
    Value::Opaque { class: class.to_owned(), state: state.map(Box::new) }
}
