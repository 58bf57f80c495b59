//! `sgmn twin`: another file of the same function.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, Result, bail};
use sgmn_graph::{Seed, flow::FlowNet};

use super::Verdict;
use crate::{
    any_net::{
        args::NetArgs,
        element::ElementFile,
        judge::Judge,
        twin::{self, Twin},
    },
    files::{FlowSource, ReadArgs, refuse_existing, write_tensors},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is the same container with other numbers: units are reordered, scalars and signs are moved between layers,
wherever the graph of the net shows that its function stays. Numbers are rounded to the number type of the file.
With --element, what `sgmn equal A B --element FILE` has found acts on A, which gives the numbers of B.

Examples:
  sgmn twin resnet18.onnx --seed 3 --out twin.onnx
  sgmn twin net.pt2 --out twin.pt2
  sgmn twin Qwen2-0.5B/ --out twin/
  sgmn twin a.onnx --element a-to-b.json --out b.onnx")]
pub(super) struct Args {
    /// A net: .onnx, .pt2, a folder with config.json or adapter_config.json, tensors with --architecture, or a chain
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What is done, as `sgmn equal` writes it, instead of chance
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    element: Option<PathBuf>,
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
    read: ReadArgs,
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
    let source = FlowSource::open(&args.file, &args.net, &args.read)?;
    let (net, seed) = (source.net(), Seed::new(args.seed));
    let made = match &args.element {
        Some(path) => {
            let element = ElementFile::read(path)?;
            let made = element.act(net).with_context(|| path.display().to_string())?;
            if element.is_folded() {
                return write_folded(net, &made, args, out);
            }
            made
        }
        None => twin::drawn(net, seed)?,
    };
    source.write(&made, &args.out)?;
    let again = FlowSource::open(&args.out, &args.net, &args.read)?;
    let twin = Twin::of(net, &made, again.net(), seed).with_context(|| args.out.display().to_string())?;
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

/// Writes a net whose norms were folded before an element acted on it.
fn write_folded(net: &FlowNet, made: &FlowNet, args: &Args, out: &mut impl Write) -> Result<Verdict> {
    write_tensors(made, &args.out)?;
    let change = Judge::random(net, Seed::new(args.seed), 2)?.change_in(made.flow(), made)?;
    writeln!(out, "wrote {}, with norms folded into their neighbours", args.out.display())?;
    writeln!(out, "answers to random inputs changed by {change:.1e}")?;
    Ok(if change <= MOST_ROUNDED { Verdict::Pass } else { Verdict::Fail })
}
