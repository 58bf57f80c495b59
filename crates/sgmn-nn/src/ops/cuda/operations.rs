//! The operations that have CUDA kernels of their own, with their gradients; formulas and shapes stand at [`crate::ops`].

mod gather;
mod nets;
mod optimizer;

pub(in crate::ops) use self::{
    gather::{aggregate, attend},
    nets::{run_mlps, run_nets},
    optimizer::{adamw, total_squares},
};

/// The axes of an edge block.
fn four(dims: &[usize]) -> [usize; 4] {
    dims.try_into().expect("the operation was applied to an edge block")
}
