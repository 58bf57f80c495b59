//! `sgmn fit`: images to sine networks, one each.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use sgmn_data::{
    Made, Shard, Target,
    fit::{
        Images, Recipe, Request, Summary, fit_shard, fit_to_packed, fit_to_safetensors, gather_to_packed,
        gather_to_safetensors,
    },
    formats::idx::{self, Idx},
    split::{Split, Splits},
};
use sgmn_graph::Seed;

use super::{Verdict, results::Results, shards::NetsInShards};
use crate::{
    config::Fitted,
    data::datasets,
    files::{make_parent, refuse_existing, refuse_full_folder},
    run::interrupt::stop_on_interrupt,
};

/// What can be chosen; the recipe's defaults are those of the published MNIST INRs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Images are IDX files (MNIST's format), plain or gzipped, [n, rows, columns] or [n, rows, columns, channels].
Finished nets wait in OUT.partial: after Ctrl-C the same command continues, and the result is the same to the bit.

Examples:
  sgmn fit --images mini --n 300 --out digits.packed
  sgmn fit --images train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz --shares 0.8,0.1 --out mnist.packed
  sgmn fit --images images.idx --steps 500 --hidden 64,64 --format safetensors --out nets/")]
pub(super) struct Args {
    /// IDX file of images, or `mini` for the digits that come with this program
    #[arg(long, value_name = "FILE")]
    images: PathBuf,
    /// IDX file of their classes
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// File or, for safetensors, new folder to write
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Fit the first N images only (of `mini`, a sample of N)
    #[arg(long, value_name = "N")]
    n: Option<usize>,
    /// Where chance begins: every net starts from a random point of its own
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = OutFormat::Packed)]
    format: OutFormat,
    /// Shares of every class for training and validation, the rest for testing; left out, no item is in a split
    #[arg(long, value_name = "TRAIN,VAL", value_delimiter = ',')]
    shares: Option<Vec<f64>>,
    /// Replace the file OUT if it exists; not for --format safetensors, whose folder must be new or empty
    #[arg(long)]
    force: bool,
    /// File that a line of JSON about all nets is added to when they are fitted
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    recipe: RecipeArgs,
}

/// Overrides of the recipe.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recipe")]
struct RecipeArgs {
    /// Most updates of a net [default: 1000]
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Peak signal-to-noise ratio, in dB, at which a net is finished [default: 40]
    #[arg(long, value_name = "DB")]
    goal_db: Option<f64>,
    /// Adam's learning rate [default: 0.0005]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Widths of the hidden layers [default: 32,32]
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',')]
    hidden: Option<Vec<usize>>,
    /// Frequency of the sines, radians per unit [default: 30]
    #[arg(long)]
    omega: Option<f64>,
    /// Constant added to the output [default: 0.5]
    #[arg(long, value_name = "OFFSET", allow_negative_numbers = true)]
    output_offset: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OutFormat {
    /// One memory-mapped file
    Packed,
    /// A folder of files that PyTorch reads as DWS's state dicts
    Safetensors,
}

/// Fits and says how well and how fast.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    args.refuse_existing()?;
    // Before hours of work, not after them.
    let results = Results::open(args.json.as_deref())?;
    let fits = args.fits()?;
    make_parent(&args.out)?;
    let stop = stop_on_interrupt(None)?;
    let fitted = datasets::with_fit_bar("fitting", |report| match args.format {
        OutFormat::Packed => fit_to_packed(&fits.request(), &args.out, report, &stop),
        OutFormat::Safetensors => fit_to_safetensors(&fits.request(), &args.out, report, &stop),
    })?;
    args.tell(&fitted, &fits.recipe, results, out)
}

/// What is to be fitted, read and checked.
struct Fits {
    images: Images,
    ids: Vec<String>,
    splits: Vec<Option<Split>>,
    recipe: Recipe,
    seed: Seed,
}

impl Fits {
    fn request(&self) -> Request<'_> {
        let Self { images, ids, splits, recipe, seed } = self;
        Request { images, ids, splits, recipe, seed }
    }
}

impl NetsInShards for Args {
    fn refuse_existing(&self) -> Result<()> {
        Args::refuse_existing(self)
    }

    fn facts(&self) -> Result<Map<String, Value>> {
        Ok(self.fits()?.request().facts()?)
    }

    fn make(&self, shard: Shard, folder: &Path, stop: &AtomicBool) -> Result<Made> {
        let fits = self.fits()?;
        datasets::with_fit_bar("fitting", |report| fit_shard(&fits.request(), shard, folder, report, stop))
    }

    fn gather(&self, folder: &Path, count: usize, out: &mut dyn Write) -> Result<()> {
        self.refuse_existing()?;
        let results = Results::open(self.json.as_deref())?;
        let fits = self.fits()?;
        make_parent(&self.out)?;
        let fitted = match self.format {
            OutFormat::Packed => gather_to_packed(&fits.request(), folder, count, &self.out)?,
            OutFormat::Safetensors => gather_to_safetensors(&fits.request(), folder, count, &self.out)?,
        };
        self.tell(&fitted, &fits.recipe, results, out).map(drop)
    }
}

impl Args {
    fn refuse_existing(&self) -> Result<()> {
        match self.format {
            OutFormat::Packed => refuse_existing(&self.out, self.force),
            OutFormat::Safetensors => refuse_full_folder(&self.out, self.force),
        }
    }

    fn fits(&self) -> Result<Fits> {
        let recipe = self.recipe.recipe();
        recipe.validate()?;
        let (images, ids, splits) = self.read(&recipe)?;
        Ok(Fits { images, ids, splits, recipe, seed: Seed::new(self.seed) })
    }

