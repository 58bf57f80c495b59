//! What may change in a net without changing its function.

mod group;
mod law;

pub use group::ScaleGroup;
pub use law::{Law, Place};
