//! `sgmn export-checkpoint`: one of our checkpoints to what the published PyTorch program loads, outputs unchanged.

use std::{io::Write, path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};
use candle_core::Device;
use sgmn_graph::{Seed, testing};
use sgmn_nn::checkpoint::{Checkpoint, Published};

use super::Verdict;
use crate::{
    files::{self, Input, ReadArgs, refuse_existing},
    show::save::write_json,
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The published program has one model, ScaleGMN, and reads nets as they are. A model with an option that it does not have,
or by which it computes something else, is refused by the option's name: both are built and compared on random nets.
A model that is to be exported is trained with --set model.compatibility=published --set pipeline.normalize=none.

There, in the folder of the published program (torch and safetensors installed):
  args = json.load(open('config.json'))['scalegmn_args']
  model = ScaleGMN(args)                    # ScaleGMN_equiv for a model that changes nets
  model.load_state_dict(safetensors.torch.load_file('official.safetensors'))

Examples:
  sgmn export-checkpoint runs/mine/checkpoints/best.safetensors --out official.safetensors --config config.json")]
pub(super) struct Args {
    /// Checkpoint of a ScaleGMN
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,
    /// State dict to write, NAME.safetensors; its metadata hold the configuration too
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also write the configuration as JSON, in the published keys
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

/// Random nets of each architecture on which the two forms of the model are compared.
const N_TRIALS: u64 = 4;

/// Translates, compares, and writes.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let shown = args.checkpoint.display();
    if args.out.extension().is_none_or(|ending| ending != "safetensors") {
        bail!("{}: expected a name that ends with .safetensors, found another one", args.out.display());
    }
    [Some(&args.out), args.config.as_ref()]
        .into_iter()
        .flatten()
        .try_for_each(|path| refuse_existing(path, args.force))?;
    match files::open(&args.checkpoint, &ReadArgs::default())? {
        Input::Checkpoint => {}
        other => bail!("{shown}: expected a checkpoint, found {}", other.name()),
    }
    let checkpoint = Checkpoint::read(&args.checkpoint, &Device::Cpu)?;
    let trial: Vec<_> = (checkpoint.header.specs.iter().cloned().map(Arc::new))
        .flat_map(|spec| (0..N_TRIALS).map(move |i| testing::random_net(Seed::new(i), &spec)))
        .collect();
    let published = checkpoint.to_published(&trial).with_context(|| shown.to_string())?;
    published.write(&args.out)?;
    writeln!(
        out,
        "wrote {}: {} variables by their published names; on {} random nets the published form answers as this model",
        args.out.display(),
        published.tensors.len(),
        trial.len()
    )?;
    if let Some(path) = &args.config {
        write_json(path, &serde_json::json!({ Published::PART: published.args }))?;
        writeln!(out, "wrote {}", path.display())?;
    }
    Ok(Verdict::Pass)
}
