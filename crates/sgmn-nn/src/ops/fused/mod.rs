//! Chains of edge operations as one pass over memory.
//!
//! Between two products of an edge's row with a matrix stand a bias, a normalization, an activation, a product with a
//! node's row. As separate tensor operations each reads and writes all edges from main memory; here they are noted
//! down ([`expr`]), put in order ([`program`]) and run for a block of rows that stays in cache ([`run`]).
//! The backward pass computes a block's forward values again instead of having kept them.

mod backward;
mod expr;
mod program;
mod run;

pub use expr::Rows;
