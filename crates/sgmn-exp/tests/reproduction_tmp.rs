//! Temporary.
#![allow(clippy::unwrap_used)]
#[path = "it/reproduction.rs"]
mod reproduction;
