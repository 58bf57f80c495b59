//! A JSON object as a table of keys, gone through in one of two ways: to fill fields from it, or to fill it from fields.

use serde_json::{Map, Value};

use crate::{Error, Result};

/// A JSON object and where it stands.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    path: String,
    way: Way<'a>,
}

#[derive(Debug)]
enum Way<'a> {
    /// Fields become what the object says.
    Read(&'a Value),
    /// The object becomes what the fields say.
    Write(Map<String, Value>),
}

impl<'a> Keys<'a> {
    /// Reads an object; messages call it by its path.
    pub(super) fn read(path: &str, object: &'a Value) -> Self {
        Self { path: path.to_owned(), way: Way::Read(object) }
    }

    /// Writes an object.
    pub(super) fn write(path: &str) -> Self {
        Self { path: path.to_owned(), way: Way::Write(Map::new()) }
    }

    /// The object that was written; what was read has not become one.
    pub(super) fn written(self) -> Value {
        match self.way {
            Way::Read(_) => Value::Null,
            Way::Write(object) => Value::Object(object),
        }
    }

    /// An object inside, which must be there.
    ///
    /// # Errors
    /// [`Error::Config`] if it is missing or no object; whatever the table of its keys returns.
    pub(super) fn below(&mut self, key: &str, table: impl FnOnce(&mut Keys<'_>) -> Result<()>) -> Result<()> {
        let path = format!("{}.{key}", self.path);
        match &mut self.way {
            Way::Read(object) => {
                let inner = find(object, &path, key, "an object")?;
                if !inner.is_object() {
                    return Err(Error::config(path, "an object", inner));
                }
                table(&mut Keys { path, way: Way::Read(inner) })
            }
            Way::Write(object) => {
                let mut inner = Keys::write(&path);
                table(&mut inner)?;
                object.insert(key.to_owned(), inner.written());
                Ok(())
            }
        }
    }

    /// A count.
    pub(super) fn count(&mut self, key: &str, field: &mut usize) -> Result<()> {
        self.key(key, "a count", field, |value| value.as_u64()?.try_into().ok(), |n| (*n).into())
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str, field: &mut f64) -> Result<()> {
        self.key(key, "a number", field, Value::as_f64, |x| (*x).into())
    }

    /// A number that is 0 where nothing is said.
    pub(super) fn number_or_zero(&mut self, key: &str, field: &mut f64) -> Result<()> {
        if self.says_nothing(key) {
            *field = 0.0;
            return Ok(());
        }
        self.number(key, field)
    }

    /// True or false.
    pub(super) fn truth(&mut self, key: &str, field: &mut bool) -> Result<()> {
        self.key(key, "true or false", field, Value::as_bool, |flag| (*flag).into())
    }

    /// An option that is off where nothing is said.
    pub(super) fn option(&mut self, key: &str, field: &mut bool) -> Result<()> {
        if self.says_nothing(key) {
            *field = false;
            return Ok(());
        }
        self.truth(key, field)
    }

    /// A list of widths.
    pub(super) fn widths(&mut self, key: &str, field: &mut Vec<usize>) -> Result<()> {
        let read = |value: &Value| {
            value.as_array()?.iter().map(|width| width.as_u64()?.try_into().ok()).collect::<Option<_>>()
        };
        self.key(key, "a list of widths", field, read, |widths| widths.as_slice().into())
    }

    /// One of several words.
    pub(super) fn word<T: Copy + PartialEq>(
        &mut self,
        key: &str,
        words: &[(&str, T)],
        field: &mut T,
    ) -> Result<()> {
        let expected = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ");
        let read =
            |value: &Value| words.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, it)| *it);
        let write = |field: &T| {
            let (word, _) = words.iter().find(|(_, it)| it == field).expect("the table has every word");
            Value::from(*word)
        };
        self.key(key, &expected, field, read, write)
    }

    /// A key whose other values nobody uses: it must have this value or be absent.
    pub(super) fn always(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        if self.says_nothing(key) { Ok(()) } else { self.only(key, value) }
    }

    /// A key whose other values are not supported: it must be there, with this value.
    pub(super) fn only(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        let value = value.into();
        let read = |found: &Value| (*found == value).then_some(());
        self.key(key, &value.to_string(), &mut (), read, |()| value.clone())
    }

    /// A key that says nothing, or nothing new: it is written, and not read.
    pub(super) fn unread(&mut self, key: &str, value: impl Into<Value>) {
        if let Way::Write(object) = &mut self.way {
            object.insert(key.to_owned(), value.into());
        }
    }

    fn key<T>(
        &mut self,
        key: &str,
        expected: &str,
        field: &mut T,
        read: impl FnOnce(&Value) -> Option<T>,
        write: impl FnOnce(&T) -> Value,
    ) -> Result<()> {
        match &mut self.way {
            Way::Read(object) => {
                let path = format!("{}.{key}", self.path);
                let value = find(object, &path, key, expected)?;
                *field = read(value).ok_or_else(|| Error::config(path, expected, value))?;
            }
            Way::Write(object) => drop(object.insert(key.to_owned(), write(field))),
        }
        Ok(())
    }

    /// Whether an object that is read lacks a key, or has null there.
    fn says_nothing(&self, key: &str) -> bool {
        match &self.way {
            Way::Read(object) => object.get(key).is_none_or(Value::is_null),
            Way::Write(_) => false,
        }
    }
}

fn find<'a>(object: &'a Value, path: &str, key: &str, expected: &str) -> Result<&'a Value> {
    let found = if object.is_object() { "nothing" } else { "no object around it" };
    object.get(key).ok_or_else(|| Error::config(path, expected, found))
}
