//! The tensors of one dictionary of a tree, read, for programs that know where it stands.

use super::{Key, Tensor, TensorRef, Tree, Value};
use crate::{Error, Result};

/// Named tensors in file order, and whatever stood beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct StateDict {
    /// Tensors by name.
    pub tensors: Vec<(String, Tensor)>,
    /// Entries that are no tensors, such as a label.
    pub others: Vec<(String, Value)>,
}

/// Reads the dictionary that stands in a tree under the given keys, outermost first; none if it is the whole.
///
/// # Errors
/// [`Error::Format`] if a key is missing (the keys that exist are listed) or there is no dictionary of names, and those
/// of [`Tree::tensor`].
pub fn state_dict(tree: &Tree, under: &[&str]) -> Result<StateDict> {
    let path = tree.path();
    let mut dict = StateDict { tensors: Vec::new(), others: Vec::new() };
    for (key, value) in tree.entries_under(under)? {
        match (key, value) {
            (Key::Text(name), Value::Tensor(tensor)) => {
                dict.tensors.push((name.clone(), tree.tensor(tensor)?));
            }
            (Key::Text(name), value) => dict.others.push((name.clone(), value.clone())),
            (key, _) => {
                return Err(Error::format(path, "a dictionary of named tensors", format!("the key {key}")));
            }
        }
    }
    Ok(dict)
}

impl Tree {
    /// The entries of the dictionary under the given keys, outermost first.
    fn entries_under<K: AsRef<str>>(&self, under: &[K]) -> Result<&[(Key, Value)]> {
        let mut value = &self.root;
        for name in under {
            let name = name.as_ref();
            value = value
                .get(name)
                .ok_or_else(|| Error::format(self.path(), format!("an entry {name:?}"), names(value)))?;
        }
        match value {
            Value::Dict(entries) => Ok(entries),
            _ => Err(Error::format(self.path(), "a dictionary of tensors", names(value))),
        }
    }

    /// The tensors of the dictionary under the given keys, without their numbers.
    ///
    /// # Errors
    /// As [`state_dict`].
    pub(crate) fn tensors_under<K: AsRef<str>>(&self, under: &[K]) -> Result<Vec<(&str, &TensorRef)>> {
        let tensors = self.entries_under(under)?.iter().filter_map(|(key, value)| match (key, value) {
            (Key::Text(name), Value::Tensor(tensor)) => Some((name.as_str(), tensor)),
            _ => None,
        });
        Ok(tensors.collect())
    }
}

/// What a value is, and which keys it has, for messages.
fn names(value: &Value) -> String {
    const MOST: usize = 12;
    let Some(entries) = value.entries() else { return value.describe() };
    let shown: Vec<String> = entries
        .iter()
        .take(MOST)
        .map(|(key, _)| match key {
            Key::Text(text) => format!("{text:?}"),
            other => other.to_string(),
        })
        .collect();
    format!("the keys {}{}", shown.join(", "), if entries.len() > MOST { ", ..." } else { "" })
}