    fn tell(
        &self,
        fitted: &Summary,
        recipe: &Recipe,
        mut results: Results,
        out: &mut (impl Write + ?Sized),
    ) -> Result<Verdict> {
        results.write(&line(fitted))?;
        describe(fitted, recipe, out)?;
        writeln!(out, "wrote {}", self.out.display())?;
        Ok(Verdict::Pass)
    }

    /// The images, a name for each, and its split.
    fn read(&self, recipe: &Recipe) -> Result<(Images, Vec<String>, Vec<Option<Split>>)> {
        if self.n == Some(0) {
            bail!("--n: expected at least 1, found 0");
        }
        if self.images.as_os_str() == datasets::MINI_NAME {
            return self.read_mini(recipe);
        }
        let images = first(idx::read(&self.images)?, self.n)?;
        let labels = match &self.labels {
            Some(path) => Some(first(idx::read_labels(path)?, self.n)?),
            None => None,
        };
        let images =
            Images::from_idx(&images, labels.as_ref()).with_context(|| self.images.display().to_string())?;
        let ids = (0..images.len()).map(|i| format!("image-{i}")).collect();
        let splits = match self.shares.as_deref() {
            None => vec![None; images.len()],
            Some(shares) => {
                let target = |i| images.label(i).map_or(Target::None, Target::Class);
                let targets: Vec<Target> = (0..images.len()).map(target).collect();
                let [train, val] = shares else {
                    bail!("--shares: expected two numbers, found {}", shares.len())
                };
                Splits::stratified(&Seed::new(self.seed), &targets, [*train, *val])
                    .context("--shares")?
                    .assignment(images.len())?
            }
        };
        Ok((images, ids, splits))
    }

    /// A sample of the embedded digits; a twelfth for validation and, from MNIST's test set, a sixth for testing.
    fn read_mini(&self, recipe: &Recipe) -> Result<(Images, Vec<String>, Vec<Option<Split>>)> {
        const N_MINI: usize = 3000;
        if self.labels.is_some() || self.shares.is_some() {
            bail!(
                "--images mini: expected neither --labels nor --shares, since the digits bring theirs, found one of them"
            );
        }
        let n = self.n.unwrap_or(N_MINI);
        if n > N_MINI {
            bail!("--n: expected at most {N_MINI}, the digits there are, found {n}");
        }
        let (n_val, n_test) = (n / 12, n / 6);
        let request = Fitted {
            images: datasets::MINI_NAME.to_owned(),
            n_train: n - n_val - n_test,
            n_val,
            n_test,
            fit_seed: self.seed,
            recipe: recipe.clone(),
        };
        datasets::images(&request, std::path::Path::new("."))
    }
}

impl RecipeArgs {
    fn recipe(&self) -> Recipe {
        let published = Recipe::default();
        Recipe {
            hidden: self.hidden.clone().unwrap_or(published.hidden),
            omega: self.omega.unwrap_or(published.omega),
            output_offset: self.output_offset.unwrap_or(published.output_offset),
            learning_rate: self.learning_rate.unwrap_or(published.learning_rate),
            max_steps: self.steps.unwrap_or(published.max_steps),
            goal_psnr_db: self.goal_db.unwrap_or(published.goal_psnr_db),
            ..published
        }
    }
}

/// The first `n` items of an array.
fn first(all: Idx, n: Option<usize>) -> Result<Idx> {
    let Some(n) = n else { return Ok(all) };
    if n > all.len() {
        bail!("--n: expected at most {}, the items there are, found {n}", all.len());
    }
    let mut shape = all.shape().to_vec();
    shape[0] = n;
    let n_bytes = shape.iter().product();
    Idx::new(shape, all.bytes()[..n_bytes].to_vec())
        .context("a part of an array has fewer bytes than the whole")
}

/// What a program that reads results is told.
fn line(summary: &Summary) -> Value {
    let Summary { n_nets, n_fitted_now, seconds, psnr_db_median, share_reached, .. } = *summary;
    json!({"step": "fit", "what": "population", "n_nets": n_nets, "n_fitted_now": n_fitted_now, "seconds": seconds,
        "nets_per_second": summary.nets_per_second(), "psnr_db_median": psnr_db_median, "share_reached": share_reached})
}

fn describe(summary: &Summary, recipe: &Recipe, out: &mut (impl Write + ?Sized)) -> std::io::Result<()> {
    let Summary { n_nets, n_fitted_now, seconds, .. } = *summary;
    match summary.nets_per_second() {
        Some(rate) => {
            let n_before = n_nets - n_fitted_now;
            write!(out, "fitted {n_fitted_now} nets in {seconds:.1} s: {rate:.1} nets/s")?;
            writeln!(out, "; {n_before} more were there already")?;
        }
        None => writeln!(out, "all {n_nets} nets were there already")?,
    }
    writeln!(
        out,
        "PSNR: median {:.2} dB, mean {:.2}, from {:.2} to {:.2}; {:.1} % reached {} dB",
        summary.psnr_db_median,
        summary.psnr_db_mean,
        summary.psnr_db_min,
        summary.psnr_db_max,
        100.0 * summary.share_reached,
        recipe.goal_psnr_db,
    )?;
    writeln!(
        out,
        "updates a net: median {}, mean {:.0}, from {} to {}",
        summary.n_steps_median, summary.n_steps_mean, summary.n_steps_min, summary.n_steps_max,
    )
}
