//! `sgmn distance`: how far apart two nets are, up to symmetry.

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use sgmn_graph::Seed;

use super::Verdict;
use crate::any_net::{
    args::NetArgs,
    compare::{self, Comparison},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The distance is that of the canonical forms, in which nets of one orbit meet: 0 is exact. Any other distance is a bound
from above: two other members of the orbits may be closer.

Examples:
  sgmn distance epoch10.onnx epoch20.onnx
  sgmn distance a.safetensors b.safetensors --architecture minilm.toml")]
pub(super) struct Args {
    /// A net: .onnx, .pt2, or tensors with --architecture
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Another one of the same architecture
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Canonical forms that differ by less than this, relative to the largest number of a parameter, are one
    #[arg(long, value_name = "X", default_value_t = 1e-4)]
    tolerance: f64,
    /// Where chance begins
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    net: NetArgs,
}

/// Parameters that are shown.
const N_SHOWN: usize = 8;

/// Measures, and says what was measured.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let (a, b) = compare::open_both(&args.a, &args.b, &args.net.options())?;
    let found = Comparison::of(&a.net, &b.net, args.tolerance, Seed::new(args.seed))?;
    if found.first.is_none() {
        writeln!(
            out,
            "distance 0 (exact): the canonical forms meet, to {:.1e} of their norm",
            found.distance
        )?;
    } else {
        writeln!(
            out,
            "distance at most {:.4} of the norm of A (a bound: that of the canonical forms)",
            found.distance
        )?;
        if found.repairs > 0 {
            writeln!(out, "note: {} choices in the canonical forms are decided by nothing", found.repairs)?;
        }
        writeln!(out, "largest differences, relative to the largest number of the parameter:")?;
        for param in found.params.iter().take(N_SHOWN) {
            writeln!(out, "  {:9.2e}  {}", param.largest, param.name)?;
        }
    }
    writeln!(out, "answers to random questions differ by {:.1e}", found.answers)?;
    Ok(Verdict::Pass)
}
