//! `sgmn measure`: what a device can do, what a training step costs there, and whether it repeats itself.

mod clock;
mod count;
mod facts;
mod fastest;
mod order;
mod repeat;
mod steps;

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use clap::Subcommand;
use sgmn_nn::ops::ProductPrecision;

use super::{Verdict, results::Results};
use crate::run::device::DeviceArg;

/// What can be measured.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each result is a line of JSON in the file that --json names, added when it is known; several programs may share one.

Examples:
  sgmn measure facts --device cuda --json results.jsonl
  sgmn measure steps --device cuda --json results.jsonl --configs mnist --batches 128 --seconds 30
  sgmn measure count --configs mnist --batches 128
  sgmn measure repeat --device cuda --json results.jsonl
  sgmn measure fastest results.jsonl")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Names the device, and measures its matrix products at the models' shapes and its memory
    Facts(facts::Args),
    /// Measures training steps and inference of the published configurations
    Steps(steps::Args),
    /// Counts what a device would have to do for a step, without one
    Count(count::Args),
    /// Trains twice from one seed, and once stopped and continued, and compares every bit
    Repeat(repeat::Args),
    /// Says which number format was fastest among those that were stable
    Fastest(fastest::Args),
}

/// Where it runs and where results go.
#[derive(Debug, clap::Args)]
struct Place {
    #[command(flatten)]
    device: DeviceArg,
    /// File that results are added to, a line of JSON each
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Place {
    fn results(&self) -> Result<Results> {
        Results::open(self.json.as_deref())
    }
}

/// Measures.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    match &args.what {
        What::Facts(args) => facts::run(args, out),
        What::Steps(args) => steps::run(args, out),
        What::Count(args) => count::run(args, out),
        What::Repeat(args) => repeat::run(args, out),
        What::Fastest(args) => fastest::run(args, out),
    }
}

/// The number format of a word.
fn precision(word: &str) -> Result<ProductPrecision, String> {
    let known = [ProductPrecision::F32, ProductPrecision::Tf32, ProductPrecision::Bf16];
    let found = known.into_iter().find(|precision| precision.name() == word);
    found.ok_or_else(|| "expected f32, tf32 or bf16".to_owned())
}
