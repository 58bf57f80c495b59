//! Tensors, operations, layers, models.

pub mod checkpoint;
mod error;
mod field;
#[cfg(feature = "testing")]
pub mod golden;
pub mod layers;
pub mod loss;
pub mod models;
pub mod normalization;
pub mod ops;
pub mod optim;
mod pass;
pub mod vars;

pub use checkpoint::Checkpoint;
pub use error::{Error, Result};
pub use field::Field;
pub use normalization::Normalization;
pub use pass::Pass;
pub use vars::{Init, VarBuilder, VarStore};
