//! What can be wrong with an element, a list of symmetries or a checked closure.

/// Errors of this crate; each carries the facts as fields.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An element that is none, or that belongs to another net.
    #[error("element, node layer {layer}: {what}: expected {expected}, found {found}")]
    Element {
        /// Node layer, inputs counted as 0.
        layer: usize,
        /// The fact that does not hold.
        what: &'static str,
        /// What the net or the group demands.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A number of values does not fit.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// The thing that was counted.
        what: String,
        /// What was demanded.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A range from which nothing sensible can be drawn.
    #[error("{field} of the ranges: expected {expected}, found {found}")]
    Ranges {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A word that names no symmetry.
    #[error("symmetry: expected one of {known}, found {found:?}")]
    Unknown {
        /// The word.
        found: String,
        /// All words that would do.
        known: String,
    },
    /// Scalings that a hidden layer of a net has not.
    #[error(
        "hidden layer {layer}: expected an activation that commutes with {wanted}, found {units}, which commutes with {own}"
    )]
    NotOwn {
        /// Node layer, inputs counted as 0.
        layer: usize,
        /// Its activation and pooling, in words.
        units: String,
        /// The scalings that were taken as its symmetries.
        wanted: crate::ScaleGroup,
        /// Those that it has.
        own: crate::ScaleGroup,
    },
    /// Elements of different flows, or an element and a net of another flow.
    #[error("element of a flow: {what}: expected {expected}, found {found}")]
    Unlike {
        /// The fact that does not hold.
        what: String,
        /// What one of them demands.
        expected: String,
        /// What the other has.
        found: String,
    },
    /// A net whose function cannot be moved in the way that was asked for.
    #[error("a net that is to be moved: expected {expected}, found {found}")]
    Moved {
        /// What the change needs.
        expected: &'static str,
        /// What the net has.
        found: &'static str,
    },
    /// A flow cannot be computed.
    #[error(transparent)]
    Flow(#[from] sgmn_graph::flow::FlowError),
    /// A net or graph is at fault.
    #[error(transparent)]
    Graph(#[from] sgmn_graph::Error),
    /// The closure under examination failed by itself.
    #[error("the closure under examination: {0}")]
    Closure(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
