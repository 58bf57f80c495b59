//! A model as its file has it: graphs of nodes with attributes, and tensors whose numbers stay in the file.

use super::tensor::Tensor;

/// A model.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The version of each set of operators that is used; "" is ONNX's own.
    pub(super) opsets: Vec<(String, i64)>,
    /// The program that wrote the file, and its version.
    pub(super) producer: String,
    /// The net.
    pub(super) graph: Graph,
    /// Operators that the file itself defines.
    pub(super) functions: Vec<Function>,
    /// All tensors of all graphs and attributes.
    pub(super) tensors: Vec<Tensor>,
}

/// A graph: nodes in an order in which they can be computed.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// Named tensors, by their place in [`Model::tensors`].
    pub(super) initializers: Vec<usize>,
    pub(super) inputs: Vec<ValueInfo>,
    pub(super) outputs: Vec<String>,
}

/// A call of an operator.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) op: String,
    /// Names of values; "" for one that is left out.
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) attributes: Vec<(String, Attribute)>,
}

/// The value of an attribute.
#[derive(Debug)]
pub(super) enum Attribute {
    Float(f32),
    Int(i64),
    Text(String),
    /// By its place in [`Model::tensors`].
    Tensor(usize),
    Graph(Box<Graph>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
    /// The attribute of this name of the function that the node is part of.
    Reference(String),
    /// Of a kind that no operator here takes.
    Other,
}

/// An operator that the file defines by a graph of others.
#[derive(Debug, Default)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) opsets: Vec<(String, i64)>,
    pub(super) nodes: Vec<Node>,
    /// Attributes that have a value where a call does not give one.
    pub(super) defaults: Vec<(String, Attribute)>,
}

/// An input: its name, the type of its elements and its sizes.
#[derive(Debug, Default)]
pub(super) struct ValueInfo {
    pub(super) name: String,
    /// ONNX's number of the element type; 0 if it is not a tensor.
    pub(super) element: i64,
    /// Sizes; absent if the file does not even give their number.
    pub(super) shape: Option<Vec<Size>>,
}

/// A size of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Size {
    Known(usize),
    Named(String),
    Open,
}
