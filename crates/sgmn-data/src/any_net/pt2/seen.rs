//! How a tensor of a trace looks at the numbers of another one, which decides what a change in place does to both.

/// How a tensor looks at another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is the same.
    Same,
    /// Other axes.
    Reshaped,
    /// Axes in another order.
    Permuted(Vec<usize>),
    /// A part of an axis.
    Part {
        /// The axis.
        axis: usize,
        /// The first place.
        start: usize,
        /// How many places.
        len: usize,
        /// Whether the axis (of one place) is left out.
        select: bool,
    },
    /// In a way through which nothing can be written: repeated, in steps, or perhaps a copy.
    Otherwise,
}
