//! Tests of the crate from outside, one module per part.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any_net_models;
mod apply;
mod compose;
mod config;
mod datasets;
mod published;
mod reproduction;
mod run_folder;
mod show;
mod statistics;
mod toolbox;
mod train;
mod tutorial;
