//! `sgmn edit`: nets as a trained model changes them.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use anyhow::{Context, Result};
use sgmn_data::{Source, formats::packed};

use super::{super::Verdict, Opened, Subject};
use crate::{
    apply::{self, Applied},
    files::{Destination, list_left_out},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each net keeps its name, its target and its part of the dataset. A model that gives several copies of a net puts a number
behind its name, NAME-copy0. If the model was trained on canonical forms, what it changes is the canonical form of a net.

Examples:
  sgmn edit runs/quick-editing-seed0/checkpoints/best.safetensors digits.packed --out thick.packed
  sgmn edit best.safetensors net.safetensors --out edited.safetensors
  sgmn edit best.safetensors digits.packed --out edited-nets")]
pub(in crate::toolbox) struct Args {
    #[command(flatten)]
    subject: Subject,
    /// What to write: NAME.packed, NAME.safetensors for one net, or a new folder for a safetensors file a net
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// Replace the file OUT if it exists; not for a folder, which must be new or empty
    #[arg(long)]
    force: bool,
}

/// Reads every net and writes it changed.
pub(in crate::toolbox) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let destination = Destination::at(&args.out, args.force);
    destination.validate()?;
    let Opened { trained, nets, batch_size, bar, stop, .. } = args.subject.open()?;
    if nets.n_nets() > 1 {
        destination.takes_many()?;
    }
    // Any other form is made from a packed file, which holds nets of any number as they come.
    let folder = tempfile::tempdir().context("a folder for changed nets")?;
    let aside = folder.path().join("edited.packed");
    let packed = if destination.is_packed() { args.out.as_path() } else { aside.as_path() };
    let by = args.subject.checkpoint.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let provenance = BTreeMap::from([("edited by".to_owned(), by)]);
    let progress = |n_done: usize| bar.set_position(n_done as u64);
    let applied = apply::edit(&trained, &nets, batch_size, packed, provenance.clone(), progress, &stop);
    bar.finish_and_clear();
    let Applied { n_nets, left_out } = applied?;
    if destination.is_packed() {
        writeln!(out, "wrote {n_nets} changed nets into {}", args.out.display())?;
    } else {
        let reader = packed::Reader::open(packed)?;
        if reader.len() == 1 {
            destination.write_net(reader.get(0)?, provenance, out)?;
        } else {
            destination.write_dataset(&packed::dataset(reader, packed)?, provenance, out)?;
        }
    }
    list_left_out(&args.out, &left_out, out)?;
    Ok(Verdict::Pass)
}
