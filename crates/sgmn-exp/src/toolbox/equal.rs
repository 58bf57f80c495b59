//! `sgmn equal`: whether two files hold the same function, up to symmetry.

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use sgmn_graph::{Seed, flow::FlowNet};
use sgmn_symmetry::flow::{
    Difference,
    fold::Fold,
    transport::{Found, transport},
};

use super::Verdict;
use crate::{
    any_net::{
        args::NetArgs,
        compare::{self, Comparison},
        element::{ElementFile, words},
        free::Free,
    },
    files::{FlowSource, ReadArgs, refuse_existing},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Both nets are brought to the canonical form of everything that may change in them: norms are folded, unseen directions
are set to 0, scalars and matrices are fixed from the inputs inwards, units are put in order. Forms that meet say that
the nets are one function up to rounding, and so does an element that carries one net to the other. Nets that answer random questions differently are different. Where answers
agree and forms do not, neither is claimed.

Of equal nets it says what carries A to B: which units are reordered, which scalars, matrices and additions there are. It
has acted on the numbers of A and met those of B before it is shown. --element writes it as JSON, which `sgmn twin`
applies again.

Examples:
  sgmn twin resnet18.onnx --seed 3 --out twin.onnx
  sgmn equal resnet18.onnx twin.onnx --element element.json
  sgmn twin resnet18.onnx --element element.json --out again.onnx

Exit status: 0 if the nets are equal, 1 if not, or if it is undecided.")]
pub(super) struct Args {
    #[command(flatten)]
    pair: Pair,
    /// Write what carries A to B to this file
    #[arg(long, value_name = "FILE")]
    element: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "element")]
    force: bool,
}

/// Two nets, and when their numbers count as equal.
#[derive(Debug, clap::Args)]
pub(super) struct Pair {
    /// A net: .onnx, .pt2, a folder with config.json or adapter_config.json, tensors with --architecture, or a chain
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
    read: ReadArgs,
    #[command(flatten)]
    net: NetArgs,
}

impl Pair {
    /// Reads both.
    pub(super) fn open(&self) -> Result<[FlowSource; 2]> {
        let open = |path: &PathBuf| FlowSource::open(path, &self.net, &self.read);
        Ok([open(&self.a)?, open(&self.b)?])
    }

    /// Compares both.
    pub(super) fn compare(&self, [a, b]: &[FlowSource; 2]) -> Result<Comparison> {
        Comparison::of(a.net(), b.net(), self.tolerance, Seed::new(self.seed))
    }

    /// The distance of both after alignment, relative to the norm of the first.
    pub(super) fn aligned(&self, [a, b]: &[FlowSource; 2]) -> Result<f64> {
        Comparison::aligned(a.net(), b.net(), Seed::new(self.seed))
    }
}

/// Compares, and says what was found.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    if let Some(path) = &args.element {
        refuse_existing(path, args.force)?;
    }
    let nets = args.pair.open()?;
    let found = args.pair.compare(&nets)?;
    let verdict = found.verdict(args.pair.tolerance);
    if verdict == compare::Verdict::Different {
        writeln!(out, "different: answers to random questions differ by {:.1e}", found.answers)?;
    } else {
        let [a, b] = &nets;
        let carrier = transport(a.net(), b.net(), args.pair.tolerance)?;
        if verdict == compare::Verdict::Equal {
            writeln!(out, "equal: canonical forms differ by {:.1e} at most", found.forms.largest())?;
        } else if carrier.is_some() {
            // Choices that nothing decides keep forms apart, but not what was seen to carry one net to the other.
            writeln!(out, "equal: an element carries A to B")?;
        }
        if verdict == compare::Verdict::Equal || carrier.is_some() {
            writeln!(out, "answers to random questions differ by {:.1e}", found.answers)?;
            return carried(args, a.net(), carrier.as_ref(), out);
        }
        writeln!(
            out,
            "undecided: answers to random questions agree to {:.1e}, canonical forms do not",
            found.answers
        )?;
    }
    if let Some(Difference { param, index, numbers: (x, y) }) = &found.forms.first {
        writeln!(out, "first difference of the canonical forms: {param}, number {index}: {x:.6} and {y:.6}")?;
    }
    if found.forms.repairs > 0 {
        writeln!(
            out,
            "note: {} choices in the canonical forms are decided by nothing, so equal nets may have different forms",
            found.forms.repairs
        )?;
    }
    Ok(Verdict::Fail)
}

/// What departs from nothing by no more than so many times the distance that is left to B is called rounding.
const ROUNDING: f64 = 10.0;

/// Says what carries the first net to the second one, and writes it where it is asked for.
fn carried(args: &Args, a: &FlowNet, found: Option<&Found>, out: &mut impl Write) -> Result<Verdict> {
    let Some(found) = found else {
        writeln!(out, "the element that carries A to B was not found, though the functions are equal")?;
        return Ok(if args.element.is_some() { Verdict::Fail } else { Verdict::Pass });
    };
    let Found { transport, folded, apart } = found;
    writeln!(out, "what carries A to B, seen to meet the numbers of B to {apart:.1e}:")?;
    if *folded {
        writeln!(out, "  (the norms of both are folded first)")?;
    }
    let flow = if *folded { Fold::new(a.flow())?.flow().clone() } else { a.flow().clone() };
    let free = Free::of(&flow);
    let rows = words(transport, &free, ROUNDING * apart)?;
    if rows.is_empty() {
        writeln!(out, "  nothing: their numbers are the same up to rounding")?;
    }
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1)];
    for [space, size, what] in &rows {
        writeln!(out, "  {space:<0$}  {size:<1$}  {what}", widths[0], widths[1])?;
    }
    if let Some(path) = &args.element {
        ElementFile::of(found, &free).write(path)?;
        writeln!(out, "wrote {}", path.display())?;
    }
    Ok(Verdict::Pass)
}
