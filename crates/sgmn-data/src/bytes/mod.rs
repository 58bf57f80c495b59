//! Bytes of files: read in one way, kept in memory or mapped, unpacked within bounds, written whole or not at all.

pub(crate) mod atomic;
mod file;
pub(crate) mod mmap;
pub(crate) mod zip_entries;

pub(crate) use file::Shared;
