//! `sgmn equal`: whether two files hold the same function, up to symmetry.

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
Both nets are brought to the canonical form of everything that may change in them: norms are folded, unseen directions
are set to 0, scalars and matrices are fixed from the inputs inwards, units are put in order. Forms that meet say that
the nets are one function up to rounding. Nets that answer random questions differently are different. Where answers
agree and forms do not, neither is claimed.

Examples:
  sgmn twin resnet18.onnx --seed 3 --out twin.onnx
  sgmn equal resnet18.onnx twin.onnx

Exit status: 0 if the nets are equal, 1 if not, or if it is undecided.")]
pub(super) struct Args {
    #[command(flatten)]
    pair: Pair,
}

/// Two nets, and when their numbers count as equal.
#[derive(Debug, clap::Args)]
pub(super) struct Pair {
    /// A net: .onnx, .pt2, or tensors with --architecture
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Another one of the same architecture
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Numbers are equal if they differ by less than this, relative to the largest of their parameter. Files of f32
    /// numbers differ by some 1e-7, and by more after division by small numbers
    #[arg(long, value_name = "X", default_value_t = 1e-4)]
    tolerance: f64,
    /// Where chance begins
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    net: NetArgs,
}

impl Pair {
    /// Reads and compares both.
    pub(super) fn compare(&self) -> Result<Comparison> {
        let (a, b) = compare::open_both(&self.a, &self.b, &self.net.options())?;
        Comparison::of(&a.net, &b.net, self.tolerance, Seed::new(self.seed))
    }
}

/// Compares, and says what was found.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let found = args.pair.compare()?;
    let largest = found.params.first().map_or(0.0, |param| param.largest);
    match found.verdict(args.pair.tolerance) {
        compare::Verdict::Equal => {
            writeln!(out, "equal: canonical forms differ by {largest:.1e} at most")?;
            writeln!(out, "answers to random questions differ by {:.1e}", found.answers)?;
            return Ok(Verdict::Pass);
        }
        compare::Verdict::Different => {
            writeln!(out, "different: answers to random questions differ by {:.1e}", found.answers)?
        }
        compare::Verdict::Undecided => {
            writeln!(
                out,
                "undecided: answers to random questions agree to {:.1e}, canonical forms do not",
                found.answers
            )?;
        }
    }
    if let Some((param, index, (x, y))) = &found.first {
        writeln!(out, "first difference of the canonical forms: {param}, number {index}: {x:.6} and {y:.6}")?;
    }
    if found.repairs > 0 {
        writeln!(
            out,
            "note: {} choices in the canonical forms are decided by nothing, so equal nets may have different forms",
            found.repairs
        )?;
    }
    Ok(Verdict::Fail)
}
