//! The commands of `sgmn-report`: what a person may ask of a reproduction, and what each word means by default.

mod run;

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

pub use self::run::RunArgs;
use super::{Grid, Plan, ReportPart, Request, Scale, Wishes, run_grid};
use crate::{config::DeviceKind, run::interrupt::stop_on_interrupt, show::save::write_atomic};

/// `sgmn-report tune`
#[derive(Debug, Args)]
#[command(after_help = TUNE_EXAMPLES)]
pub struct TuneArgs {
    #[command(flatten)]
    which: Which,
    /// The learning rates
    #[arg(long, value_name = "RATES", value_delimiter = ',', default_values_t = GRID, value_parser = rate)]
    rates: Vec<f64>,
    /// Runs of each model at each rate
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Folder of the runs, one folder a rate [default: target/tune]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write down what is there, without training
    #[arg(long)]
    report_only: bool,
    /// Also put the tables into docs/results, to be committed
    #[arg(long)]
    save_results: bool,
}

/// `sgmn-report plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    which: Which,
    /// Runs of each model
    #[arg(long, value_name = "N", default_value_t = N_SEEDS)]
    seeds: u64,
    /// Folder of the runs [default: target/reproduce, for other scales a folder of their name in it]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Which models are trained on which nets, and where everything lies.
#[derive(Debug, Args, Clone)]
struct Which {
    /// How much work
    #[arg(long, value_enum, default_value_t = Size::Quick)]
    scale: Size,
    /// Only this part of the report; may be repeated
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<ReportPart>,
    /// Only the study of this name, as the report calls it; may be repeated
    #[arg(long = "study", value_name = "NAME")]
    studies: Vec<String>,
    /// Train only the model of this name, as the report calls it, such as "NG-GNN"; may be repeated
    #[arg(long = "method", value_name = "NAME")]
    methods: Vec<String>,
    /// At scale paper: fit the INRs of MNIST and F-MNIST to images here instead of reading the published ones
    #[arg(long)]
    fit: bool,
    /// Where the models are trained; cuda and metal need a build with the feature of that name
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t = DeviceKind::Cpu)]
    device: DeviceKind,
    /// Folder that holds one folder per dataset [default: data; at scales demo and quick within target/reproduce]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Override one value of every experiment, for tests of this command
    #[arg(long = "set", value_name = "KEY=VALUE", hide = true)]
    overrides: Vec<String>,
    /// The folder that typed paths count from, where it is not the one that the program runs in
    #[arg(long, value_name = "FOLDER", hide = true)]
    here: Option<PathBuf>,
    /// The whole command as it was typed
    #[arg(long, value_name = "TEXT", hide = true)]
    typed: Option<String>,
}

/// How much work, as a person asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Size {
    /// Three models read digits off weights, one run each: two minutes on two cores. Quick goes on from there
    Demo,
    /// Small models on the data that come with the project: minutes on two cores
    Quick,
    /// The same models on full-size data, made here from images: hours on two cores
    Small,
    /// Our own settings on full-size data, with everything that helps, and what each ingredient is worth: days on two cores
    Best,
    /// The published configurations on the published data: days on a processor, hours on a GPU
    Paper,
}

const TUNE_EXAMPLES: &str = "\
Example:
  sgmn-report tune --only classification --rates 1e-3,3e-3";
/// Folder of a quick reproduction; others have a folder of their name in it.
const REPRODUCE: &str = "target/reproduce";
/// Where results are kept that are committed.
const RESULTS: &str = "docs/results";
/// Runs of each model, if time allows.
const N_SEEDS: u64 = 3;
/// Half a power of ten apart.
const GRID: [f64; 2] = [1e-3, 3e-3];
/// What the demo trains, of which study.
const DEMO: (&str, [&str; 3]) = ("digits", ["MLP", "GMN", "ScaleGMN"]);

