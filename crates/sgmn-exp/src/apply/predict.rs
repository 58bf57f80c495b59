//! What a trained model says about nets, or the features before its head, as a table.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Result, bail};
use candle_core::{DType, Device};
use sgmn_data::{Error, skip};
use sgmn_graph::Batch;
use sgmn_nn::{
    models::Output,
    trained::{Answers, TrainedModel},
};

use super::{Applied, Columns, ReadBatch, ReadNet, Reading, Table};

/// What is written of each net.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What the model says: class and probabilities, score, number.
    Answers,
    /// The features that the model's head reads.
    Features,
}

/// Writes a table with a row for each net, in the order of the dataset. `progress` is told how many nets are done.
///
/// # Errors
/// If the model changes nets, or has no features; whatever is wrong with a net that may not be left out, or with all of
/// them; [`Error::Interrupted`] soon after `stop` becomes true. Then no table appears.
pub fn predict(
    trained: &TrainedModel,
    reading: &Arc<Reading>,
    wanted: Wanted,
    batch_size: usize,
    out: &Path,
    mut progress: impl FnMut(usize),
    stop: &AtomicBool,
) -> Result<Applied> {
    if wanted == Wanted::Answers && trained.answers == (Answers::Changes {}) {
        bail!(
            "expected a model that answers about nets, found one that changes them; `sgmn edit` writes them"
        );
    }
    let (mut table, mut left_out) = (None, Vec::new());
    let (mut n_nets, mut n_done) = (0, 0);
    for read in reading.batches(batch_size) {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted.into());
        }
        let ReadBatch { batch, nets, left_out: unread } = read?;
        n_done += nets.len() + unread.len();
        left_out.extend(unread);
        if let Some(batch) = batch {
            let rows = rows(trained, &batch, wanted)?;
            for (ReadNet { id, .. }, row) in nets.iter().zip(&rows) {
                if let Some(value) = row.iter().find(|value| !value.is_finite()) {
                    reading.refuse(id, &value.to_string(), &mut left_out)?;
                    continue;
                }
                let table = match &mut table {
                    Some(table) => table,
                    None => table.insert(Table::create(out, columns(trained, wanted, row.len()))?),
                };
                table.row(id, trained.answers.class(row).filter(|_| wanted == Wanted::Answers), row)?;
                n_nets += 1;
            }
        }
        progress(n_done);
    }
    skip::refuse_nothing(n_nets, &left_out)?;
    if let Some(table) = table {
        table.finish()?;
    }
    Ok(Applied { n_nets, left_out })
}

/// The numbers of each net.
fn rows(trained: &TrainedModel, batch: &Batch, wanted: Wanted) -> Result<Vec<Vec<f64>>> {
    if wanted == Wanted::Features {
        let features = trained.features(batch)?.to_device(&Device::Cpu)?;
        return Ok(features.to_dtype(DType::F64)?.to_vec2()?);
    }
    match trained.output(batch)? {
        Output::PerGraph(rows) => Ok(trained.answers.of_rows(&rows)?),
        Output::PerParam(_) => bail!("expected a model that answers about nets, found one that changes them"),
    }
}

fn columns(trained: &TrainedModel, wanted: Wanted, n_numbers: usize) -> Columns {
    let numbered = |name: &str| (0..n_numbers).map(|i| format!("{name} {i}")).collect();
    match (wanted, &trained.answers) {
        (Wanted::Features, _) => {
            Columns { name: "features", numbers: numbered("feature"), classes: None, wide: false }
        }
        (Wanted::Answers, Answers::Classes { names }) => Columns {
            name: "probabilities",
            numbers: names.iter().map(|name| format!("probability of {name}")).collect(),
            classes: Some(names.clone()),
            wide: false,
        },
        (Wanted::Answers, Answers::Score {}) => {
            Columns { name: "score", numbers: vec!["score".to_owned()], classes: None, wide: false }
        }
        (Wanted::Answers, Answers::Number { .. }) => {
            Columns { name: "score", numbers: vec!["score".to_owned()], classes: None, wide: true }
        }
        (Wanted::Answers, Answers::Plain {} | Answers::Changes {}) => {
            Columns { name: "outputs", numbers: numbered("output"), classes: None, wide: false }
        }
    }
}
