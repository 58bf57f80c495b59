//! `sgmn stats`: norms and signs of the units of a dataset's nets, layer by layer.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use sgmn_data::Source;
use sgmn_graph::Seed;

use super::Verdict;
use crate::{
    config::{Composition, DataPart, ExperimentFile},
    data::datasets,
    files::{self, Input, OneNet, ReadArgs, refuse_existing},
    show::{
        save::{write_atomic, write_json},
        statistics::{self, Sample, Statistics},
    },
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Measured are, for every unit, the norm of its incoming weights and of its bias, and the signs of their sum and of the
bias; for every net and layer, the share of positive signs, beside that of fair coins. Layers are pooled by position.

Examples:
  sgmn stats digits.packed
  sgmn stats smallcnnzoo --option activation=relu --out figures
  sgmn stats mini-inrs --nets 1000 --out figures")]
pub(super) struct Args {
    /// File or folder of nets, or the name of data or an experiment whose nets are there
    #[arg(value_name = "DATASET")]
    dataset: String,
    /// Measure N nets drawn at random; all if left out, or if there are fewer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    nets: Option<u32>,
    /// Decides which nets are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write figures (SVG) and all numbers (JSON) into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Replace files that are in the folder
    #[arg(long)]
    force: bool,
    /// Where the nets of an experiment are looked for
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    data_dir: PathBuf,
    #[command(flatten)]
    read: ReadArgs,
}

/// Name of the file that has all numbers.
const NUMBERS: &str = "statistics.json";
/// Names of everything that is written.
const FILES: [&str; 4] = ["weight-norms.svg", "bias-norms.svg", "signs.svg", NUMBERS];

/// Measures the nets, prints tables and writes figures.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    if let Some(folder) = &args.out {
        for name in FILES {
            refuse_existing(&folder.join(name), args.force)?;
        }
    }
    let source = open(args)?;
    let sample = match args.nets {
        Some(n_nets) => Sample::Drawn { n_nets: n_nets as usize, seed: Seed::new(args.seed) },
        None => Sample::All,
    };
    // The bar hides itself where nobody looks at a terminal.
    let bar = ProgressBar::new(sample.n_of(source.len()) as u64);
    let measured = Statistics::of(&*source, sample, &|| bar.inc(1));
    bar.finish_and_clear();
    let statistics = measured.with_context(|| args.dataset.clone())?;
    writeln!(out, "{}\n", statistics.nets_in_words())?;
    let [norms, signs] = statistics::tables(&statistics);
    write!(out, "norms of units\n\n{}\nsigns of units\n\n{}", norms.to_markdown(), signs.to_markdown())?;
    if let Some(folder) = &args.out {
        write_files(folder, &title(&args.dataset), &statistics, out)?;
    }
    Ok(Verdict::Pass)
}

/// The nets that a word on the command line means.
fn open(args: &Args) -> Result<Box<dyn Source>> {
    let path = Path::new(&args.dataset);
    let is_experiment_file = path.is_file() && path.extension().is_some_and(|ending| ending == "toml");
    if path.exists() && !is_experiment_file {
        return match files::open(path, &args.read)? {
            Input::Net(file) => Ok(Box::new(OneNet(files::sample(&file)?))),
            Input::Tree(_, why) => Err(why.into()),
            Input::Dataset(opened) => {
                let stop = AtomicBool::new(false);
                Ok(datasets::without_bad_nets(opened.dataset, path, &stop)?.source)
            }
            other => bail!("{}: expected nets, found {}", path.display(), other.name()),
        };
    }
    // Data are nets in themselves; every experiment on them says where they are.
    let data = DataPart::all().find(|data| data.name() == args.dataset);
    let file = match data {
        Some(data) => ExperimentFile::compose(&Composition::usual(data)?),
        None => ExperimentFile::open(&args.dataset).with_context(|| {
            format!(
                "{}: expected a file, a folder, or the name of data or an experiment (`sgmn list`)",
                args.dataset
            )
        })?,
    };
    let experiment = file.resolve()?;
    Ok(datasets::open_existing(experiment.data(), &args.data_dir)?.source)
}

/// What figures call the dataset.
fn title(dataset: &str) -> String {
    let path = Path::new(dataset);
    path.file_stem().map_or_else(|| dataset.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn write_files(folder: &Path, title: &str, statistics: &Statistics, out: &mut impl Write) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for figure in statistics::figures(title, statistics)? {
        let name = format!("{}.svg", figure.name);
        write_atomic(&folder.join(&name), figure.svg.to_file().as_bytes())?;
        names.push(name);
    }
    write_json(&folder.join(NUMBERS), statistics)?;
    names.push(NUMBERS.to_owned());
    writeln!(out, "\nwrote {} into {}", names.join(", "), folder.display())?;
    Ok(())
}
