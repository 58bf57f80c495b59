//! Models against other implementations, against their symmetries, and against themselves.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its data has failed")]

mod counts;
mod golden;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
