//! The benchmark programs: which there are, how they are built and run, and where they say what they measured.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use serde::Deserialize;

use super::measurement::{Measured, Results, Spread};
use crate::repository;

/// One call of a benchmark program, in a process of its own, so that its peak memory is its own.
pub(super) struct Process {
    /// What `--only` compares with.
    pub(super) name: &'static str,
    program: &'static str,
    measures: Measures,
}

enum Measures {
    /// Several things in turn, chosen by words; the process prints its samples.
    Rounds(&'static [&'static str]),
    /// One group of criterion's, which leaves files.
    Group(&'static str),
}

use Measures::{Group, Rounds};

/// Every process, in the order in which they run.
pub(super) const PROCESSES: [Process; 24] = [
    Process { name: "mnist", program: "step", measures: Rounds(&["model", "mnist"]) },
    Process { name: "mnist-full-graph", program: "step", measures: Rounds(&["model", "mnist-full-graph"]) },
    Process {
        name: "mnist-bidirectional",
        program: "step",
        measures: Rounds(&["model", "mnist-bidirectional"]),
    },
    Process { name: "cnn-zoo-relu", program: "step", measures: Rounds(&["model", "cnn-zoo-relu"]) },
    Process { name: "editing", program: "step", measures: Rounds(&["model", "editing"]) },
    Process { name: "quick", program: "step", measures: Rounds(&["model", "quick"]) },
    Process { name: "memory", program: "step", measures: Rounds(&["memory", "mnist"]) },
    Process { name: "study-digits", program: "models", measures: Rounds(&["study", "digits"]) },
    Process { name: "study-small-digits", program: "models", measures: Rounds(&["study", "small-digits"]) },
    Process { name: "study-small-zoo", program: "models", measures: Rounds(&["study", "small-zoo-relu"]) },
    Process {
        name: "study-small-editing",
        program: "models",
        measures: Rounds(&["study", "small-digits-dilated"]),
    },
    Process { name: "fit", program: "fit", measures: Group("fit") },
    Process { name: "sine", program: "fit", measures: Group("sine") },
    Process { name: "render", program: "fit", measures: Group("render") },
    Process { name: "load", program: "fit", measures: Group("load") },
    Process { name: "inr", program: "canonicalize", measures: Group("inr") },
    Process { name: "cnn-zoo", program: "canonicalize", measures: Group("cnn-zoo") },
    Process { name: "loader", program: "loader", measures: Group("loader") },
    Process { name: "predict", program: "predict", measures: Rounds(&[]) },
    Process { name: "growth-batch", program: "step", measures: Rounds(&["growth", "batch"]) },
    Process { name: "growth-width", program: "step", measures: Rounds(&["growth", "width"]) },
    Process { name: "growth-nets", program: "step", measures: Rounds(&["growth", "nets"]) },
    Process {
        name: "any-net-convolutions",
        program: "any_net",
        measures: Rounds(&["family", "convolutions"]),
    },
    Process {
        name: "any-net-transformers",
        program: "any_net",
        measures: Rounds(&["family", "transformers"]),
    },
];

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// For a fifth of the time.
    pub(super) quick: bool,
    /// With nets of 10⁸ numbers.
    pub(super) large: bool,
}

/// The benchmark programs of the workspace, built.
pub(super) struct Programs(BTreeMap<String, PathBuf>);

impl Programs {
    /// Builds them in the profile that tests and lints share.
    pub(super) fn build() -> Result<Self> {
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
        Ok(Self(programs))
    }

    /// Runs one process and takes what it measured.
    pub(super) fn run(
        &self,
        process: &Process,
        Scope { quick, large }: Scope,
        out: &Path,
        results: &mut Results,
    ) -> Result<()> {
        let Process { name, program, measures } = process;
        let program = self.0.get(*program).with_context(|| format!("cargo built no benchmark {program}"))?;
        let criterion = out.join("criterion");
        let mut command = Command::new(program);
        command.current_dir(repository::root()).env("CRITERION_HOME", &criterion).arg("--bench");
        match measures {
            Rounds(words) => {
                let options = [quick.then_some("--quick"), large.then_some("--large")];
                command.args(*words).args(options.into_iter().flatten());
            }
            Group(group) => {
                // What an earlier run measured must not be taken for this one's.
                let folder = criterion.join(group);
                if folder.exists() {
                    std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
                }
                command.args(["--noplot", &format!("{group}/")]);
                if quick {
                    command.args(["--warm-up-time", "0.2", "--measurement-time", "1"]);
                }
            }
        }
        let began = Instant::now();
        let output =
            command.stderr(Stdio::piped()).output().with_context(|| program.display().to_string())?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "[{name}] failed with {}: {}", output.status, told.trim());
        results.read(&String::from_utf8_lossy(&output.stdout)).with_context(|| format!("[{name}]"))?;
        if let Group(group) = measures {
            read_group(&criterion, group, results)?;
        }
        println!("[{name}] measured in {:.0} s", began.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Takes what criterion wrote about the benchmarks of a group.
fn read_group(criterion: &Path, group: &str, results: &mut Results) -> Result<()> {
    let folder = criterion.join(group);
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let written = entry.path().join("new");
        if written.join("estimates.json").is_file() {
            let name = format!("{group}/{}", entry.file_name().to_string_lossy());
            results.measured.insert(name, read_benchmark(&written)?);
        }
    }
    Ok(())
}

/// Reads the two files that criterion writes for a benchmark.
fn read_benchmark(folder: &Path) -> Result<Measured> {
    #[derive(Deserialize)]
    struct Estimates {
        median: Estimate,
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
    let Estimates { median } = read_json(&folder.join("estimates.json"))?;
    let Benchmark { throughput } = read_json(&folder.join("benchmark.json"))?;
    let Interval { lower_bound: low, upper_bound: high } = median.confidence_interval;
    Ok(Measured {
        seconds: Spread { middle: median.point_estimate, low, high }.times(NANOSECOND),
        elements: throughput.and_then(|units| units.get("Elements").copied()).unwrap_or(1.0),
        rounds: Vec::new(),
    })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}
