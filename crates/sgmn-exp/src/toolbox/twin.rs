//! `sgmn twin`: another file of the same function.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, Result, bail};
use sgmn_data::any_net;
use sgmn_graph::Seed;

use super::{Verdict, files::refuse_existing};
use crate::any_net::{args::NetArgs, twin::write_twin};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is the same container with other numbers: units are reordered, scalars and signs are moved between layers,
wherever the graph of the net shows that its function stays. Numbers are rounded to the number type of the file.

Examples:
  sgmn twin resnet18.onnx --seed 3 --out twin.onnx
  sgmn twin net.pt2 --out twin.pt2")]
pub(super) struct Args {
    /// A net: .onnx, .pt2, or tensors with --architecture
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where chance begins
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    net: NetArgs,
}

/// Answers of a twin may change by so much where its numbers are rounded to f32, with room for depth.
const MOST_ROUNDED: f64 = 1e-3;

/// Writes the twin, reads it again, and says what changed.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    refuse_existing(&args.out, args.force)?;
    if args.out.canonicalize().is_ok_and(|path| args.file.canonicalize().is_ok_and(|file| file == path)) {
        bail!("{}: expected another file than the net itself, found the same", args.out.display());
    }
    let options = args.net.options();
    let file = any_net::open(&args.file, &options)?;
    let twin = write_twin(&file, &options, Seed::new(args.seed), &args.out)
        .with_context(|| args.out.display().to_string())?;
    writeln!(out, "wrote {}", args.out.display())?;
    writeln!(out, "{} of {} numbers changed, in {} parameters", twin.n_moved, twin.n_numbers, twin.n_params)?;
    writeln!(
        out,
        "answers to random inputs changed by {:.1e}, and by {:.1e} after rounding to the number type of the file",
        twin.exact, twin.written
    )?;
    if twin.n_moved == 0 {
        writeln!(out, "note: nothing may change in this net, so the file is the same")?;
    }
    Ok(if twin.written <= MOST_ROUNDED { Verdict::Pass } else { Verdict::Fail })
}
