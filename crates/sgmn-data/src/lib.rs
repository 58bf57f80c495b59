//! Reads nets and datasets of nets from files, and makes two kinds of datasets: INRs fitted to images, and a zoo of CNNs.
//!
//! ```text
//! containers one file → a tree of named tensors and values             nets     a tree → one net, or what to ask
//! manifest   what is published where (sizes, checksums, licences)      fetch    brings it here
//! formats    a folder or file → Dataset { source, splits, ... }        fit      images → nets, packed
//!                                                                      zoo      images → small CNNs, the zoo's files;
//!                                                                               zoo::wild: nets of many architectures
//! source     item i → Sample { id, net, target }, read when asked for  split    positions for train, val, test
//! shard      a part of the nets that are made, for one of several workers
//! skip       nets that cannot be read are left out and listed
//! ```
//!
//! Everything that a file says is checked before it is used, and no code in a file is ever run.

pub mod any_net;
mod beside;
mod bytes;
mod checked;
pub mod containers;
mod error;
pub mod fetch;
pub mod fit;
pub mod formats;
mod journal;
pub mod lock;
pub mod manifest;
pub mod nets;
mod sample;
mod shard;
pub mod skip;
mod source;
pub mod split;
pub mod zoo;

pub use bytes::atomic::AtomicFile;
pub use error::{Error, Result};
pub use sample::{FlowSample, Sample, Target};
pub use shard::{Made, Shard};
pub use source::{Dataset, LentSample, Source};
