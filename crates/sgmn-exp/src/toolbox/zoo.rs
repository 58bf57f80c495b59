//! `sgmn zoo`: thousands of small nets trained on images: CNNs in the Small CNN Zoo's files, or nets of many
//! architectures in a packed file of flows.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use sgmn_data::{
    fit::Images,
    formats::cnn_zoo::ZooActivation,
    zoo::{
        Recipe, Request,
        wild::{self, Siblings},
    },
};
use sgmn_graph::Seed;

use super::Verdict;
use crate::{data::datasets, run::interrupt::stop_on_interrupt};

/// What can be chosen; what is left out is as the published zoo had it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A folder of images holds MNIST's four files, plain or gzipped: train-images-idx3-ubyte, train-labels-idx1-ubyte,
t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, grey images of 28 x 28 in ten classes.
Nets of kind wild are perceptrons and convolutional nets of many architectures, trained in many ways; OUT holds
nets.flows and metrics.csv. Finished nets wait in OUT.partial: after Ctrl-C the same command continues, and the result is the same to the bit.

Examples:
  sgmn zoo --images mini --n 200 --epochs 10 --checkpoints none --out digits-zoo
  sgmn zoo --images data/fashion-mnist --n 30000 --out fashion-zoo
  sgmn inspect digits-zoo --option step=10
  sgmn zoo --kind wild --images mini --n 2000 --out wild-zoo
  sgmn inspect wild-zoo/nets.flows --item 7
  sgmn zoo --kind wild --siblings resnet --images mini --n 2 --epochs 10 --out resnets")]
pub(super) struct Args {
    /// What kind of nets
    #[arg(long, value_enum, default_value_t = Kind::Cnn)]
    kind: Kind,
    /// Folder of IDX files, or `mini` for the digits that come with this program
    #[arg(long, value_name = "FOLDER")]
    images: PathBuf,
    /// New folder to write
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Nets to train
    #[arg(long, value_name = "N")]
    n: usize,
    /// Passes over the images [default: 86]; of kind wild the most, of which each net draws its own [default: 40]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Of kind wild: nets in a row that share an architecture [default: 10]
    #[arg(long, value_name = "N")]
    per_architecture: Option<usize>,
    /// Of kind wild: nets of one architecture that learn alike for all epochs and differ by chance alone, for aligning and merging
    #[arg(long, value_enum, conflicts_with = "per_architecture")]
    siblings: Option<Alike>,
    /// Of kind cnn: epochs after which a net is kept besides the last, or `none` [default: 0,1,2,3,20,40,60,80]
    #[arg(long, value_name = "EPOCHS", value_parser = epochs)]
    checkpoints: Option<Epochs>,
    /// Of kind cnn: images an update [default: 512, and less for fewer than 32768 images]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Of kind cnn: activation of the nets [default: both]
    #[arg(long, value_enum, ignore_case = true)]
    activation: Option<Choice>,
    /// Where chance begins
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Kinds of nets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The Small CNN Zoo's networks, in its files
    Cnn,
    /// Nets of many architectures, in one packed file
    Wild,
}

/// Nets that differ by chance alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Alike {
    /// Two convolutions of 32 and 64 channels without norms
    Cnn,
    /// Two convolutions of 16 and 32 channels, then three residual blocks of two, with batch norms
    Resnet,
    /// A linear layer of 128 units and two residual blocks of two, with layer norms
    Perceptron,
}

/// Passes over the images that a CNN of the published zoo had.
const EPOCHS: u32 = 86;
/// Passes over the images that a wild net has at most.
const MOST_EPOCHS: u32 = 40;
/// Wild nets in a row that share an architecture: models of nets read those of one architecture together.
const PER_ARCHITECTURE: usize = 10;

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
    let folder = args.images.file_name().and_then(|name| name.to_str()).unwrap_or("images");
    let dataset = datasets::name(folder);
    if let Some(parent) = args.out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    match args.kind {
        Kind::Cnn => cnn(args, &train, &test, &dataset, out)?,
        Kind::Wild => wild(args, &train, &test, &dataset, out)?,
    }
    Ok(Verdict::Pass)
}

/// Refuses an option of the other kind.
fn only_of(kind: &str, options: &[(&str, bool)]) -> Result<()> {
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => {
            bail!("{option}: expected with --kind {kind} only, found it with the other kind")
        }
        None => Ok(()),
    }
}

fn cnn(args: &Args, train: &Images, test: &Images, dataset: &str, out: &mut impl Write) -> Result<()> {
    let of_wild =
        [("--per-architecture", args.per_architecture.is_some()), ("--siblings", args.siblings.is_some())];
    only_of("wild", &of_wild)?;
    let published = Recipe::published(train.len());
    let epochs = args.epochs.unwrap_or(EPOCHS);
    let recipe = Recipe {
        epochs,
        checkpoints: args.checkpoints.clone().map_or(published.checkpoints, |Epochs(epochs)| epochs),
        batch_size: args.batch.unwrap_or(published.batch_size),
    };
    let request = Request {
        train,
        test,
        dataset,
        n_nets: args.n,
        recipe: &recipe,
        activation: match args.activation {
            Some(Choice::Relu) => Some(ZooActivation::Relu),
            Some(Choice::Tanh) => Some(ZooActivation::Tanh),
            Some(Choice::Both) | None => None,
        },
        seed: &Seed::new(args.seed),
    };
    let stop = stop_on_interrupt(None)?;
    let summary = datasets::train(&request, &args.out, &stop)?;
    writeln!(out, "{}", datasets::describe(&summary, "CNNs"))?;
    writeln!(out, "wrote {}; its finished nets are read with --option step={epochs}", args.out.display())?;
    Ok(())
}

fn wild(args: &Args, train: &Images, test: &Images, dataset: &str, out: &mut impl Write) -> Result<()> {
    let of_cnn = [
        ("--checkpoints", args.checkpoints.is_some()),
        ("--batch", args.batch.is_some()),
        ("--activation", args.activation.is_some()),
    ];
    only_of("cnn", &of_cnn)?;
    let request = wild::Request {
        train,
        test,
        dataset,
        n_nets: args.n,
        per_architecture: args.per_architecture.unwrap_or(PER_ARCHITECTURE),
        most_epochs: args.epochs.unwrap_or(MOST_EPOCHS),
        siblings: args.siblings.map(|alike| match alike {
            Alike::Cnn => Siblings::Cnn,
            Alike::Resnet => Siblings::Resnet,
            Alike::Perceptron => Siblings::Perceptron,
        }),
        seed: &Seed::new(args.seed),
    };
    let stop = stop_on_interrupt(None)?;
    let summary = datasets::train_wild(&request, &args.out, &stop)?;
    writeln!(out, "{}", datasets::describe(&summary, "nets"))?;
    let [nets, metrics] = [wild::NETS, wild::METRICS].map(|name| args.out.join(name));
    writeln!(out, "wrote {} and {}", nets.display(), metrics.display())?;
    Ok(())
}
