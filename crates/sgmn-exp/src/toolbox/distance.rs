//! `sgmn distance`: how far apart two nets are, up to symmetry.

use std::io::Write;

use anyhow::Result;

use super::{Verdict, equal::Pair};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The distance is that of the canonical forms, in which nets of one orbit meet: 0 is exact. Any other distance is a bound
from above: two other members of the orbits may be closer. If the forms do not meet, the nets are aligned as by `sgmn align`,
with norms folded, and the smaller bound is shown.

Examples:
  sgmn distance epoch10.onnx epoch20.onnx
  sgmn distance a.safetensors b.safetensors --architecture minilm.toml")]
pub(super) struct Args {
    #[command(flatten)]
    pair: Pair,
}

/// Parameters that are shown.
const N_SHOWN: usize = 8;

/// Measures, and says what was measured.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let nets = args.pair.open()?;
    let found = args.pair.compare(&nets)?;
    let forms = &found.forms;
    if forms.meets() {
        writeln!(
            out,
            "distance 0 (exact): the canonical forms meet, to {:.1e} of their norm",
            forms.distance
        )?;
    } else {
        let aligned = args.pair.aligned(&nets)?;
        let (distance, of) = if aligned < forms.distance {
            (aligned, "after alignment")
        } else {
            (forms.distance, "that of the canonical forms")
        };
        writeln!(out, "distance at most {distance:.4} of the norm of A (a bound: {of})")?;
        if forms.repairs > 0 {
            writeln!(out, "note: {} choices in the canonical forms are decided by nothing", forms.repairs)?;
        }
        writeln!(
            out,
            "largest differences of the canonical forms, relative to the largest number of the parameter:"
        )?;
        for param in forms.params.iter().take(N_SHOWN) {
            writeln!(out, "  {:9.2e}  {}", param.largest, param.name)?;
        }
    }
    writeln!(out, "answers to random questions differ by {:.1e}", found.answers)?;
    Ok(Verdict::Pass)
}
