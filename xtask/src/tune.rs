//! `cargo xtask tune`: one grid of learning rates for every model of the report, chosen by the validation nets.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::reproduce::{self, Part, Which};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// The learning rates
    #[arg(long, value_name = "RATES", value_delimiter = ',', default_values_t = GRID, value_parser = rate)]
    rates: Vec<f64>,
    /// Runs of each model at each rate
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Folder of the runs, one folder a rate
    #[arg(long, value_name = "FOLDER", default_value = "target/tune")]
    out: PathBuf,
    /// Folder of the nets [default: that of `cargo xtask reproduce`]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Write down what is there, without training
    #[arg(long)]
    report_only: bool,
    /// Also put the tables into docs/results, to be committed
    #[arg(long)]
    save_results: bool,
}

/// Half a power of ten apart.
const GRID: [f64; 2] = [1e-3, 3e-3];
/// Where results are kept that are committed.
const RESULTS: &str = "docs/results/learning-rates.md";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut which = arguments.which.clone();
    // Ablations change one setting of another row and keep its rate.
    if which.only.is_empty() {
        which.only = vec![Part::Classification, Part::Generalization, Part::Editing];
    }
    let points: Vec<(String, String)> = arguments
        .rates
        .iter()
        .map(|rate| (format!("{rate:e}"), format!("train.learning_rate={rate:e}")))
        .collect();
    let file = match arguments.save_results {
        true => PathBuf::from(RESULTS),
        false => arguments.out.join("learning-rates.md"),
    };
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--report-only").collect();
    let mut report =
        vec!["rates".to_owned(), "--command".to_owned(), format!("cargo xtask {}", words.join(" "))];
    report.extend(["--file".to_owned(), file.display().to_string()]);
    report.extend(points.iter().flat_map(|(rate, _)| ["--rate".to_owned(), rate.clone()]));
    let made: &[(String, String)] = if arguments.report_only { &[] } else { &points };
    reproduce::grid(&which, arguments.seeds, arguments.data_dir.as_deref(), &arguments.out, made, &report)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("expected a positive number".to_owned()),
    }
}
