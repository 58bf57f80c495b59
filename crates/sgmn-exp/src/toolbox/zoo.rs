//! `sgmn zoo`: thousands of small nets trained on images: CNNs in the Small CNN Zoo's files, or nets of many
//! architectures in a packed file of flows.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use sgmn_data::{
    Made, Shard,
    fit::Images,
    formats::cnn_zoo::ZooActivation,
    zoo::{self, Recipe, Request, Summary, wild},
};
use sgmn_graph::Seed;

use super::{Verdict, shards::NetsInShards};
use crate::{data::datasets, files::make_parent, run::interrupt::stop_on_interrupt};

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
  sgmn inspect wild-zoo/nets.flows --item 7")]
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
    args.refuse_existing()?;
    let nets = args.nets()?;
    make_parent(&args.out)?;
    let stop = stop_on_interrupt(None)?;
    let summary = match args.kind {
        Kind::Cnn => datasets::train(&nets.cnns(args), &args.out, &stop)?,
        Kind::Wild => datasets::train_wild(&nets.wild(args), &args.out, &stop)?,
    };
    args.tell(&summary, out)?;
    Ok(Verdict::Pass)
}

/// What is to be trained, read and checked.
struct Nets {
    train: Images,
    test: Images,
    dataset: String,
    recipe: Recipe,
    seed: Seed,
}

impl Nets {
    fn cnns(&self, args: &Args) -> Request<'_> {
        let Self { train, test, dataset, recipe, seed } = self;
        let activation = match args.activation {
            Some(Choice::Relu) => Some(ZooActivation::Relu),
            Some(Choice::Tanh) => Some(ZooActivation::Tanh),
            Some(Choice::Both) | None => None,
        };
        Request { train, test, dataset, n_nets: args.n, recipe, activation, seed }
    }

    fn wild(&self, args: &Args) -> wild::Request<'_> {
        let Self { train, test, dataset, seed, .. } = self;
        let per_architecture = args.per_architecture.unwrap_or(PER_ARCHITECTURE);
        let most_epochs = args.epochs.unwrap_or(MOST_EPOCHS);
        wild::Request { train, test, dataset, n_nets: args.n, per_architecture, most_epochs, seed }
    }
}

impl NetsInShards for Args {
    fn refuse_existing(&self) -> Result<()> {
        Args::refuse_existing(self)
    }

    fn facts(&self) -> Result<Map<String, Value>> {
        let nets = self.nets()?;
        Ok(match self.kind {
            Kind::Cnn => nets.cnns(self).facts()?,
            Kind::Wild => nets.wild(self).facts()?,
        })
    }

    fn make(&self, shard: Shard, folder: &Path, stop: &AtomicBool) -> Result<Made> {
        let nets = self.nets()?;
        datasets::with_zoo_bar("training nets", |report| match self.kind {
            Kind::Cnn => zoo::train_shard(&nets.cnns(self), shard, folder, report, stop),
            Kind::Wild => wild::train_shard(&nets.wild(self), shard, folder, report, stop),
        })
    }

    fn gather(&self, folder: &Path, count: usize, out: &mut dyn Write) -> Result<()> {
        self.refuse_existing()?;
        let nets = self.nets()?;
        make_parent(&self.out)?;
        let summary = match self.kind {
            Kind::Cnn => zoo::gather_to_zoo(&nets.cnns(self), folder, count, &self.out)?,
            Kind::Wild => wild::gather_to_flows(&nets.wild(self), folder, count, &self.out)?,
        };
        self.tell(&summary, out)
    }
}

impl Args {
    fn refuse_existing(&self) -> Result<()> {
        let out = self.out.display();
        match std::fs::read_dir(&self.out).map(|mut entries| entries.next().is_some()) {
            Ok(true) => bail!("{out}: expected a new or empty folder, found one that holds something"),
            Err(_) if self.out.is_file() => bail!("{out}: expected a new or empty folder, found a file"),
            Ok(false) | Err(_) => Ok(()),
        }
    }

    fn nets(&self) -> Result<Nets> {
        match self.kind {
            Kind::Cnn => only_of("wild", &[("--per-architecture", self.per_architecture.is_some())])?,
            Kind::Wild => only_of(
                "cnn",
                &[
                    ("--checkpoints", self.checkpoints.is_some()),
                    ("--batch", self.batch.is_some()),
                    ("--activation", self.activation.is_some()),
                ],
            )?,
        }
        let images = self.images.to_str().context("--images: expected letters, found bytes that are none")?;
        let (train, test) = datasets::image_sets(images, Path::new(""))?;
        let folder = self.images.file_name().and_then(|name| name.to_str()).unwrap_or("images");
        let published = Recipe::published(train.len());
        let recipe = Recipe {
            epochs: self.epochs.unwrap_or(EPOCHS),
            checkpoints: self.checkpoints.clone().map_or(published.checkpoints, |Epochs(epochs)| epochs),
            batch_size: self.batch.unwrap_or(published.batch_size),
        };
        Ok(Nets { train, test, dataset: datasets::name(folder), recipe, seed: Seed::new(self.seed) })
    }

    fn tell(&self, summary: &Summary, out: &mut (impl Write + ?Sized)) -> Result<()> {
        let folder = self.out.display();
        match self.kind {
            Kind::Cnn => {
                let epochs = self.epochs.unwrap_or(EPOCHS);
                writeln!(out, "{}", datasets::describe(summary, "CNNs"))?;
                writeln!(out, "wrote {folder}; its finished nets are read with --option step={epochs}")?;
            }
            Kind::Wild => {
                writeln!(out, "{}", datasets::describe(summary, "nets"))?;
                let [nets, metrics] = [wild::NETS, wild::METRICS].map(|name| self.out.join(name));
                writeln!(out, "wrote {} and {}", nets.display(), metrics.display())?;
            }
        }
        Ok(())
    }
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
