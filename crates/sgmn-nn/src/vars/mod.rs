//! Learned numbers: an ordered store, a cursor by path, starting values drawn from a seed.

mod builder;
mod init;
mod store;

pub use builder::VarBuilder;
pub use init::{Init, Start};
pub use store::VarStore;
