//! What a file can hold: plain values, tensors that stay where they are, and objects of which only the state is known.

use super::tensor::{ElementType, View};

/// A value of a file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
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
    /// A dictionary, in the order in which it was filled.
    Dict(Vec<(Key, Value)>),
    /// A tensor; [`Tree::tensor`](super::Tree::tensor) reads its numbers.
    Tensor(TensorRef),
    /// An object of a class that is not known here. Nothing of it is ever run.
    Opaque {
        /// The class with its module, such as `argparse.Namespace`.
        class: String,
        /// What was written of it: attributes as a dictionary, entries, or the arguments of its making as a list.
        state: Option<Box<Value>>,
    },
}

/// A key of a dictionary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A name.
    Text(String),
    /// A number, as in optimizer states.
    Int(i64),
    /// Anything else, in words.
    Other(String),
}

/// A tensor that is in a file: what it is, and where its numbers stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorRef {
    /// Type of its elements.
    pub element: ElementType,
    /// Size of every dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// Which run of bytes of the file.
    pub(super) piece: usize,
    /// Place of the first element in it.
    pub(super) offset: usize,
    /// Steps in elements along every dimension; empty if the elements stand row-major, without gaps.
    pub(super) strides: Vec<usize>,
}

impl Value {
    /// The entry under a name: of a dictionary, or of the attributes of an object.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let entries = self.entries()?;
        let entry = entries.iter().find(|(key, _)| matches!(key, Key::Text(text) if text == name));
        entry.map(|(_, value)| value)
    }

    /// The entries of a dictionary, or the attributes of an object.
    pub fn entries(&self) -> Option<&[(Key, Value)]> {
        match self {
            Self::Dict(entries) => Some(entries),
            Self::Opaque { state: Some(state), .. } => match &**state {
                Self::Dict(entries) => Some(entries),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it is in a few words, such as `a dictionary of 12 entries`.
    pub fn describe(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) if text.chars().count() <= 40 => format!("{text:?}"),
            Self::Text(text) => format!("a text of {} letters", text.chars().count()),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Dict(entries) => format!("a dictionary of {}", entries.len()),
            Self::Tensor(tensor) => format!("{} {:?}", tensor.element.name(), tensor.shape),
            Self::Opaque { class, .. } => format!("an object of {class}"),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) | Self::Other(text) => f.write_str(text),
            Self::Int(number) => number.fmt(f),
        }
    }
}

impl TensorRef {
    /// A tensor at a view of a run of bytes.
    pub(super) fn new(element: ElementType, view: View, piece: usize) -> Self {
        let View { offset, shape, strides } = view;
        let strides = if strides == View::contiguous(shape.clone()).strides { Vec::new() } else { strides };
        Self { element, shape, piece, offset, strides }
    }

    /// Number of elements.
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Which elements of the run of bytes it shows.
    pub(crate) fn view(&self) -> View {
        let whole = View::contiguous(self.shape.clone());
        let strides = if self.strides.is_empty() { whole.strides } else { self.strides.clone() };
        View { offset: self.offset, shape: whole.shape, strides }
    }
}
