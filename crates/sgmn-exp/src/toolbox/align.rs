//! `sgmn align`: a net moved as near to another one as its symmetries let it.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use sgmn_graph::{
    Seed,
    flow::{Array, Flow, FlowNet, Numbers},
};
use sgmn_symmetry::flow::{
    align::{AlignOptions, Alignment, Method, Scales, align},
    freedoms::freedoms,
    matrices::matrices,
    transport::Found,
};

use super::{Verdict, images::ImageArgs};
use crate::{
    any_net::{
        args::NetArgs, element::ElementFile, facts::give_back, free::Free, judge::relative, twin::Twin,
    },
    files::{FlowSource, ReadArgs, refuse_existing},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file that is written is B with other numbers: units are reordered, scalars, signs, matrices and biases are moved, so
that its function stays and its numbers come near to those of A. Both nets are settled, and brought to canonical scales if
they come much nearer by that (--scales); then one order after the other is chosen by a linear assignment, with the signs of its units, and matrices are turned.
Distances are root mean squares of differences, each in units of the root mean square of its parameter: nets that have
nothing to do with each other are about 1.41 apart, twins 0. Nothing proves that no nearer place exists.
With --method activations, units are put together that do the same on training images: orders and signs are those whose
activations correlate most, and numbers are looked at only where activations say nothing.

Examples:
  sgmn align a.onnx b.onnx --out b-aligned.onnx
  sgmn align a.safetensors b.safetensors --architecture net.toml --starts 8 --out near.safetensors
  sgmn align a.pt2 b.pt2 --method activations --images mini --out near.pt2
  sgmn align a.pt2 b.pt2 --out near.pt2 --element b-to-near.json")]
pub(super) struct Args {
    /// The net that stays: .onnx, .pt2, tensors with --architecture, or a chain of layers
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The net that is moved, of the same architecture
    #[arg(value_name = "B")]
    b: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write what was done to B to this file, as `sgmn equal` writes it
    #[arg(long, value_name = "FILE")]
    element: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    net: NetArgs,
}

/// How long to search.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Search")]
pub(super) struct SearchArgs {
    /// What says which units belong together
    #[arg(long, value_enum, default_value_t = Matching::Weights)]
    method: Matching,
    /// In which scales of their units nets are compared, and averaged
    #[arg(long, value_enum, default_value_t = Scaling::Judged)]
    scales: Scaling,
    /// Starts: from the inputs inwards, from canonical orders, from the orders of the files, then from random ones
    #[arg(long, value_name = "N", default_value_t = 3)]
    starts: usize,
    /// Sweeps over all orders from each start, at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    sweeps: usize,
    /// Where chance begins
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// What says which units belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Matching {
    /// All numbers beside them
    Weights,
    /// What they compute on training images; needs --images
    Activations,
}

/// In which scales of their units nets are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scaling {
    /// Canonical ones if nets come nearer with them by a fifth, else standing ones
    Judged,
    /// Those of canonical forms, as for twins
    Canonical,
    /// Those that training has left, and signs of gains
    Standing,
}

impl SearchArgs {
    /// The inputs that activations are looked at on; none if numbers are.
    pub(super) fn inputs(&self, images: &ImageArgs, flow: &Flow) -> Result<Option<Vec<Vec<Array>>>> {
        match self.method {
            Matching::Weights => Ok(None),
            Matching::Activations => images.training(flow, "--method activations").map(Some),
        }
    }

    pub(super) fn options(&self) -> AlignOptions {
        let scales = match self.scales {
            Scaling::Judged => Scales::Judged,
            Scaling::Canonical => Scales::Canonical,
            Scaling::Standing => Scales::Standing,
        };
        AlignOptions { starts: self.starts, sweeps: self.sweeps, seed: self.seed(), scales }
    }

    pub(super) fn seed(&self) -> Seed {
        Seed::new(self.seed)
    }
}

/// Refuses to write over something that exists, or over a net that is read.
pub(super) fn refuse_places(out: &Path, read: &[&PathBuf], force: bool) -> Result<()> {
    refuse_existing(out, force)?;
    for path in read {
        if out.canonicalize().is_ok_and(|out| path.canonicalize().is_ok_and(|path| path == out)) {
            bail!("{}: expected another file than the nets themselves, found one of them", out.display());
        }
    }
    Ok(())
}

/// Answers of a net that is written may change by so much where its numbers are rounded to f32, with room for depth.
const MOST_ROUNDED: f64 = 1e-3;

/// Aligns, writes, reads what was written and says what changed.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    refuse_places(&args.out, &[&args.a, &args.b], args.force)?;
    if let Some(path) = &args.element {
        refuse_existing(path, args.force)?;
    }
    let open = |path: &Path| FlowSource::open(path, &args.net, &args.read);
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let inputs = args.search.inputs(&args.images, a.net().flow())?;
    let alignment = align(a.net(), b.net(), method(inputs.as_deref()), &args.search.options())?;
    give_back();
    let (matrices, freedoms) = (matrices(b.net().flow()), freedoms(b.net().flow()));
    // What is written need not exist as a whole.
    let (again, twin) = alignment.transport.acted(b.net(), &matrices, &freedoms, |near| {
        b.write(near, &args.out)?;
        let again = open(&args.out)?;
        let twin = Twin::of(b.net(), near, again.net(), args.search.seed())
            .with_context(|| args.out.display().to_string())?;
        anyhow::Ok((again, twin))
    })?;
    writeln!(out, "wrote {}", args.out.display())?;
    say(&alignment, out)?;
    let largest = largest_difference(a.net(), again.net());
    writeln!(
        out,
        "numbers of A and of what was written differ by {largest:.1e} of the largest of their parameter at most"
    )?;
    writeln!(
        out,
        "answers of B to random inputs changed by {:.1e}, and by {:.1e} after rounding to the number type of the file",
        twin.exact, twin.written
    )?;
    if let Some(path) = &args.element {
        let found = Found { transport: alignment.transport, folded: false, apart: largest };
        ElementFile::of(&found, &Free::of(b.net().flow())).write(path)?;
        writeln!(out, "wrote {}", path.display())?;
    }
    Ok(if twin.written <= MOST_ROUNDED { Verdict::Pass } else { Verdict::Fail })
}

/// The method that looks at activations on these inputs, or at numbers if there are none.
pub(super) fn method(inputs: Option<&[Vec<Array>]>) -> Method<'_> {
    inputs.map_or(Method::Weights, Method::Activations)
}

/// Says how near a net came.
pub(super) fn say(alignment: &Alignment, out: &mut impl Write) -> Result<()> {
    let Alignment { before, after, reordered: (moved, n), starts, scales, .. } = alignment;
    let scales = if *scales == Scales::Canonical { "canonical scales" } else { "the scales of the nets" };
    writeln!(out, "distance before {before:.6}, after {after:.6}, in {scales}")?;
    let sweeps: Vec<String> = starts.iter().map(|start| (start.len() - 1).to_string()).collect();
    let sweeps = if sweeps.is_empty() { "none".to_owned() } else { sweeps.join(", ") };
    writeln!(out, "{moved} of {n} units came to another place; sweeps from each start: {sweeps}")?;
    Ok(())
}

/// The largest difference of numbers, relative to the largest of their parameter.
fn largest_difference(a: &FlowNet, b: &FlowNet) -> f64 {
    let of = |param: usize| relative(&a.numbers(param), &b.numbers(param));
    (0..a.flow().params().len()).map(of).fold(0.0, f64::max)
}
