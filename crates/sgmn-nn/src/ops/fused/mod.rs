//! Chains of operations on rows as one pass over memory.
//!
//! Between two products of an edge's row with a matrix stand a bias, a normalization, an activation, a product with a
//! node's row. As separate tensor operations each reads and writes all edges from main memory; here they are noted
//! down ([`rows`], [`expr`]), made fewer by the rules of [`algebra`], put in order ([`program`]) and run for a block of
//! rows that stays in cache ([`block_forward`], [`block_backward`]), many blocks at once ([`batch_forward`], [`batch_backward`]).
//! What a pass leaves for later ones lies in a [`store`]; what its way back needs is kept, within the limit of [`keep`].
//! On other devices the same programs run step by step over all rows ([`whole`]).

mod algebra;
mod batch_backward;
mod batch_forward;
mod block_backward;
mod block_forward;
mod expr;
mod gather;
mod keep;
mod operands;
mod param;
mod plan;
mod program;
mod registers;
mod rows;
mod run;
mod store;
mod whole;

pub use keep::{keep_at_most, kept_bytes};
pub use rows::Rows;

#[cfg(test)]
mod proofs;
