//! Chains of operations on rows as one pass over memory.
//!
//! Between two products of an edge's row with a matrix stand a bias, a normalization, an activation, a product with a
//! node's row. As separate tensor operations each reads and writes all edges from main memory; here a chain goes three
//! ways, each of which knows only those before it:
//!
//! | folder | what it does |
//! | --- | --- |
//! | [`record`] | operations are noted down, by rules of algebra that make them fewer |
//! | [`compile`] | what was noted is put in order: a program of steps on registers, and the plan of its way back |
//! | [`execute`] | a program runs: on the CPU for blocks of rows that stay in cache, many blocks at once; on other devices step by step over all rows |
//!
//! [`rows`] is their face. What a pass leaves for later ones lies in a store; what its way back needs is kept, within
//! the limit of [`keep_at_most`].

mod compile;
mod execute;
mod record;
mod rows;

pub use execute::{keep_at_most, kept_bytes};
pub use rows::Rows;

#[cfg(test)]
mod proofs;
