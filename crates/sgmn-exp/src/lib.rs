//! Runs experiments: from a TOML file to a folder with a trained model, its records and its report.
//!
//! ```text
//! ExperimentFile ──resolve──► Experiment ──► data, pipeline, model, task ──► training ──► RunRecord ──► tables,
//!   data × task × model × size  │                                               │          records.jsonl  figures,
//!   --set train.seed=3          └──► resolved.toml, facts.json                  └► checkpoints/           one page
//! ```
//!
//! The modules, from the file that a person writes to the page that a person reads:
//!
//! - [`config`]: experiments, checked and completed into what is run;
//! - `files`: files and folders of a person, recognized by what is in them;
//! - [`data`]: the nets of an experiment, made if they do not exist yet, and turned into batches on a device;
//! - [`tasks`], [`metrics`]: loss and scores of each task;
//! - [`editing`]: what INRs draw before and after an edit;
//! - [`run`]: one run: its device, its folder, and the training loop, which can be interrupted and resumed;
//! - [`apply`]: a trained model applied to nets: predictions, features or changed nets;
//! - [`any_net`]: nets of any architecture, what may change in them, and tests of it;
//! - [`show`]: what a person sees: progress, records, figures, statistics of nets, tables, one page;
//! - [`reproduction`]: many runs and one report, for `sgmn-report`, `cargo xtask reproduce` and `sgmn compare`;
//! - [`toolbox`]: the commands of `sgmn`.
//!
//! ```
//! use sgmn_exp::config::{ExperimentFile, TrainLength};
//!
//! let mut file = ExperimentFile::open("mnist")?;
//! file.set("train.seed=3")?;
//! let experiment = file.resolve()?;
//! assert_eq!(experiment.train().seed, 3);
//! assert_eq!(experiment.train().length(), TrainLength::Epochs(200));
//!
//! // The resolved file is the experiment: reading it gives the same one.
//! let again = ExperimentFile::parse("copy", &experiment.to_toml())?.resolve()?;
//! assert_eq!(again.hash(), experiment.hash());
//! # anyhow::Ok(())
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this crate holds the experiment binaries and is the only library that talks to a person"
)]

pub mod any_net;
pub mod apply;
pub mod config;
pub mod data;
pub mod editing;
mod files;
pub mod metrics;
pub mod reproduction;
pub mod run;
pub mod show;
pub mod tasks;
pub mod toolbox;

/// The program in the project's README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
