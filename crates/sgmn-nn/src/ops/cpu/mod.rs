//! What passes over rows are made of on the CPU: kernels, small products and memory, all on one thread.
//!
//! Parallelism stands above, over blocks of rows whose size depends on the shape only.

mod aggregate;
mod attend;
mod buffers;
mod compose;
mod element;
pub(super) mod kernels;
mod matrix;
mod mlps;
mod nets;
mod simd;
mod sines;

pub(super) use aggregate::Aggregate;
pub(super) use attend::Attend;
pub(super) use buffers::Buffer;
pub(super) use compose::compose;
pub(super) use element::{Element, values};
pub(super) use kernels::NORM_EPS;
pub(super) use matrix::{Onto, multiply, multiply_outer, transpose};
pub(super) use mlps::Mlps;
pub(super) use nets::Nets;
pub(super) use sines::Sines;
