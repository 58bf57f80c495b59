//! `sgmn merge`: the mean of nets that were moved near each other.

use std::{io::Write, path::PathBuf};

use anyhow::{Result, bail};
use sgmn_graph::flow::FlowNet;

use super::{
    Verdict,
    align::{SearchArgs, method, refuse_places, say},
    images::ImageArgs,
};
use crate::{
    any_net::{
        args::NetArgs,
        batch_norms::BatchNorms,
        merge::{Merged, merge},
        path::answers_apart,
    },
    files::{FlowSource, ReadArgs},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each net is moved near the first one, as `sgmn align` does it, which changes numbers and not functions; then a weighted mean
of all is taken, number by number. With --rounds 2 all nets are then moved near that mean, and the mean is taken again.
What is written is the file of A with other numbers. Statistics of batch norms are averaged as seen from A: each net's own
scale is undone first. With --estimate they are estimated anew on training images, since units of a mean of nets vary less
than those of the nets.

Examples:
  sgmn merge a.onnx b.onnx --out mean.onnx
  sgmn merge a.onnx b.onnx c.onnx --weights 2,1,1 --rounds 3 --out mean.onnx
  sgmn merge a.onnx b.onnx --images mini --n-images 500 --estimate --out mean.onnx
  sgmn interpolate a.onnx mean.onnx --steps 11")]
pub(super) struct Args {
    /// Nets of one architecture; the others are moved near the first
    #[arg(value_name = "NET", required = true, num_args = 2..)]
    nets: Vec<PathBuf>,
    /// Weights, one a net; all alike if left out. They are divided by their sum
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', allow_negative_numbers = true)]
    weights: Vec<f64>,
    /// Rounds: after the first, nets are moved near the mean of the round before
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
    /// Estimate the statistics of batch norms anew, on training images
    #[arg(long, requires = "images")]
    estimate: bool,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it exists
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

/// Random questions that the mean and the nets are asked.
const N_QUESTIONS: usize = 4;

/// Merges, and says how near the nets came.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    refuse_places(&args.out, &args.nets.iter().collect::<Vec<_>>(), args.force)?;
    if !args.weights.is_empty() && args.weights.len() != args.nets.len() {
        bail!("--weights: expected {} numbers, one a net, found {}", args.nets.len(), args.weights.len());
    }
    let open = |path: &PathBuf| FlowSource::open(path, &args.net, &args.read);
    let sources = args.nets.iter().map(open).collect::<Result<Vec<_>>>()?;
    let nets: Vec<&FlowNet> = sources.iter().map(FlowSource::net).collect();
    let weights = if args.weights.is_empty() { vec![1.0; nets.len()] } else { args.weights.clone() };
    let rounds = usize::try_from(args.rounds)?;
    let inputs = args.search.inputs(&args.images, nets[0].flow())?;
    let norms = estimated(args.estimate, &args.images, nets[0])?;
    let options = args.search.options();
    let Merged { mut net, moved } = merge(&nets, &weights, rounds, method(inputs.as_deref()), &options)?;
    if let Some(norms) = &norms {
        net = net.with(&norms.estimated(&net)?)?;
        say_estimated(norms, out)?;
    }
    sources[0].write(&net, &args.out)?;
    for (path, alignment) in args.nets[1..].iter().zip(&moved) {
        writeln!(out, "{}, moved near {}:", path.display(), args.nets[0].display())?;
        say(alignment, out)?;
    }
    writeln!(out, "wrote {}", args.out.display())?;
    let seed = args.search.seed().child("questions");
    for (path, one) in args.nets.iter().zip(&nets) {
        let apart = answers_apart(one, &net, N_QUESTIONS, seed)?;
        writeln!(
            out,
            "answers to random inputs differ from those of {} by {apart:.3} of their norm",
            path.display()
        )?;
    }
    Ok(Verdict::Pass)
}

/// The norms of a net with training images to estimate their statistics on, if that is asked for.
pub(super) fn estimated(asked: bool, images: &ImageArgs, net: &FlowNet) -> Result<Option<BatchNorms>> {
    if !asked {
        return Ok(None);
    }
    BatchNorms::new(net.flow(), images.training(net.flow(), "--estimate")?).map(Some)
}

/// Says whose statistics were estimated, and which were not.
pub(super) fn say_estimated(norms: &BatchNorms, out: &mut impl Write) -> Result<()> {
    writeln!(out, "statistics of {} batch norms are estimated on training images", norms.n_norms())?;
    let left = norms.left();
    if !left.is_empty() {
        writeln!(out, "statistics of no batch norm, left as they are: {}", left.join(", "))?;
    }
    Ok(())
}
