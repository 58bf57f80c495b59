//! The training loop: steps, evaluations, checkpoints. A run that was stopped goes on as if it had not been.

mod about;
mod begin;
mod diverged;
mod evaluate;
mod report;
mod save;
mod standing;
mod steps;
mod unread;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use anyhow::{Context, Result};
use candle_core::Device;
use sgmn_data::skip;
use sgmn_graph::Seed;
use sgmn_nn::{
    Normalization, VarStore,
    checkpoint::About,
    models::Model,
    optim::{Average, Optimizer},
};

pub use self::{
    diverged::Diverged,
    evaluate::of_copies,
    standing::{Outcome, Summary},
};
use self::{standing::Standing, unread::Unread};
use super::folder::RunFolder;
use crate::{
    config::Experiment,
    data::{datasets::Material, pipeline::Pipeline},
    editing::Pictures,
    metrics::Criterion,
    show::{EventLog, RecordLog, save::write_json},
    tasks::Task,
};

/// Runs an experiment in a folder on a device, from its beginning or from where an earlier call stopped.
///
/// # Errors
/// If data do not fit the model, a number is not finite, a file cannot be written, or another process runs in the
/// folder.
pub fn run(
    experiment: &Experiment,
    material: impl Into<Material>,
    folder: &RunFolder,
    device: &Device,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let _lock = folder.lock()?;
    let material = material.into();
    if !material.dataset.skipped.is_empty() {
        skip::write_skipped(&folder.skipped(), &material.dataset.skipped)?;
    }
    let train = experiment.train();
    if let Some(facts) = crate::run::device::describe(device) {
        eprintln!("device: {facts}");
    }
    for fault in sgmn_nn::ops::faults(device) {
        eprintln!("note: {fault}");
    }
    const MIB: usize = 1 << 20;
    sgmn_nn::ops::keep_at_most(train.keep_mib.map_or(1024, |mib| mib as usize).saturating_mul(MIB));
    let run = || -> Result<Outcome> {
        let mut run = Run::new(experiment, material, folder, device)?;
        let is_finished = run.train(stop)?;
        if let Some(bytes) = sgmn_nn::ops::peak_memory(device) {
            eprintln!("device memory at most: {:.2} GiB", bytes as f64 / f64::from(1 << 30));
        }
        if is_finished { Ok(Outcome::Finished(run.finish()?)) } else { Ok(Outcome::Interrupted) }
    };
    let outcome = train.precision.scope(train.dtype.dtype(), device, run).context("train")?;
    // Who plans runs need not find out again.
    match outcome.as_ref().map_err(|error| error.downcast_ref::<Diverged>()) {
        Err(Some(_)) => {
            let what = outcome.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
            write_json(&folder.diverged(), &Diverged::new(what))?;
        }
        _ if folder.diverged().exists() => std::fs::remove_file(folder.diverged())?,
        _ => {}
    }
    outcome
}

struct Run<'a> {
    experiment: &'a Experiment,
    folder: &'a RunFolder,
    pipeline: Pipeline,
    normalization: Normalization,
    model: Box<dyn Model>,
    vars: VarStore,
    optimizer: Optimizer,
    /// What is evaluated in place of the variables, if that was asked for.
    average: Option<Average>,
    task: Box<dyn Task>,
    criterion: Criterion,
    about: About,
    pictures: Option<Arc<Pictures>>,
    seed: Seed,
    standing: Standing,
    unread: Unread,
    records: RecordLog,
    events: EventLog,
    began: Instant,
    /// When a continuation was last made possible.
    saved: Instant,
}
