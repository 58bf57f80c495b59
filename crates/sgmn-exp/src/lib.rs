//! Experiments: a TOML file goes in, a folder with a trained model, its records and its report comes out.
//!
//! ```text
//! ExperimentFile ──resolve──► Experiment ──► data, pipeline, model, task ──► training ──► RunRecord ──► tables,
//!   data × task × model × size  │                                               │          records.jsonl  figures,
//!   --set train.seed=3          └──► resolved.toml, facts.json                  └► checkpoints/           one page
//! ```
//!
//! - [`config`]: what a person writes, checked and completed into what is run;
//! - [`apply`]: a trained model and nets go in, predictions, features or changed nets come out;
//! - [`any_net`]: nets of any architecture, what may change in them, and the proof;
//! - [`architectures`]: of the published nets, where the nets themselves are not at hand;
//! - [`datasets`]: the nets that an experiment names, fitted where they do not exist yet;
//! - [`device`]: where models run;
//! - [`editing`]: what INRs draw before and after an edit;
//! - [`pipeline`]: from nets to batches on a device, ahead of training;
//! - [`tasks`]: loss and metrics of a question;
//! - [`launch`]: what the experiment programs share;
//! - [`train`]: the loop, interruptible and resumable;
//! - [`metrics`]: numbers that say how good a model is;
//! - [`run_folder`]: what stands where in the folder of a run;
//! - [`report`]: records, TensorBoard events, figures, tables and the page made from them;
//! - [`reproduction`]: the main job from end to end, for `cargo xtask reproduce`;
//! - [`statistics`]: norms and signs of the units of a dataset's nets, as tables and figures;
//! - [`progress`]: what a person sees meanwhile;
//! - [`interrupt`]: what Ctrl-C does.
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
pub mod architectures;
pub mod config;
pub mod datasets;
pub mod device;
pub mod editing;
pub mod interrupt;
pub mod launch;
pub mod metrics;
pub mod pipeline;
pub mod progress;
pub mod report;
pub mod reproduction;
pub mod run_folder;
pub mod statistics;
pub mod tasks;
pub mod toolbox;
pub mod train;

/// The program in the project's README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
