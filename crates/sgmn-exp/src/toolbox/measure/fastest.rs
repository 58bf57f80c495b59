//! `sgmn measure fastest`: the number format to train in, from what was measured.

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::super::{
    Verdict,
    results::{self, Results},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File that `sgmn measure steps` added to
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File that the choice and its reason are added to, a line of JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The configuration and the batch that decide: those of the published `mnist` experiment.
const DECISIVE: (&str, u64) = ("mnist", 128);
/// What is taken where nothing is known.
const UNKNOWN: &str = "f32";

/// Prints one word.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let lines = results::read(&args.file)?;
    let (precision, why) = choose(&lines);
    writeln!(out, "{precision}")?;
    eprintln!("{why}");
    Results::open(args.json.as_deref())?
        .write(&json!({"step": "train", "what": "choice", "precision": precision, "why": why}))?;
    Ok(Verdict::Pass)
}

/// The format whose training steps were fastest and stable, and why.
fn choose(lines: &[Value]) -> (String, String) {
    let (config, batch) = DECISIVE;
    let decides = |line: &&Value| {
        line["step"] == "steps"
            && line["what"] == "training"
            && line["config"] == config
            && line["batch"] == batch
            && line["stable"] == true
    };
    let mut best: Option<(&str, f64)> = None;
    let mut n_stable = 0;
    for line in lines.iter().filter(decides) {
        let (Some(precision), Some(rate)) = (line["precision"].as_str(), line["nets_per_second"].as_f64())
        else {
            continue;
        };
        if !["f32", "tf32", "bf16"].contains(&precision) {
            continue;
        }
        n_stable += 1;
        if best.is_none_or(|(_, known)| rate > known) {
            best = Some((precision, rate));
        }
    }
    match best {
        Some((precision, rate)) => (
            precision.to_owned(),
            format!(
                "{rate:.0} nets/s in {precision}, the fastest of {n_stable} that were stable for {config} at {batch}"
            ),
        ),
        None => (
            UNKNOWN.to_owned(),
            format!("no training step of {config} at {batch} was measured and stable, so {UNKNOWN}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(config: &str, batch: u64, precision: &str, rate: f64, stable: bool) -> Value {
        json!({"step": "steps", "what": "training", "config": config, "batch": batch, "precision": precision,
            "nets_per_second": rate, "stable": stable})
    }

    #[test]
    fn the_fastest_stable_format_is_chosen_and_f32_where_nothing_is_known() {
        let mut lines = vec![
            line("mnist", 128, "f32", 10.0, true),
            line("mnist", 128, "tf32", 20.0, true),
            line("mnist", 128, "bf16", 30.0, false),
            line("mnist", 256, "bf16", 40.0, true),
            line("editing", 128, "bf16", 50.0, true),
            line("mnist", 128, "f16", 60.0, true),
            json!({"step": "steps", "what": "inference", "config": "mnist", "batch": 128, "stable": true}),
        ];
        assert_eq!(choose(&lines).0, "tf32");
        assert!(choose(&lines).1.contains("20 nets/s in tf32, the fastest of 2"), "{}", choose(&lines).1);
        lines.push(line("mnist", 128, "bf16", 30.0, true));
        assert_eq!(choose(&lines).0, "bf16");
        assert_eq!(choose(&lines[2..4]).0, "f32");
        assert_eq!(choose(&[]).0, "f32");
    }
}
