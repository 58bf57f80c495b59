//! `sgmn distance`: how far two nets are apart, when what may change without changing a function does not count.

use std::io::Write;

use anyhow::Result;
use sgmn_symmetry::flow::Relation;

use super::{Verdict, equal::Pair};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The distance between canonical forms is the largest difference of two numbers, relative to the largest number of their
parameter. It is 0 up to rounding exactly if the forms meet; else it is a bound from above for the distance of the two
orbits, for other members of the orbits may be nearer.

Examples:
  sgmn distance net.onnx twin.onnx")]
pub(super) struct Args {
    #[command(flatten)]
    pair: Pair,
}

/// Measures, and says what the number means.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let found = args.pair.compare()?;
    match found.relation {
        Relation::Equal { distance } => writeln!(out, "{distance:.3e}: one orbit, exact up to rounding")?,
        Relation::Different { distance, repairs, .. } => {
            writeln!(out, "{distance:.3e}: a bound from above; nothing decides {repairs} choices of the forms")?;
        }
    }
    writeln!(
        out,
        "as the numbers stand, the nets differ by {:.3e} of their norm; their answers by {:.1e}",
        found.as_they_stand, found.answers
    )?;
    Ok(Verdict::Pass)
}
