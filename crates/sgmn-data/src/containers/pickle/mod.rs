//! A reader of Python's pickle language that runs nothing.
//!
//! A pickle is a program for a stack machine that could call any function. This machine knows no function at all: a
//! call is noted down as an object that has a name and arguments (`machine`, `code`), whatever is named. Afterwards the
//! few names that stand for data (tensors, arrays, ordered dictionaries) are given their meaning (`build`, `calls`,
//! `torch`, `numpy`); all others become opaque values. Objects live in one list and refer to each other by position, so
//! shared or even circular objects cost nothing here; who walks them bounds the walk.

mod build;
mod calls;
mod code;
mod machine;
mod numpy;
mod torch;

pub(super) use build::{Built, build};

/// Largest pickle; it holds names and shapes, the numbers mostly lie beside it.
pub(super) const MAX_PICKLE: u64 = 64 << 20;

/// Position of an object in [`Pickle::objects`].
type ObjectId = u32;

/// All objects that a pickle made, and the one it returned.
#[derive(Debug)]
pub(super) struct Pickle {
    objects: Vec<Object>,
    root: ObjectId,
    /// Bytes of the program.
    pub(super) len: usize,
}

/// An object of the machine.
#[derive(Debug, Clone, PartialEq)]
enum Object {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number of more than 64 bits.
    Wide,
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<ObjectId>),
    Tuple(Vec<ObjectId>),
    Set(Vec<ObjectId>),
    Dict(Dict),
    /// A class or function by module and name.
    Name(Box<(String, String)>),
    Call(Box<Call>),
    /// What the program outside of the pickle should know; of PyTorch: a storage.
    Persistent(ObjectId),
}

/// A dictionary, and attributes that were set on it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Dict {
    pairs: Vec<(ObjectId, ObjectId)>,
    state: Option<ObjectId>,
}

/// A call that was noted down: what would be called, with what, and what was done with the object it would make.
#[derive(Debug, Clone, PartialEq)]
struct Call {
    callee: ObjectId,
    /// A tuple.
    args: ObjectId,
    state: Option<ObjectId>,
    items: Vec<ObjectId>,
    pairs: Vec<(ObjectId, ObjectId)>,
}

/// A run of elements outside of the pickle, as PyTorch names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// Type of its elements, where the storage says it.
    pub(super) element: Option<super::tensor::ElementType>,
    /// Its name; of plain letters and digits.
    pub(super) key: String,
    /// Bytes of all elements.
    pub(super) n_bytes: u64,
}

/// What is wrong with a pickle, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte of the instruction.
    pub(super) at: usize,
    pub(super) expected: String,
    pub(super) found: String,
}

/// Reads a pickle.
///
/// # Errors
/// [`Fault`] at the first instruction that is unknown, or lacks its arguments, and for bytes behind the end.
pub(super) fn parse(bytes: &[u8]) -> Result<Pickle, Fault> {
    let pickle = parse_first(bytes)?;
    if pickle.len == bytes.len() {
        Ok(pickle)
    } else {
        let found = format!("{} bytes left", bytes.len() - pickle.len);
        Err(Fault { at: pickle.len, expected: "the end of the pickle".to_owned(), found })
    }
}

/// Reads the pickle that stands first in some bytes; others may follow.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_first(bytes: &[u8]) -> Result<Pickle, Fault> {
    machine::Machine::new(bytes).run()
}

impl Object {
    /// The kind in a word.
    fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Wide => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Dict(_) => "dict",
            Self::Name(_) => "name",
            Self::Call(_) => "object",
            Self::Persistent(_) => "storage",
        }
    }
}

impl Pickle {
    fn object(&self, id: ObjectId) -> &Object {
        &self.objects[id as usize]
    }

    /// The objects of a tuple; none if it is no tuple.
    fn tuple(&self, id: ObjectId) -> &[ObjectId] {
        match self.object(id) {
            Object::Tuple(items) => items,
            _ => &[],
        }
    }

