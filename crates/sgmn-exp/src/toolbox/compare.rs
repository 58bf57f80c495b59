//! `sgmn compare`: which model reads these nets best? A benchmark of one's own nets by one command.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Result, bail, ensure};
use sgmn_graph::Lowering;

use super::{Verdict, shards::RunsInShards};
use crate::{
    config::{Composition, DataPart, DeviceKind, ExperimentFile, ModelPart, SizePart, TaskKind},
    data::datasets::{self, OwnNets},
    files::{ReadArgs, format_of},
    reproduction::{Compared, Comparison, RunItem},
    run::interrupt::stop_on_interrupt,
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every model that can read the nets is trained with each learning rate, goes on with the one that is best on the validation
nets, and is tested; those that cannot are named with the reason. The first row of the table is what a constant answer
reaches. OUT holds report.html, report.md, the figures, and the folder of every run with its checkpoint for `sgmn predict`.
Ctrl-C stops it, and the same command goes on.

Examples:
  sgmn compare my.packed
  sgmn compare my-nets --labels-from runs.csv --target accuracy --models scalegmn,gmn,stat-nn
  sgmn compare mini-inrs --seeds 1 --rates 1e-3 --out digits")]
pub(super) struct Args {
    /// The nets: a packed file, a dataset, a folder of nets with targets, or data that come with the program (`sgmn list`)
    #[arg(value_name = "DATA")]
    data: String,
    /// What is asked about the nets [default: their first question, such as their class]
    #[arg(long, value_enum, value_name = "TASK")]
    task: Option<TaskKind>,
    /// The models, by their names or as parts of one's own (.toml) [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    models: Vec<String>,
    /// How much work each model is, by its name or as a part of one's own (.toml)
    #[arg(long, value_name = "NAME|FILE", default_value = SizePart::USUAL)]
    size: String,
    /// Runs of each model
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Learning rates to choose from; a single one is taken as it is
    #[arg(long, value_name = "RATES", value_delimiter = ',', default_values_t = [1e-3, 3e-3])]
    rates: Vec<f64>,
    /// Folder of the runs and the report [default: compare/NAME]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Overrides one value of every experiment, for example train.epochs=40; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where the models are trained; cuda and metal need a build with the feature of that name
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t = DeviceKind::Cpu)]
    device: DeviceKind,
    /// Where nets that come with the program are kept, and what paths of nets count from [default: data; for a path the
    /// folder that it is in]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
}

/// Makes the comparison, and prints its table.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let stop = stop_on_interrupt(Some("stopping; the same command goes on from here"))?;
    let comparison = args.comparison(&stop)?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let compared = comparison.run(&format!("sgmn {}", words.join(" ")), &stop)?;
    tell(&compared, out)?;
    if compared.failed.is_empty() {
        return Ok(Verdict::Pass);
    }
    writeln!(out, "failed: {}", compared.failed.join("; "))?;
    Ok(Verdict::Fail)
}

fn tell(compared: &Compared, out: &mut (impl Write + ?Sized)) -> Result<()> {
    for (title, table) in &compared.report.tables {
        writeln!(out, "{title}\n\n{}", table.to_markdown())?;
    }
    writeln!(out, "report: {}", compared.report.html.display())?;
    Ok(())
}

impl RunsInShards for Args {
    fn items(&self, stop: &AtomicBool) -> Result<Vec<RunItem>> {
        self.comparison(stop)?.items()
    }

    fn make(&self, items: &[RunItem], stop: &AtomicBool) -> Result<Vec<String>> {
        self.comparison(stop)?.make_items(items, stop)
    }

    fn gather(&self, words: &str, stop: &AtomicBool, out: &mut dyn Write) -> Result<Vec<String>> {
        let compared = self.comparison(stop)?.report(&format!("sgmn {words}"))?;
        tell(&compared, out)?;
        Ok(compared.missing)
    }
}

impl Args {
    fn comparison(&self, stop: &AtomicBool) -> Result<Comparison> {
        for rate in &self.rates {
            ensure!(*rate > 0.0 && rate.is_finite(), "--rates: expected positive numbers, found {rate}");
        }
        let models = match self.models.as_slice() {
            [] => ModelPart::all().collect(),
            names => names.iter().map(|name| ModelPart::open(name)).collect::<Result<Vec<_>>>()?,
        };
        let size = SizePart::open(&self.size)?;
        let mut overrides = self.overrides.clone();
        if self.device != DeviceKind::Cpu {
            crate::run::device::open(self.device)?;
            overrides.push(format!("train.device={}", self.device.name()));
        }
        let (data, lowering, data_dir) = self.nets(&size, stop)?;
        let Some(task) = self.task.or(data.tasks().next()) else {
            bail!("{}: expected nets about which something can be asked, found none", data.name())
        };
        let out = self.out.clone().unwrap_or_else(|| Path::new("compare").join(data.name()));
        let (rates, n_seeds) = (self.rates.clone(), self.seeds);
        Ok(Comparison { data, lowering, data_dir, task, size, models, rates, n_seeds, overrides, out })
    }

    /// The nets with their architectures, and the folder that paths count from.
    fn nets(&self, size: &SizePart, stop: &AtomicBool) -> Result<(DataPart, Lowering, PathBuf)> {
        let is_part = self.data.ends_with(".toml") || DataPart::all().any(|part| part.name() == self.data);
        if !is_part {
            let path = Path::new(&self.data);
            if !path.exists() {
                let known: Vec<String> = DataPart::all().map(|part| part.name().to_owned()).collect();
                bail!(
                    "DATA: expected one of {}, or the path of nets or of a part (.toml), found {:?}",
                    known.join(", "),
                    self.data
                );
            }
            let format = format_of(path, &self.read)?;
            let OwnNets { data, data_dir, lowering, .. } =
                datasets::own(path, format, self.data_dir.as_deref(), stop)?;
            return Ok((data, lowering, data_dir));
        }
        let data = DataPart::open(&self.data)?;
        let data_dir = self.data_dir.clone().unwrap_or_else(|| PathBuf::from("data"));
        let usual = Composition::new(data.clone(), None, ModelPart::open(ModelPart::USUAL)?, size.clone())?;
        let mut file = ExperimentFile::compose(&usual);
        let of_data = self.overrides.iter().filter(|assignment| assignment.starts_with("data."));
        of_data.into_iter().try_for_each(|assignment| file.set(assignment))?;
        let dataset = datasets::open(file.resolve()?.data(), &data_dir, stop)?;
        let lowering = datasets::architectures(&dataset, stop)?;
        Ok((data, lowering, data_dir))
    }
}
