//! Numbers that say how good a model is, one per file.

mod argmax;
mod ceiling;
mod chance;
mod confusion;
mod criterion;
mod kendall;
mod mean;
mod regression;
mod spread;

pub use argmax::argmax;
pub use ceiling::tau_ceiling;
pub use chance::Chance;
pub use confusion::Confusion;
pub use criterion::Criterion;
pub use kendall::kendall_tau;
pub use mean::Mean;
pub use regression::{mean_absolute_error, r_squared};
pub use spread::Spread;
