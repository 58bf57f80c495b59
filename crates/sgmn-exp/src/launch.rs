//! What the experiment programs share: arguments, the folder of the run, training, the closing line.
//!
//! A program is a [`Program`]: a name, and the question that its experiments ask. Everything else stands in the
//! experiment.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail, ensure};
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::{
    config::{DeviceKind, EMBEDDED, Experiment, ExperimentFile},
    datasets,
    interrupt::{INTERRUPTED, exit_code, stop_on_interrupt},
    report::{MachineFacts, commit},
    run_folder::{RunFacts, RunFolder},
    train::{self, Outcome, Summary},
};

/// A program that trains models on one kind of question.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Name of the binary; [`crate::config::Task::program`] names it too.
    pub name: &'static str,
    /// What it does: a sentence, an empty line, more.
    pub about: &'static str,
    /// Calls to begin with, without the name of the program.
    pub examples: &'static [&'static str],
}

#[derive(Parser)]
#[command(version)]
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
    /// Leaves this program's own kernels for the device aside, for a device on which one of them does harm.
    #[arg(long)]
    without_kernels: bool,
    /// Folder of the run; runs/NAME-seedN if left out.
    #[arg(long, value_name = "FOLDER")]
    run: Option<PathBuf>,
    /// Continues the run in its folder.
    #[arg(long)]
    resume: bool,
    /// Where datasets are looked for, and nets that are made here are kept.
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    data_dir: PathBuf,
    /// Lists the experiments that come with the program.
    #[arg(long)]
    list: bool,
}

impl Program {
    /// Runs on the arguments of the process.
    pub fn main(&self) -> ExitCode {
        let mut help = "Examples:\n".to_owned();
        for example in self.examples {
            help += &format!("  {} {example}\n", self.name);
        }
        help += "\nThe run folder holds resolved.toml, facts.json, records.jsonl, TensorBoard events, checkpoints/, \
                 plots/ and summary.json.";
        let (about, _) = self.about.split_once("\n\n").unwrap_or((self.about, ""));
        let command = Args::command().name(self.name).about(about).long_about(self.about).after_help(help);
        let args = Args::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
        match self.run(&args) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("error: {error:#}");
                exit_code(&error)
            }
        }
    }

    fn run(&self, args: &Args) -> Result<ExitCode> {
        if args.list {
            return self.list();
        }
        if args.without_kernels {
            sgmn_nn::ops::leave_kernels();
        }
        let stop =
            stop_on_interrupt(Some("stopping after this step (Ctrl-C again stops at once and loses it)"))?;

        let (experiment, place) = open(args)?;
        let program = experiment.task().program();
        ensure!(
            program == self.name,
            "experiment {}: expected a question for {}, found one for {program}",
            experiment.name(),
            self.name
        );
        // Before nets are made for hours; training opens the device again.
        train::device(experiment.train().device)?;
        let material = datasets::material(&experiment, &args.data_dir, &stop)?;
        // Only now: what failed so far left no folder behind, so the same command can be given again.
        let folder = match place {
            Place::New(path) => create(&path, &experiment)?,
            Place::Earlier(folder) => folder,
        };
        eprintln!("{}: {:?} -> {}", experiment.name(), material.dataset, folder.path().display());
        match train::run(&experiment, material, &folder, &stop)? {
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

    /// Prints the experiments that ask this program's question.
    fn list(&self) -> Result<ExitCode> {
        for experiment in EMBEDDED {
            let resolved = ExperimentFile::open(experiment.name)?.resolve()?;
            if resolved.task().program() == self.name {
                println!("{}", experiment.name);
            }
        }
        Ok(ExitCode::SUCCESS)
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
    let criterion = summary.criterion;
    let test = summary.test.get(criterion.name()).copied().unwrap_or(f64::NAN);
    println!(
        "{}: test {} on {} nets (best of epoch {}: validation {}), {} parameters, {:.0} s, {:.0} nets/s",
        summary.name,
        criterion.said(test),
        summary.n_nets[2],
        summary.best_epoch,
        criterion.said(summary.best_val),
        summary.n_params,
        summary.seconds,
        summary.nets_per_second,
    );
    if summary.n_skipped > 0 {
        println!(
            "{} nets could not be read and were left out: {}",
            summary.n_skipped,
            folder.skipped().display()
        );
    }
    println!("report: {}", folder.path().display());
}
