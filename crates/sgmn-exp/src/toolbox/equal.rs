//! `sgmn equal`: whether two nets are the same function up to symmetry.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, Result};
use sgmn_data::any_net;
use sgmn_graph::{Seed, flow::FlowNet};
use sgmn_symmetry::flow::Relation;

use super::Verdict;
use crate::any_net::{
    args::NetArgs,
    compare::{Comparison, compare},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Both nets are brought to the canonical form of everything that may change without changing their function. If the forms
meet, the nets are one function. If they differ, the first place that differs is named; if nothing decides some choices
(dead or tied units), that is said, for then the nets may be equal nevertheless.

Examples:
  sgmn equal net.onnx twin.onnx
  sgmn equal a.pt2 b.pt2 --tolerance 1e-9

Exit status: 0 if the nets are equal, 1 if they are not.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) pair: Pair,
}

/// Two nets, and when their numbers count as equal.
#[derive(Debug, clap::Args)]
pub(super) struct Pair {
    /// A net: .onnx, .pt2, or tensors with --architecture
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Another net of the same architecture
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Numbers of canonical forms differ if they do so by more than this, relative to the largest of their parameter
    #[arg(long, value_name = "X", default_value_t = ROUNDED)]
    tolerance: f64,
    #[command(flatten)]
    net: NetArgs,
}

/// Rounding to f32 moves canonical forms by this at most, with room for depth.
const ROUNDED: f64 = 1e-4;

impl Pair {
    /// Reads and compares both.
    pub(super) fn compare(&self) -> Result<Comparison> {
        let options = self.net.options();
        let open = |path: &PathBuf| -> Result<FlowNet> { Ok(any_net::open(path, &options)?.net) };
        let (a, b) = (open(&self.a)?, open(&self.b)?);
        compare(&a, &b, self.tolerance, Seed::new(0).child("compare"))
            .with_context(|| format!("{} and {}", self.a.display(), self.b.display()))
    }
}

/// Compares, and says where the nets differ.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let Comparison { answers, relation, .. } = args.pair.compare()?;
    let verdict = match relation {
        Relation::Equal { distance } => {
            writeln!(out, "equal: canonical forms differ by {distance:.1e} at most")?;
            Verdict::Pass
        }
        Relation::Different { param, index, numbers, distance, repairs } => {
            writeln!(
                out,
                "different: {param} is {:.6} and {:.6} at number {index}; canonical forms differ by {distance:.1e}",
                numbers.0, numbers.1
            )?;
            if repairs > 0 {
                writeln!(out, "note: nothing decides {repairs} choices of these forms, so the nets may be equal nevertheless")?;
            }
            Verdict::Fail
        }
    };
    writeln!(out, "answers to random inputs differ by {answers:.1e}")?;
    Ok(verdict)
}
