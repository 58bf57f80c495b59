//! Integration tests of sgmn-data: one binary, one module a subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its own data should stop")]

mod any_net_architecture;
mod any_net_families;
mod any_net_files;
mod any_net_onnx;
mod any_net_pt2;
mod collections;
mod containers;
mod containers_fuzz;
mod containers_hostile;
mod containers_torch;
mod datasets;
mod datasets_fuzz;
mod fit;
mod formats;
mod formats_hostile;
mod formats_hostile_own;
mod formats_own;
mod mutation;
mod nets;
mod shards;
mod wild;
mod zoo;
