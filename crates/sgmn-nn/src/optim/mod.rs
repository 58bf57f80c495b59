//! The published training step: AdamW on a warmed-up rate, gradients clipped by their global norm.

mod adamw;
mod average;
mod clip;
mod muon;
mod optimizer;
mod schedule;

pub use adamw::{AdamW, AdamWConfig};
pub use average::Average;
pub use clip::{GradientNorm, Gradients, clip_by_global_norm};
pub use muon::Muon;
pub use optimizer::{Optimizer, OptimizerKind};
pub use schedule::Schedule;
