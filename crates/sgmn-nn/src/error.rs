//! What can be wrong with a model: its configuration, its variables, the laws of its features.

use sgmn_symmetry::Law;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration that describes no model.
    #[error("{field}: expected {expected}, found {found}")]
    Config {
        /// The key, as the user writes it.
        field: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// An operation on features whose scaling does not fit it: the model would not be equivariant.
    #[error("{operation}: expected a feature that is {expected}, found one that scales as {found}")]
    Law {
        /// The operation.
        operation: &'static str,
        /// What it demands.
        expected: String,
        /// The law of the feature it was given.
        found: Law,
    },
    /// A variable is missing, unknown or of another shape.
    #[error("variable {name}: expected {expected}, found {found}")]
    Variable {
        /// Full path of the variable.
        name: String,
        /// What the model demands.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Variables that should have received a gradient and did not.
    #[error("no gradient reached {} of the variables, first of all {}", .0.len(), .0[0])]
    NoGradient(Vec<String>),
    /// The loss or a gradient is not a finite number.
    #[error("{what} is {value}, expected a finite number")]
    NotFinite {
        /// What was computed.
        what: String,
        /// Its value.
        value: f64,
    },
    /// A checkpoint file that cannot be read or written.
    #[error("{path}: {why}", path = path.display())]
    Checkpoint {
        /// The file.
        path: std::path::PathBuf,
        /// What was expected and found, or what the system said.
        why: String,
    },
    /// The nets do not fit the model.
    #[error(transparent)]
    Graph(#[from] sgmn_graph::Error),
    /// A symmetry cannot act on the nets, or an examination of a model failed.
    #[error(transparent)]
    Symmetry(#[from] sgmn_symmetry::Error),
    /// A tensor operation failed.
    #[error("tensor operation: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Config`] from anything that can be printed.
    pub fn config(field: impl Into<String>, expected: impl ToString, found: impl ToString) -> Self {
        Self::Config { field: field.into(), expected: expected.to_string(), found: found.to_string() }
    }
}
