//! A reader for the small part of Python's pickle language in which PyTorch describes tensors.
//!
//! A pickle is a program for a stack machine that could call any function. This machine calls none: it knows a fixed
//! list of names, to each of which it attaches its own meaning (an empty dictionary, a view of a storage), and stops
//! with an error at any other name or instruction. Objects live in one list and refer to each other by position, so
//! shared or even circular objects cost nothing here; who walks them must bound the walk.

mod machine;
mod meaning;

use super::tensor::{ElementType, View};

/// Position of an object in [`Pickle::objects`].
pub(super) type ObjectId = usize;

/// All objects that a pickle made, and the one it returned.
#[derive(Debug)]
pub(super) struct Pickle {
    pub(super) objects: Vec<Object>,
    pub(super) root: ObjectId,
}

/// An object of the machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<ObjectId>),
    Tuple(Vec<ObjectId>),
    Dict(Vec<(ObjectId, ObjectId)>),
    Name(Name),
    Storage(Storage),
    Tensor { storage: Storage, view: View },
}

/// A flat run of elements in an archive entry of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) element: ElementType,
    /// Name of the entry inside the archive's `data` folder.
    pub(super) key: String,
    pub(super) n_elements: usize,
}

/// A name that the machine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    OrderedDict,
    Size,
    RebuildTensor,
    RebuildParameter,
    StorageClass(ElementType),
}

/// What is wrong with a pickle, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte of the instruction.
    pub(super) at: usize,
    pub(super) expected: String,
    pub(super) found: String,
}

/// Runs a pickle.
///
/// # Errors
/// [`Fault`] at the first instruction that is unknown, lacks its arguments, or names something outside the list.
pub(super) fn parse(bytes: &[u8]) -> Result<Pickle, Fault> {
    machine::Machine::new(bytes).run()
}

impl Object {
    /// The kind in a word.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Name(_) => "name",
            Self::Storage(_) => "storage",
            Self::Tensor { .. } => "tensor",
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
    fn a_call_of_any_other_name_is_refused_at_the_name() {
        // cos\nsystem\n (X\x04\0\0\0true t R .
        let fault = parse(b"\x80\x02cos\nsystem\n(X\x04\0\0\0truetR.").unwrap_err();
        assert_eq!((fault.at, fault.found.as_str()), (2, "\"os.system\""));
        let fault = parse(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.").unwrap_err();
        assert_eq!(fault.found, "\"builtins.eval\"");
    }

    #[test]
    fn numbers_and_texts_keep_their_values() {
        let pickle = parse(b"\x80\x02(K\x07M\x01\x02J\xff\xff\xff\xff\x8a\x02\x00\x80\x8a\x00G\x3f\xf8\0\0\0\0\0\0X\x02\0\0\0\xc3\xa9t.");
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
    fn missing_arguments_are_errors() {
        assert_eq!(found(b"\x80\x02."), "0");
        assert_eq!(found(b"\x80\x02N(\x85."), "0", "a tuple may not reach below an open mark");
        assert_eq!(found(b"\x80\x02t."), "none");
        assert_eq!(found(b"\x80\x02h\x05."), "nothing in slot 5");
        assert_eq!(found(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R."), "()");
        assert_eq!(found(b"\x80\x02X\xff\xff\xff\xff."), "1 until the end of the pickle");
        assert_eq!(found(b"\x80\x02NN."), "1 objects and 0 bytes left");
    }
}
