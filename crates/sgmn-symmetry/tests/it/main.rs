//! The proofs of this crate, on random nets from printed seeds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod canonical;
mod check;
mod flow;
mod function;
mod laws;
mod matrices;
mod moved;
mod nets;
