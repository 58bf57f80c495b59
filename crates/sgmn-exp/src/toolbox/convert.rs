//! `sgmn convert`: nets of any known format to a packed file or to safetensors.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use anyhow::{Result, bail};

use super::Verdict;
use crate::files::{self, Destination, Input, OpenDataset, ReadArgs};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sgmn convert mnist-inrs mnist.packed
  sgmn convert siren_cifar_wts cifar-aug.packed --option augmentations=20
  sgmn convert mnist.packed nets/                    # a folder that PyTorch reads
  sgmn convert model_final.pth net.safetensors")]
pub(super) struct Args {
    /// Dataset or net
    #[arg(value_name = "IN")]
    input: PathBuf,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    read: ReadArgs,
}

/// Reads every net and writes it.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    args.destination.validate()?;
    match files::open(&args.input, &args.read)? {
        Input::Net(file) => args.destination.write_net(files::sample(&file)?, BTreeMap::new(), out)?,
        Input::Tree(_, why) => return Err(why.into()),
        Input::Dataset(OpenDataset { kind, dataset, packed }) => {
            let from = || BTreeMap::from([("converted_from".to_owned(), kind.name().to_owned())]);
            let origin = packed.map_or_else(from, |facts| facts.provenance);
            args.destination.write_dataset(&dataset, origin, out)?;
        }
        other => bail!("{}: expected nets, found {}", args.input.display(), other.name()),
    }
    Ok(Verdict::Pass)
}
