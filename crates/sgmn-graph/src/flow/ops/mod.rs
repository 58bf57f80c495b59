//! The operations of a flow: each a small struct in a file of its own, and all of them in one list.

use serde::{Deserialize, Serialize};

use super::Array;

/// An operation: the shape of its result, and the result.
pub trait Operation {
    /// The word for it in messages and tables.
    fn name(&self) -> &'static str;

    /// The shape of the result, or why the operands do not fit: what was expected and what was found.
    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String>;

    /// The result. The shapes have been checked by [`Operation::shape`].
    ///
    /// # Errors
    /// Numbers that no result exists for: an index out of range.
    fn run(&self, from: &[&Array]) -> Result<Array, String>;

    /// As [`Operation::run`], with a first operand that nobody reads afterwards, so that its memory may be used again.
    ///
    /// # Errors
    /// As [`Operation::run`].
    fn run_over(&self, first: Array, rest: &[&Array]) -> Result<Array, String> {
        let from: Vec<&Array> = std::iter::once(&first).chain(rest.iter().copied()).collect();
        self.run(&from)
    }

    /// Whether the operation leaves an operand of this shape as it is: a reshape to the same shape, a permutation that
    /// moves nothing. Such steps are left out of a flow.
    fn is_trivial(&self, from: &[&[usize]], shape: &[usize]) -> bool {
        let _ = (from, shape);
        false
    }
}

/// The list of operations: a module and a type each.
macro_rules! operations {
    ($($module:ident :: $name:ident),* $(,)?) => {
        $(mod $module; pub use $module::$name;)*

        /// Any operation.
        ///
        /// Matched in full where symmetries are inferred, so that no new operation is forgotten there.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Op {
            $(#[doc = concat!("See [`", stringify!($name), "`](struct@", stringify!($name), ").")] $name($name),)*
        }

        $(impl From<$name> for Op {
            fn from(op: $name) -> Self {
                Self::$name(op)
            }
        })*

        impl Operation for Op {
            fn name(&self) -> &'static str {
                match self { $(Self::$name(op) => op.name(),)* }
            }
            fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
                match self { $(Self::$name(op) => op.shape(from),)* }
            }
            fn run(&self, from: &[&Array]) -> Result<Array, String> {
                match self { $(Self::$name(op) => op.run(from),)* }
            }
            fn run_over(&self, first: Array, rest: &[&Array]) -> Result<Array, String> {
                match self { $(Self::$name(op) => op.run_over(first, rest),)* }
            }
            fn is_trivial(&self, from: &[&[usize]], shape: &[usize]) -> bool {
                match self { $(Self::$name(op) => op.is_trivial(from, shape),)* }
            }
        }
    };
}

operations! {
    combine::Combine,
    concat::Concat,
    contract::Contract,
    convolve::Convolve,
    cumulate::Cumulate,
    expand::Expand,
    lookup::Lookup,
    normalize::Normalize,
    pad::Pad,
    permute::Permute,
    pick::Pick,
    pointwise::Pointwise,
    pool::Pool,
    reduce::Reduce,
    reshape::Reshape,
    select::Select,
    slice::Slice,
    softmax::Softmax,
    take::Take,
}

pub use combine::Combination;
pub(super) use lookup::{places_named, rows_shape};
pub use pointwise::{Behaviour, Function, Parity};
pub use pool::Pooling;
pub use reduce::Reduction;

/// The operands, as many as the operation takes.
fn operands<'a, const N: usize>(from: &[&'a [usize]]) -> Result<[&'a [usize]; N], String> {
    <[&[usize]; N]>::try_from(from).map_err(|_| format!("expected {N} operands, found {}", from.len()))
}

/// The operands as arrays; their number has been checked.
fn arrays<'a, const N: usize>(from: &[&'a Array]) -> [&'a Array; N] {
    <[&Array; N]>::try_from(from).expect("the number of operands was checked with their shapes")
}

/// The common shape of operands that are repeated along axes of size 1, counted from the last axis.
pub(crate) fn broadcast(shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut out = vec![1; rank];
    for shape in shapes {
        for (axis, size) in shape.iter().enumerate() {
            let at = rank - shape.len() + axis;
            if out[at] == 1 {
                out[at] = *size;
            } else if *size != 1 && *size != out[at] {
                return Err(format!("expected shapes that broadcast, found {shapes:?}"));
            }
        }
    }
    Ok(out)
}

/// An axis that exists.
fn axis_below(axis: usize, rank: usize) -> Result<(), String> {
    if axis < rank { Ok(()) } else { Err(format!("expected an axis below {rank}, found {axis}")) }
}

#[cfg(test)]
mod tests;