impl TuneArgs {
    /// Makes the runs of the grid that are missing, and writes the tables.
    ///
    /// # Errors
    /// If a word does not fit, something cannot be made, or a run failed; the tables are written all the same.
    pub fn run(&self) -> Result<()> {
        let mut which = self.which.clone();
        if which.scale == Size::Demo {
            which.demonstrate();
        }
        // Ablations and growth change one setting of another row and keep its rate.
        if which.only.is_empty() {
            which.only = ReportPart::ALL
                .into_iter()
                .filter(|part| *part != ReportPart::Ablations && *part != ReportPart::Growth)
                .collect();
        }
        let out = self.out.as_deref().map(|out| which.in_place(out)).transpose()?;
        let mut request = which.request(None, self.seeds)?;
        // The nets are those of the reproduction.
        request.out = out.unwrap_or_else(|| PathBuf::from("target/tune"));
        let grid = Grid { request, rates: self.rates.clone() };
        let failed = match self.report_only {
            true => Vec::new(),
            false => {
                let stop = stop_on_interrupt(Some("stopping; the same command goes on from here"))?;
                run_grid(&grid, &which.wishes(Duration::MAX), &stop)?
            }
        };
        let file = match self.save_results {
            true => Path::new(RESULTS).join("learning-rates.md"),
            false => grid.request.out.join("learning-rates.md"),
        };
        let document = grid.document(&which.typed())?;
        write_atomic(&file, document.as_bytes())?;
        eprintln!("{document}\nsaved: {}", file.display());
        said(&failed)
    }
}

impl PlanArgs {
    /// Prints the plan.
    ///
    /// # Errors
    /// If it cannot be made.
    #[allow(clippy::print_stdout, reason = "the plan is what was asked for")]
    pub fn run(&self) -> Result<()> {
        let mut which = self.which.clone();
        if which.scale == Size::Demo {
            which.demonstrate();
        }
        let request = which.request(self.out.as_deref(), self.seeds)?;
        println!("{}", serde_json::to_string(&Plan::new(&request)?)?);
        Ok(())
    }
}

fn said(failed: &[String]) -> Result<()> {
    ensure!(failed.is_empty(), "runs that failed, see above: {}", failed.join("; "));
    Ok(())
}

impl Which {
    /// Asks for what the demo shows, a part of a quick reproduction, wherever nothing else is asked for.
    fn demonstrate(&mut self) {
        let (study, methods) = DEMO;
        self.scale = Size::Quick;
        if self.only.is_empty() && self.studies.is_empty() {
            self.studies.push(study.to_owned());
        }
        if self.methods.is_empty() {
            self.methods.extend(methods.map(str::to_owned));
        }
    }

    fn request(&self, out: Option<&Path>, n_seeds: u64) -> Result<Request> {
        let scale = match self.scale {
            Size::Demo | Size::Quick => Scale::Quick,
            Size::Small => Scale::Small,
            Size::Best => Scale::Best,
            Size::Paper => Scale::Paper,
        };
        let out = match (out, scale) {
            (Some(out), _) => self.in_place(out)?,
            (None, Scale::Quick) => PathBuf::from(REPRODUCE),
            (None, _) => Path::new(REPRODUCE).join(scale.name()),
        };
        let data_dir = match (&self.data_dir, scale) {
            (Some(folder), _) => self.in_place(folder)?,
            // Everything that is read at this scale is made on the way, and goes with the rest.
            (None, Scale::Quick) => out.join("data"),
            (None, _) => PathBuf::from("data"),
        };
        let device = (self.device != DeviceKind::Cpu).then(|| format!("train.device={}", self.device.name()));
        Ok(Request {
            scale,
            only: self.only.clone(),
            studies: self.studies.clone(),
            n_seeds,
            fit: self.fit,
            overrides: device.into_iter().chain(self.overrides.iter().cloned()).collect(),
            out,
            data_dir,
            own: None,
        })
    }

    fn wishes(&self, time: Duration) -> Wishes {
        Wishes { methods: self.methods.clone(), seed: None, time, manifests: PathBuf::from("datasets") }
    }

    /// A path as a person typed it, as it reads in the folder that the program runs in.
    fn in_place(&self, path: &Path) -> Result<PathBuf> {
        let current = env::current_dir().context("the current folder")?;
        let path = self.here.as_deref().unwrap_or(&current).join(path);
        Ok(path.strip_prefix(&current).map(Path::to_path_buf).unwrap_or(path))
    }

    /// The words that a person types to get the same.
    fn typed(&self) -> String {
        let typed = self.typed.clone().unwrap_or_else(|| {
            let words: Vec<String> = env::args().skip(1).collect();
            format!("sgmn-report {}", words.join(" "))
        });
        without_places(&typed)
    }
}

/// A command without the folders of this machine, which are not what makes the numbers.
fn without_places(typed: &str) -> String {
    let words: Vec<&str> = typed.split(' ').collect();
    let is_place = |word: &&str| ["--data-dir", "--out"].contains(word);
    let kept = words.iter().enumerate().filter(|(i, word)| {
        !is_place(word) && !i.checked_sub(1).is_some_and(|before| is_place(&words[before]))
    });
    let kept: Vec<&str> = kept.map(|(_, word)| *word).filter(|word| *word != "--report-only").collect();
    kept.join(" ")
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("expected a positive number".to_owned()),
    }
}
