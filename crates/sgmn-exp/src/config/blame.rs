//! Finds the key that a typing error is about: serde knows it, but loses it in parts that have a `kind`.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Types a part of an experiment file; the error begins with the full key, such as `data.recipe.omega`.
pub(super) fn typed<T: DeserializeOwned>(part: &str, value: Value) -> anyhow::Result<T> {
    let mut complaints =
        Complaints { of: |value| T::deserialize(value).err().map(|e| first_line(&e)), value };
    let Some(message) = complaints.now() else { return Ok(T::deserialize(complaints.value)?) };
    let mut path = vec![part.to_owned()];
    match message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        Some(field) => complaints.find_hole(&mut path, field, &message),
        None => complaints.find_culprit(&mut path, &message),
    };
    Err(anyhow::anyhow!("{}: {message}", path.join(".")))
}

/// What typing says about a value while entries come and go.
struct Complaints<F> {
    of: F,
    value: Value,
}

impl<F: Fn(Value) -> Option<String>> Complaints<F> {
    fn now(&self) -> Option<String> {
        (self.of)(self.value.clone())
    }

    /// The table at `path`, whose first word names the part itself.
    fn table(&mut self, path: &[String]) -> Option<&mut Table> {
        path[1..]
            .iter()
            .try_fold(&mut self.value, |value, key| value.as_table_mut()?.get_mut(key))?
            .as_table_mut()
    }

    /// Keys of the table at `path`, if there is one; without its kind any part fails otherwise, so it tells nothing.
    fn keys(&mut self, path: &[String]) -> Vec<String> {
        self.table(path)
            .map_or(Vec::new(), |table| table.keys().filter(|key| *key != "kind").cloned().collect())
    }

    /// What typing would say if the entry `key` of the table at `path` were `value`, or were not there.
    fn with(&mut self, path: &[String], key: &str, value: Option<Value>) -> Option<String> {
        let before = self.table(path)?.remove(key);
        if let Some(value) = value {
            self.table(path)?.insert(key.to_owned(), value);
        }
        let complaint = self.now();
        let table = self.table(path)?;
        match before {
            Some(before) => table.insert(key.to_owned(), before),
            None => table.remove(key),
        };
        complaint
    }

    /// Extends `path` to the deepest entry without which typing says something else, or nothing.
    ///
    /// Typing stops at its first error, so leaving out any other entry changes nothing.
    fn find_culprit(&mut self, path: &mut Vec<String>, message: &str) -> bool {
        for key in self.keys(path) {
            path.push(key.clone());
            if self.find_culprit(path, message) {
                return true;
            }
            path.pop();
            if self.with(path, &key, None).as_deref() != Some(message) {
                path.push(key);
                return true;
            }
        }
        false
    }

    /// Extends `path` to the table that knows `field` and for which something else is wrong once it is there.
    fn find_hole(&mut self, path: &mut Vec<String>, field: &str, message: &str) -> bool {
        for key in self.keys(path) {
            path.push(key);
            if self.find_hole(path, field, message) {
                return true;
            }
            path.pop();
        }
        if self.table(path).is_none_or(|table| table.contains_key(field)) {
            return false;
        }
        let complaint = self.with(path, field, Some(Value::Array(Vec::new())));
        complaint.is_none_or(|complaint| complaint != message && !complaint.starts_with("unknown field"))
    }
}

fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind", deny_unknown_fields)]
    enum Shape {
        #[expect(dead_code, reason = "only its typing is tested")]
        Box { depth: u32, sides: Sides },
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its typing is tested")]
    struct Sides {
        width: u32,
        height: u32,
    }

    fn complaint(text: &str) -> String {
        typed::<Shape>("shape", Value::Table(text.parse().unwrap())).unwrap_err().to_string()
    }

    #[test]
    fn wrong_missing_and_unknown_keys_are_named_with_their_path() {
        for (text, message) in [
            (
                "kind = 'Box'\ndepth = 'x'\nsides = { width = 1, height = 1 }",
                "shape.depth: invalid type: string \"x\", expected u32",
            ),
            (
                "kind = 'Box'\ndepth = 1\nsides = { width = 1, height = -1 }",
                "shape.sides.height: invalid value: integer `-1`, expected u32",
            ),
            ("kind = 'Box'\ndepth = 1\nsides = { width = 1 }", "shape.sides: missing field `height`"),
            (
                "kind = 'Box'\ndepth = 1\nsides = { width = 1, height = 1, hight = 2 }",
                "shape.sides.hight: unknown field `hight`, expected `width` or `height`",
            ),
            ("kind = 'Box'\nsides = { width = 1, height = 1 }", "shape: missing field `depth`"),
            ("kind = 'Ball'", "shape: unknown variant `Ball`, expected `Box`"),
            ("depth = 1", "shape: missing field `kind`"),
        ] {
            assert_eq!(complaint(text), message);
        }
    }
}
