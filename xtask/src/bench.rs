//! `cargo xtask bench`: how fast, beside what the machine can do; one table from one run.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use clap::Args;
use serde::Deserialize;

use crate::repository;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Measure each number for a second instead of ten: two minutes in all instead of ten
    #[arg(long)]
    quick: bool,
    /// Only the benchmarks whose line in the table begins with this, such as mnist or fit
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// What `cargo xtask bench --help` says after the options.
pub(crate) const ABOUT_PROFILE: &str = "\
Benchmarks are built in the dev profile, which optimizes all that computes: a second, fully optimized build would take
five minutes and gain little. Ratios of one run can be compared between machines, seconds cannot. The table is written
to target/bench/report.md.";

/// Every process that is started: a benchmark, the group it is to measure, and what the group counts.
const PROCESSES: [(&str, &str); 11] = [
    ("step", "quick"),
    ("step", "mnist"),
    ("step", "mnist-bidirectional"),
    ("step", "cnn-zoo-relu"),
    ("step", "editing"),
    ("step", "message"),
    ("fit", "fit"),
    ("fit", "render"),
    ("fit", "packed"),
    ("canonicalize", "inr"),
    ("canonicalize", "cnn-zoo"),
];

/// Useful operations of one training step of `mnist` for one net: 22 products of an edge row with a `[128, 128]` matrix
/// forward, twice that backward; what is computed a second time on the way back is not counted.
const MNIST_STEP_FLOP: f64 = 3.0 * 22.0 * 1120.0 * 2.0 * 128.0 * 128.0;

/// What criterion wrote about one benchmark.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// Mean seconds of one iteration, with the ends of its confidence interval.
    seconds: f64,
    low: f64,
    high: f64,
    /// Things done in one iteration: nets, or floating-point operations of a product.
    elements: f64,
}

impl Measured {
    fn rate(self) -> f64 {
        self.elements / self.seconds
    }
}

/// Measurements by `group/name`, and the peak memory of the processes that told it, by group.
#[derive(Default)]
struct Results {
    measured: BTreeMap<String, Measured>,
    peak_bytes: BTreeMap<String, f64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let programs = build()?;
    let out = repository::root().join("target/bench");
    let mut results = Results::default();
    for (bench, group) in PROCESSES {
        if arguments.only.as_deref().is_some_and(|only| !group.starts_with(only)) {
            continue;
        }
        let program = programs.get(bench).with_context(|| format!("cargo built no benchmark {bench}"))?;
        measure(program, group, arguments.quick, &out, &mut results)?;
    }
    ensure!(
        !results.measured.is_empty(),
        "--only: expected the beginning of a group, found none that has it"
    );
    let report = report(&results);
    let path = out.join("report.md");
    std::fs::write(&path, &report).with_context(|| path.display().to_string())?;
    println!("\n{report}\nwritten to {}", repository::shown(&path).display());
    Ok(())
}

/// Builds the benchmarks in the profile that tests and lints share.
fn build() -> Result<BTreeMap<String, PathBuf>> {
    let mut build = repository::cargo(&[
        "bench",
        "--profile",
        "dev",
        "--workspace",
        "--benches",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    println!("$ {}", repository::describe(&build));
    let output = build.stderr(Stdio::inherit()).output().context("could not start cargo")?;
    ensure!(output.status.success(), "the benchmarks do not build");
    let mut programs = BTreeMap::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message.context("a message of cargo")?
            && artifact.target.is_bench()
            && let Some(program) = artifact.executable
        {
            programs.insert(artifact.target.name, program.into_std_path_buf());
        }
    }
    Ok(programs)
}

/// Runs one group in a process of its own and reads what criterion wrote.
fn measure(program: &Path, group: &str, quick: bool, out: &Path, results: &mut Results) -> Result<()> {
    let folder = out.join("criterion");
    let written = folder.join(group);
    // What an earlier run measured must not be taken for this one's.
    if written.exists() {
        std::fs::remove_dir_all(&written).with_context(|| written.display().to_string())?;
    }
    let mut command = Command::new(program);
    command.current_dir(repository::root()).env("CRITERION_HOME", &folder);
    command.args(["--bench", "--noplot", &format!("{group}/")]);
    if quick {
        command.args(["--warm-up-time", "0.2", "--measurement-time", "1"]);
    }
    println!("[{group}] measuring");
    let output = command.stderr(Stdio::piped()).output().with_context(|| program.display().to_string())?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "[{group}] failed with {}: {}", output.status, told.trim());
    let prefix = format!("fact {group}/peak_bytes ");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some(value) = line.strip_prefix(&prefix) {
            results.peak_bytes.insert(group.to_owned(), value.trim().parse().context(line.to_owned())?);
        }
    }
    let entries = std::fs::read_dir(&written).with_context(|| written.display().to_string())?;
    for entry in entries {
        let folder = entry?.path().join("new");
        let name =
            folder.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        if folder.join("estimates.json").is_file() {
            results.measured.insert(format!("{group}/{name}"), read(&folder)?);
        }
    }
    Ok(())
}

