//! What is inferred for nets of any architecture.

mod chains;
mod laws;
mod sound;
