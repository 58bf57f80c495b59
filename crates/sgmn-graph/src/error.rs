//! What can be wrong with a net.

/// Errors of this crate; each carries the facts as fields.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number of values or a shape does not fit the spec.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// The parameter, tensor or input.
        what: String,
        /// What the spec demands.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A parameter is NaN or infinite.
    #[error("{param}: value {index} is {value}, expected a finite number")]
    NotFinite {
        /// The parameter, for example `layer 1 weight`.
        param: String,
        /// Position inside the parameter, row-major, counted from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A spec that describes no net.
    #[error("layer {layer}: {why}")]
    Spec {
        /// The layer, counted from 0.
        layer: usize,
        /// The contradiction.
        why: String,
    },
    /// A word, or words, for activations that cannot be understood.
    #[error("activation: expected {expected}, found {found}")]
    Word {
        /// What can be understood.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A word, or words, for pooling that cannot be understood.
    #[error("pooling: expected {expected}, found {found}")]
    Pooling {
        /// What can be understood.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A net that is no chain of layers, where one is needed.
    #[error("nets: expected a chain of layers, found {found}, which is none")]
    NoChain {
        /// The architecture.
        found: String,
    },
    /// A tensor operation failed.
    #[error("tensor operation: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Shape`] from anything that can be printed.
    pub fn shape(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> Self {
        Self::Shape { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }
}
