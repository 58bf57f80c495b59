//! Which class does an INR draw? A ScaleGMN reads it from the weights.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the person who called it")]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use sgmn_exp::{
    config::{DeviceKind, EMBEDDED, Experiment, ExperimentFile},
    datasets,
    interrupt::{INTERRUPTED, exit_code, stop_on_interrupt},
    report::{MachineFacts, commit},
    run_folder::{RunFacts, RunFolder},
    train::{self, Outcome, Summary},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trains a model that classifies INRs by their weights, and tests its best epoch.
///
/// Ctrl-C saves and exits; `--resume` goes on, on the CPU to the same bits as without the stop.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
    inr-classification --experiment quick\n  \
    inr-classification --experiment mnist --data-dir data --set train.seed=1\n  \
    inr-classification --experiment my.toml --run runs/mine\n  \
    inr-classification --experiment mnist --device cuda --set train.precision=tf32\n  \
    inr-classification --resume --run runs/mine\n\n\
    The run folder holds resolved.toml, facts.json, records.jsonl, TensorBoard events, checkpoints/, plots/ and summary.json."
)]
struct Args {
    /// Name of an experiment that comes with the program (see --list), or path of a TOML file.
    #[arg(long, value_name = "NAME|FILE", required_unless_present_any = ["list", "resume"])]
    experiment: Option<String>,
    /// Overrides one value, for example train.seed=3; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where the model runs, in place of train.device; cuda and metal need a build with the feature of that name.
    #[arg(long, value_enum, value_name = "DEVICE")]
    device: Option<DeviceKind>,
    /// Folder of the run; runs/NAME-seedN if left out.
    #[arg(long, value_name = "FOLDER")]
    run: Option<PathBuf>,
    /// Continues the run in its folder.
    #[arg(long)]
    resume: bool,
    /// Where datasets are looked for and fitted INRs are kept.
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    data_dir: PathBuf,
    /// Lists the experiments that come with the program.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code(&error)
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        for experiment in EMBEDDED {
            println!("{}", experiment.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let stop = stop_on_interrupt(Some("stopping after this step (Ctrl-C again stops at once and loses it)"))?;

    let (experiment, place) = open(args)?;
    // Before INRs are fitted for hours; training opens the device again.
    train::device(experiment.train().device)?;
    let dataset = datasets::open(experiment.data(), &args.data_dir, &stop)?;
    // Only now: what failed so far left no folder behind, so the same command can be given again.
    let folder = match place {
        Place::New(path) => create(&path, &experiment)?,
        Place::Earlier(folder) => folder,
    };
    eprintln!("{}: {dataset:?} -> {}", experiment.name(), folder.path().display());
    match train::run(&experiment, dataset, &folder, &stop)? {
        Outcome::Finished(summary) => {
            print_summary(&summary, &folder);
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Interrupted => {
            eprintln!("saved; continue with --resume --run {}", folder.path().display());
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// Where a run is kept.
enum Place {
    /// In a folder that is still to be made.
    New(PathBuf),
    /// In the folder of an earlier call.
    Earlier(RunFolder),
}

/// The experiment and the place of its run.
fn open(args: &Args) -> Result<(Experiment, Place)> {
    let asked = match &args.experiment {
        Some(name) => {
            let mut file = ExperimentFile::open(name)?;
            for assignment in &args.overrides {
                file.set(assignment)?;
            }
            if let Some(device) = args.device {
                file.set(&format!("train.device={}", device.name()))?;
            }
            Some(file.resolve()?)
        }
        None if !args.overrides.is_empty() => {
            bail!("--set: expected --experiment beside it; a resumed run is never changed")
        }
        None if args.device.is_some() => {
            bail!("--device: expected --experiment beside it; a resumed run is never changed")
        }
        None => None,
    };
    let default = |asked: &Experiment| {
        PathBuf::from("runs").join(format!("{}-seed{}", asked.name(), asked.train().seed))
    };
    let path = args.run.clone().or_else(|| asked.as_ref().map(default));
    let path = path.context("--run: expected the folder of the run to resume")?;
    if args.resume && path.exists() {
        let folder = RunFolder::open(&path)?;
        let experiment = folder.experiment()?;
        if asked.is_some_and(|asked| asked != experiment) {
            bail!(
                "{}: expected the experiment that was asked for, found another one; \
                 leave --experiment out to resume it",
                path.display()
            );
        }
        return Ok((experiment, Place::Earlier(folder)));
    }
    let experiment =
        asked.with_context(|| format!("{}: expected the folder of a run, found nothing", path.display()))?;
    if RunFolder::open(&path).is_ok() {
        bail!("{}: expected a new folder, found a run; --resume continues it", path.display());
    }
    Ok((experiment, Place::New(path)))
}

fn create(path: &Path, experiment: &Experiment) -> Result<RunFolder> {
    let facts = RunFacts {
        experiment: experiment.hash(),
        commit: commit(&std::env::current_dir()?),
        command: std::env::args().collect(),
        machine: MachineFacts::read(),
    };
    RunFolder::create(path, experiment, &facts)
}

fn print_summary(summary: &Summary, folder: &RunFolder) {
    let percent = |name: &str| 100.0 * summary.test.get(name).copied().unwrap_or(f64::NAN);
    println!(
        "{}: test accuracy {:.2} % on {} nets (best of epoch {}: validation {:.2} %), {} parameters, {:.0} s, {:.0} nets/s",
        summary.name,
        percent("accuracy"),
        summary.n_nets[2],
        summary.best_epoch,
        100.0 * summary.best_val,
        summary.n_params,
        summary.seconds,
        summary.nets_per_second,
    );
    println!("report: {}", folder.path().display());
}