/// Reads the two files that criterion writes for a benchmark.
fn read(folder: &Path) -> Result<Measured> {
    #[derive(Deserialize)]
    struct Estimates {
        mean: Estimate,
    }
    #[derive(Deserialize)]
    struct Estimate {
        point_estimate: f64,
        confidence_interval: Interval,
    }
    #[derive(Deserialize)]
    struct Interval {
        lower_bound: f64,
        upper_bound: f64,
    }
    #[derive(Deserialize)]
    struct Benchmark {
        throughput: Option<BTreeMap<String, f64>>,
    }

    const NANOSECOND: f64 = 1e-9;
    let Estimates { mean } = read_json(&folder.join("estimates.json"))?;
    let Benchmark { throughput } = read_json(&folder.join("benchmark.json"))?;
    Ok(Measured {
        seconds: mean.point_estimate * NANOSECOND,
        low: mean.confidence_interval.lower_bound * NANOSECOND,
        high: mean.confidence_interval.upper_bound * NANOSECOND,
        elements: throughput.and_then(|units| units.get("Elements").copied()).unwrap_or(1.0),
    })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}

/// The tables, in Markdown.
fn report(results: &Results) -> String {
    let mut text = String::from("# Benchmarks\n");
    let get = |group: &str, name: &str| results.measured.get(&format!("{group}/{name}")).copied();
    let models: Vec<&str> =
        PROCESSES.iter().map(|(_, group)| *group).filter(|group| get(group, "step").is_some()).collect();
    if !models.is_empty() {
        text += "\nModels; the matrix product is `[16384, d] x [d, d]` in the same process.\n\n\
            | model | nets a step | step, nets/s | inference, nets/s | inference / step | product, GFLOP/s \
            | step, share of the product | peak memory, MB |\n|---|---|---|---|---|---|---|---|\n";
        for model in models {
            let (Some(step), Some(inference), Some(product)) =
                (get(model, "step"), get(model, "inference"), get(model, "product"))
            else {
                continue;
            };
            let share = match model {
                "mnist" => format!("{:.0} %", 100.0 * MNIST_STEP_FLOP * step.rate() / product.rate()),
                _ => "not counted".to_owned(),
            };
            let peak =
                results.peak_bytes.get(model).map_or("unknown".to_owned(), |b| format!("{:.0}", b / 1e6));
            line(
                &mut text,
                &[
                    model.to_owned(),
                    step.elements.to_string(),
                    format!("{:.1}", step.rate()),
                    format!("{:.1}", inference.rate()),
                    format!("{:.1}", inference.rate() / step.rate()),
                    format!("{:.1}", product.rate() / 1e9),
                    share,
                    peak,
                ],
            );
        }
        text += "\nShare: 22 d² operations an edge forward and twice that backward, as useful work.\n";
    }
    if let (Some(fused), Some(plain)) = (get("message", "fused"), get("message", "plain")) {
        let ratio = plain.seconds / fused.seconds;
        let _ = writeln!(
            text,
            "\nA message (product, normalization, activation of both signs, product, sum), forward and backward: \
             fused {:.1} ms, composed of candle's operations {:.1} ms, ratio {ratio:.1}.",
            1e3 * fused.seconds,
            1e3 * plain.seconds,
        );
    }
    let models = ["step", "inference", "product", "fused", "plain"];
    let others =
        results.measured.iter().filter(|(name, _)| !models.iter().any(|m| name.ends_with(&format!("/{m}"))));
    let rows: Vec<[String; 4]> = others
        .map(|(name, measured)| {
            let per_net = |seconds: f64| format!("{:.1}", 1e6 * seconds / measured.elements);
            let interval = format!("{} to {}", per_net(measured.low), per_net(measured.high));
            [name.clone(), format!("{:.0}", measured.rate()), per_net(measured.seconds), interval]
        })
        .collect();
    if !rows.is_empty() {
        text += "\n| what is done to nets | nets/s | µs a net | 95 % interval |\n|---|---|---|---|\n";
        rows.iter().for_each(|row| line(&mut text, row));
    }
    text
}

fn line(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_the_share_of_the_product_and_the_ratio() {
        let one = |seconds, elements| Measured { seconds, low: seconds, high: seconds, elements };
        let mut results = Results::default();
        for (name, measured) in [
            ("mnist/step", one(1.0, 64.0)),
            ("mnist/inference", one(0.25, 64.0)),
            ("mnist/product", one(1.0, 2.0 * 64.0 * MNIST_STEP_FLOP)),
            ("message/fused", one(0.001, 16.0)),
            ("message/plain", one(0.004, 16.0)),
            ("fit/digits", one(2.0, 64.0)),
        ] {
            results.measured.insert(name.to_owned(), measured);
        }
        results.peak_bytes.insert("mnist".to_owned(), 5e8);
        let text = report(&results);
        assert!(text.contains("| mnist | 64 | 64.0 | 256.0 | 4.0 | "), "{text}");
        assert!(text.contains(" | 50 % | 500 |"), "{text}");
        assert!(text.contains("ratio 4.0."), "{text}");
        assert!(text.contains("| fit/digits | 32 | 31250.0 | 31250.0 to 31250.0 |"), "{text}");
    }
}
