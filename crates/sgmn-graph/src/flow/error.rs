//! What can be wrong with a flow or with what it is asked.

use super::Array;

/// Errors of flows; each names the step or the parameter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// An operation cannot take what it is given.
    #[error("{step}: {why}")]
    Step {
        /// The node's name and operation.
        step: String,
        /// The contradiction, with what was expected and found.
        why: String,
    },
    /// A tensor, an input or a number of tensors does not fit.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// The parameter, input or array.
        what: String,
        /// What is demanded.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A parameter is NaN or infinite.
    #[error("{param}: value {index} is {value}, expected a finite number")]
    NotFinite {
        /// The parameter.
        param: String,
        /// Position inside the parameter, row-major, counted from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A limit that keeps hostile files from taking all memory.
    #[error("{what}: {found} is more than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit.
        limit: usize,
        /// What was asked for.
        found: usize,
    },
}

/// Shorthand for results of flows.
pub type FlowResult<T, E = FlowError> = std::result::Result<T, E>;

impl FlowError {
    /// A [`FlowError::Shape`] from anything that can be printed.
    pub fn shape(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> Self {
        Self::Shape { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    /// An array of the wrong shape.
    pub(crate) fn array(what: impl Into<String>, expected: &[usize], found: &Array) -> Self {
        Self::shape(what, format!("{expected:?}"), format!("{:?}", found.shape()))
    }
}
