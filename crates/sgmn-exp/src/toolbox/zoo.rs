//! `sgmn zoo`: thousands of small CNNs trained on images, in the Small CNN Zoo's files.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use sgmn_data::{
    formats::cnn_zoo::ZooActivation,
    zoo::{Recipe, Request},
};
use sgmn_graph::Seed;

use super::Verdict;
use crate::{data::datasets, run::interrupt::stop_on_interrupt};

/// What can be chosen; what is left out is as the published zoo had it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A folder of images holds MNIST's four files, plain or gzipped: train-images-idx3-ubyte, train-labels-idx1-ubyte,
t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, grey images of 28 x 28 in ten classes.
Finished nets wait in OUT.partial: after Ctrl-C the same command continues, and the result is the same to the bit.

Examples:
  sgmn zoo --images mini --n 200 --epochs 10 --checkpoints none --out digits-zoo
  sgmn zoo --images data/fashion-mnist --n 30000 --out fashion-zoo
  sgmn inspect digits-zoo --option step=10")]
pub(super) struct Args {
    /// Folder of IDX files, or `mini` for the digits that come with this program
    #[arg(long, value_name = "FOLDER")]
    images: PathBuf,
    /// New folder to write
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Nets to train
    #[arg(long, value_name = "N")]
    n: usize,
    /// Passes over the images
    #[arg(long, value_name = "N", default_value_t = 86)]
    epochs: u32,
    /// Epochs after which a net is kept besides the last, or `none` [default: 0,1,2,3,20,40,60,80]
    #[arg(long, value_name = "EPOCHS", value_parser = epochs)]
    checkpoints: Option<Epochs>,
    /// Images an update [default: 512, and less for fewer than 32768 images]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Activation of the nets
    #[arg(long, value_enum, ignore_case = true, default_value_t = Choice::Both)]
    activation: Choice,
    /// Where chance begins
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Choice {
    Relu,
    Tanh,
    /// Drawn for every net
    Both,
}

/// Epochs as a person writes them.
#[derive(Debug, Clone)]
struct Epochs(Vec<u32>);

fn epochs(text: &str) -> Result<Epochs, String> {
    if text == "none" {
        return Ok(Epochs(Vec::new()));
    }
    let numbers = text.split(',').map(|number| number.trim().parse().map_err(|_| number));
    let numbers: Result<_, &str> = numbers.collect();
    numbers.map(Epochs).map_err(|number| format!("expected numbers of epochs or none, found {number:?}"))
}

/// Trains and says how good and how fast.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    if let Ok(mut entries) = std::fs::read_dir(&args.out)
        && entries.next().is_some()
    {
        bail!("{}: expected a new or empty folder, found one that holds something", args.out.display());
    }
    if args.out.is_file() {
        bail!("{}: expected a new or empty folder, found a file", args.out.display());
    }
    let images = args.images.to_str().context("--images: expected letters, found bytes that are none")?;
    let (train, test) = datasets::image_sets(images, Path::new(""))?;
    let published = Recipe::published(train.len());
    let recipe = Recipe {
        epochs: args.epochs,
        checkpoints: args.checkpoints.clone().map_or(published.checkpoints, |Epochs(epochs)| epochs),
        batch_size: args.batch.unwrap_or(published.batch_size),
    };
    let folder = args.images.file_name().and_then(|name| name.to_str()).unwrap_or("images");
    let request = Request {
        train: &train,
        test: &test,
        dataset: &datasets::name(folder),
        n_nets: args.n,
        recipe: &recipe,
        activation: match args.activation {
            Choice::Relu => Some(ZooActivation::Relu),
            Choice::Tanh => Some(ZooActivation::Tanh),
            Choice::Both => None,
        },
        seed: &Seed::new(args.seed),
    };
    if let Some(parent) = args.out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    let stop = stop_on_interrupt(None)?;
    let summary = datasets::train(&request, &args.out, &stop)?;
    writeln!(out, "{}", datasets::describe(&summary))?;
    writeln!(
        out,
        "wrote {}; its finished nets are read with --option step={}",
        args.out.display(),
        args.epochs
    )?;
    Ok(Verdict::Pass)
}
