//! Nets as a trained model changes them, in a packed file.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Result, bail};
use sgmn_data::{
    Error,
    formats::packed::{self, Writer},
    skip,
};
use sgmn_nn::trained::{Answers, TrainedModel};

use super::{Applied, ReadBatch, ReadNet, Reading};
use crate::run::edited::items;

/// Writes every net as the model changes it, in the order of the dataset, with its name, its target and its part.
/// Of several copies each has a number behind its name: `NAME-copy0`. `progress` is told how many nets are done.
///
/// # Errors
/// If the model answers about nets; whatever is wrong with a net that may not be left out, or with all of them;
/// [`Error::Interrupted`] soon after `stop` becomes true. Then no file appears.
pub fn edit(
    trained: &TrainedModel,
    reading: &Arc<Reading>,
    batch_size: usize,
    out: &Path,
    mut provenance: BTreeMap<String, String>,
    mut progress: impl FnMut(usize),
    stop: &AtomicBool,
) -> Result<Applied> {
    if trained.answers != (Answers::Changes {}) {
        bail!(
            "expected a model that changes nets, found one that answers about them; `sgmn predict` writes that"
        );
    }
    if let Some(classes) = reading.classes() {
        provenance.insert(packed::CLASSES.to_owned(), serde_json::to_string(classes)?);
    }
    let mut writer = Writer::create(out, provenance)?;
    let mut left_out = Vec::new();
    let (mut n_nets, mut n_done) = (0, 0);
    for read in reading.batches(batch_size) {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted.into());
        }
        let ReadBatch { batch, nets, left_out: unread } = read?;
        n_done += nets.len() + unread.len();
        left_out.extend(unread);
        if let Some(batch) = batch {
            let output = trained.output(&batch)?;
            for (ReadNet { id, target, split }, copies) in nets.iter().zip(output.edited(&batch)?) {
                match copies {
                    Ok(copies) => {
                        items(id, copies, *target, *split).try_for_each(|item| writer.push(item))?;
                        n_nets += 1;
                    }
                    Err(why) => reading.refuse(id, &why.to_string(), &mut left_out)?,
                }
            }
        }
        progress(n_done);
    }
    skip::refuse_nothing(n_nets, &left_out)?;
    writer.finish()?;
    Ok(Applied { n_nets, left_out })
}
