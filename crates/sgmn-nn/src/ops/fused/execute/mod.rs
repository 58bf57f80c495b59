//! Programs run, once somebody asks for rows: on the CPU block by block, elsewhere step by step.

mod batch_backward;
mod batch_forward;
mod block_backward;
mod block_forward;
mod force;
mod gather;
mod keep;
mod registers;
mod run;
mod whole;

pub use self::keep::{keep_at_most, kept_bytes};
pub(super) use self::{
    force::{computed, sum_edges, tensor},
    gather::{aggregate, attend},
};
