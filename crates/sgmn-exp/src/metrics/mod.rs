//! Numbers that say how good a model is, one per file.

mod argmax;
mod confusion;
mod criterion;
mod mean;
mod spread;

pub use argmax::argmax;
pub use confusion::Confusion;
pub use criterion::Criterion;
pub use mean::Mean;
pub use spread::Spread;
