//! What names of a model stand for, and what can be wrong with a node.

use sgmn_graph::flow::{FlowError, ValueId};

use crate::{Error, any_net::onnx::element::Element};

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Tensor(Operand),
    Sequence(Vec<Operand>),
}

/// A value of the flow, and what its numbers are in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) id: ValueId,
    pub(super) kind: Kind,
}

/// What numbers are in the file; all are f64 in the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Real,
    Whole,
    Truth,
}

/// Why a node cannot be lowered.
#[derive(Debug)]
pub(super) enum Fault {
    /// It contradicts itself or its operands: what was expected, what was found.
    Wrong(String),
    /// It is in order, but not read here: why.
    Unsupported(String),
    /// The flow refuses a step.
    Flow(FlowError),
    /// A node inside of this one failed, with its name.
    Inner(Error),
}

pub(super) type Outcome<T> = std::result::Result<T, Fault>;

impl Element {
    /// What its numbers are.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Truth,
            real if real.is_float() => Kind::Real,
            _ => Kind::Whole,
        }
    }
}

impl From<FlowError> for Fault {
    fn from(error: FlowError) -> Self {
        Self::Flow(error)
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self::Wrong(why)
    }
}

impl From<Operand> for Vec<Value> {
    fn from(operand: Operand) -> Self {
        vec![Value::Tensor(operand)]
    }
}

/// Shorthand for a fault of contradiction.
pub(super) fn wrong<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Fault::Wrong(why.into()))
}

/// Shorthand for a fault of what is not read here.
pub(super) fn unsupported<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Fault::Unsupported(why.into()))
}
