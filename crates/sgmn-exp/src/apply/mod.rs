//! What was trained, applied: a checkpoint and nets go in, answers, features or changed nets come out.
//!
//! ```text
//! checkpoint ──open──► TrainedModel ──┐
//!                                     ├─► predict ──► Table: .csv, .jsonl, .safetensors
//! nets ──Reading──► batches, ahead ───┤
//!                                     └─► edit ─────► packed file
//! ```
//!
//! Nets come in batches and leave at once, so a file of any size takes the memory of some batches. A net that the model
//! does not read, or that it has no finite answer for, is an error by its name, or is left out and listed.

mod edit;
mod open;
mod predict;
mod reading;
mod table;

pub use self::{
    edit::edit,
    open::{complete, open},
    predict::{Wanted, predict},
    reading::{ReadBatch, ReadNet, Reading},
    table::{Columns, Table, TableKind},
};

use sgmn_data::skip::Skipped;

/// What became of the nets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Nets that were answered or changed.
    pub n_nets: usize,
    /// Nets that were left out, with their reasons.
    pub left_out: Vec<Skipped>,
}