    fn text(&self, id: ObjectId) -> Option<&str> {
        match self.object(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    fn size(&self, id: ObjectId) -> Option<usize> {
        match self.object(id) {
            Object::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        }
    }

    /// Module and name, if the object is a name.
    fn name(&self, id: ObjectId) -> Option<(&str, &str)> {
        match self.object(id) {
            Object::Name(name) => Some((&name.0, &name.1)),
            // Older files have the class of a module with its source: ('module', class, file, source).
            Object::Persistent(fields) => match self.tuple(*fields) {
                [kind, class, ..] if self.text(*kind) == Some("module") => match self.object(*class) {
                    Object::Name(name) => Some((&name.0, &name.1)),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// The whole number that the pickle is.
    pub(super) fn root_int(&self) -> Option<i64> {
        match self.object(self.root) {
            Object::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The truth value under a name in the dictionary that the pickle is.
    pub(super) fn root_flag(&self, name: &str) -> Option<bool> {
        let Object::Dict(dict) = self.object(self.root) else { return None };
        let (_, value) = dict.pairs.iter().find(|(key, _)| self.text(*key) == Some(name))?;
        match self.object(*value) {
            Object::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The texts in the list that the pickle is.
    pub(super) fn root_texts(&self) -> Option<Vec<&str>> {
        match self.object(self.root) {
            Object::List(items) => items.iter().map(|item| self.text(*item)).collect(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().found
    }

    #[test]
    fn a_call_of_any_name_is_noted_and_not_made() {
        // cos\nsystem\n (X\x04\0\0\0true t R .
        let pickle = parse(b"\x80\x02cos\nsystem\n(X\x04\0\0\0truetR.").unwrap();
        let Object::Call(call) = pickle.object(pickle.root) else { panic!("{pickle:?}") };
        assert_eq!(pickle.name(call.callee), Some(("os", "system")));
        assert_eq!(
            pickle.tuple(call.args).iter().map(|id| pickle.text(*id)).collect::<Vec<_>>(),
            [Some("true")]
        );
    }

    #[test]
    fn numbers_and_texts_keep_their_values() {
        let pickle = parse(
            b"\x80\x02(K\x07M\x01\x02J\xff\xff\xff\xff\x8a\x02\x00\x80\x8a\x00G\x3f\xf8\0\0\0\0\0\0X\x02\0\0\0\xc3\xa9t.",
        );
        let pickle = pickle.unwrap();
        let expected = [
            Object::Int(7),
            Object::Int(513),
            Object::Int(-1),
            Object::Int(-32768),
            Object::Int(0),
            Object::Float(1.5),
            Object::Text("é".into()),
        ];
        assert_eq!(pickle.objects[..7], expected);
    }

    #[test]
    fn the_oldest_protocol_is_read() {
        let pickle = parse(b"(lp0\nI7\naI01\naL-12L\naF1.5\naS'a\\n\\x41'\naV\\u00e9\nag0\na.").unwrap();
        let Object::List(items) = pickle.object(pickle.root) else { panic!() };
        let found: Vec<&Object> = items[..6].iter().map(|id| pickle.object(*id)).collect();
        let expected = [
            Object::Int(7),
            Object::Bool(true),
            Object::Int(-12),
            Object::Float(1.5),
            Object::Text("a\nA".into()),
            Object::Text("é".into()),
        ];
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
        assert_eq!(items[6], pickle.root, "a list that contains itself");
    }

    #[test]
    fn missing_arguments_are_errors() {
        assert_eq!(found(b"\x80\x02."), "0");
        assert_eq!(found(b"\x80\x02N(\x85."), "0", "a tuple may not reach below an open mark");
        assert_eq!(found(b"\x80\x02t."), "none");
        assert_eq!(found(b"\x80\x02h\x05."), "nothing in slot 5");
        assert_eq!(found(b"\x80\x02X\xff\xff\xff\xff."), "1 until the end of the pickle");
        assert_eq!(found(b"\x80\x02NN."), "1 more");
        assert_eq!(found(b"\x80\x02N.N"), "1 bytes left");
    }
}
