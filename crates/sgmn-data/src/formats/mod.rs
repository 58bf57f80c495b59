//! Readers of every published on-disk format.
