//! The tensors of one dictionary of a tree, for programs that know where it stands.

use super::{Key, TensorRef, Tree, Value};
use crate::{Error, Result};

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
    /// [`Error::Format`] if a key is missing (the keys that exist are listed) or there is no dictionary.
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

#[cfg(test)]
mod tests {
    use crate::containers;

    #[test]
    fn tensors_are_found_under_their_key_and_missing_keys_list_the_known_ones() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/formats/archive_protocol2.pth");
        let tree = containers::read(path.as_ref()).unwrap();
        let names: Vec<&str> =
            tree.tensors_under(&["model"]).unwrap().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["layer.weight", "layer.bias"]);
        for (key, found) in [
            ("state_dict", "expected an entry \"state_dict\", found the keys \"model\", \"transposed\""),
            ("text", "expected a dictionary of tensors, found \"é\""),
        ] {
            let message = tree.tensors_under(&[key]).unwrap_err().to_string();
            assert!(message.contains(found), "{message}");
        }
    }
}
