//! `sgmn predict`: what a trained model says about nets, as a table.

use std::{io::Write, path::PathBuf};

use anyhow::Result;

use super::{super::Verdict, Opened, Subject};
use crate::{
    apply::{self, Applied, TableKind, Wanted},
    files::{list_left_out, refuse_existing},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The table has a row for each net: its name, and what the model was trained to say. Of a classification the class with the
probability of each, of a prediction the score in [0, 1], of a regression the number in the unit that was learned.
In .jsonl each line is an object; in .safetensors one tensor has a row for each net, and the metadata name the nets.

Examples:
  sgmn predict runs/quick-seed0/checkpoints/best.safetensors digits.packed --out digits.csv
  sgmn predict best.safetensors my-nets --activation relu --out my-nets.jsonl --on-bad-net skip
  sgmn predict best.safetensors digits.packed --embed --out features.safetensors")]
pub(in crate::toolbox) struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Table to write: NAME.csv, NAME.jsonl or NAME.safetensors
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write the features that the model's head reads in place of its answers
    #[arg(long)]
    embed: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
}

/// Reads every net and writes the table.
pub(in crate::toolbox) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    TableKind::of(&args.out)?;
    refuse_existing(&args.out, args.force)?;
    let Opened { trained, nets, batch_size, bar, stop, began } = args.subject.open()?;
    let wanted = if args.embed { Wanted::Features } else { Wanted::Answers };
    let progress = |n_done: usize| bar.set_position(n_done as u64);
    let applied = apply::predict(&trained, &nets, wanted, batch_size, &args.out, progress, &stop);
    bar.finish_and_clear();
    let Applied { n_nets, left_out } = applied?;
    let seconds = began.elapsed().as_secs_f64();
    writeln!(
        out,
        "wrote {} with {n_nets} nets, {:.0} nets/s",
        args.out.display(),
        n_nets as f64 / seconds.max(1e-9)
    )?;
    list_left_out(&args.out, &left_out, out)?;
    Ok(Verdict::Pass)
}
