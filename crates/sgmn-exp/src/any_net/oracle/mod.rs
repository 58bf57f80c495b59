//! Nets of which the exact truth is known: whether what is read and inferred is that truth.
//!
//! A folder of the oracle holds one net as several writers store it, with inputs and answers, parameters that keep the
//! function (*twins*) and others that do not (*negatives*), and what may change as text. [`prove`] holds every file
//! against all of it.

mod carried;
mod form;
mod prove;
mod spaces;
mod truth;

pub use prove::{Fact, Proof, prove};
