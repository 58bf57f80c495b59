//! Any net as a person meets it: what is in its file, what may change in it, and whether that is true.
//!
//! - [`args`]: what is said about a file;
//! - [`description`]: file and spaces in words and counts;
//! - [`free`]: all that may change, drawn and done; `added`: changes of all freedoms one after the other;
//! - [`judge`]: by how much answers change;
//! - [`check`]: random elements keep the function;
//! - [`negatives`]: changes outside of the group, which must be seen;
//! - [`twin`]: another file of the same function;
//! - [`element`]: the file of what carries one net to another;
//! - [`compare`]: two nets by their canonical forms and their answers;
//! - [`merge`]: nets moved near each other and averaged;
//! - [`batch_norms`]: statistics of norms, estimated again from data;
//! - [`path`]: what nets between two nets are worth;
//! - [`oracle`]: nets of which the exact truth is known;
//! - [`facts`]: memory of the process.

pub mod adapter;
mod added;
pub mod args;
pub mod batch_norms;
pub mod check;
pub mod compare;
pub mod description;
pub mod element;
pub mod facts;
pub mod free;
pub mod judge;
pub mod merge;
pub mod negatives;
pub mod oracle;
pub mod path;
mod side;
pub mod twin;
