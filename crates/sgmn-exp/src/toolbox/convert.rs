//! `sgmn convert`: nets of any known format to a packed file or to safetensors.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use anyhow::{Result, bail};
use sgmn_data::formats::flows::Reader;

use super::Verdict;
use crate::files::{self, Destination, Input, OpenDataset, ReadArgs};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sgmn convert mnist-inrs mnist.packed
  sgmn convert siren_cifar_wts cifar-aug.packed --option augmentations=20
  sgmn convert mnist.packed nets/                    # a folder that PyTorch reads
  sgmn convert model_final.pth net.safetensors
  sgmn convert my-onnx-nets nets.packed --labels-from runs.csv --target accuracy    # and chains and published folders
  sgmn convert wild-zoo/nets.flows net.safetensors --item 7    # and net.toml, its architecture file")]
pub(super) struct Args {
    /// Dataset or net
    #[arg(value_name = "IN")]
    input: PathBuf,
    #[command(flatten)]
    destination: Destination,
    /// Of many nets of any architecture: the one to take out, counted from 0
    #[arg(long, value_name = "N")]
    item: Option<usize>,
    #[command(flatten)]
    read: ReadArgs,
}

/// Reads every net and writes it.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    args.destination.validate()?;
    let input = files::open(&args.input, &args.read)?;
    if args.item.is_some() && !matches!(input, Input::Flows(_)) {
        bail!("--item: expected a packed file of flows, found {}", args.input.display());
    }
    match input {
        Input::Net(file) => args.destination.write_net(files::sample(&file)?, BTreeMap::new(), out)?,
        Input::Tree(_, why) => return Err(why.into()),
        Input::Dataset(OpenDataset { kind, dataset, packed }) => {
            let from = || BTreeMap::from([("converted_from".to_owned(), kind.name().to_owned())]);
            let origin = packed.map_or_else(from, |facts| facts.provenance);
            args.destination.write_dataset(&dataset, origin, out)?;
        }
        Input::Flows(nets) => take_out(&nets, args, out)?,
        other => bail!("{}: expected nets, found {}", args.input.display(), other.name()),
    }
    Ok(Verdict::Pass)
}

/// Writes one of many nets of any architecture: its numbers, and beside them its architecture file.
fn take_out(nets: &Reader, args: &Args, out: &mut impl Write) -> Result<()> {
    let Some(item) = args.item else {
        bail!("--item: expected which of {} nets to take out, found nothing", nets.len());
    };
    if item >= nets.len() {
        bail!("--item: expected a number below {}, the nets there are, found {item}", nets.len());
    }
    let (weights, architecture) = args.destination.described_net()?;
    nets.write_net(item, weights, &architecture)?;
    let (weights, architecture) = (weights.display(), architecture.display());
    writeln!(out, "wrote {weights} and {architecture}; read with --architecture {architecture}")?;
    Ok(())
}
