//! What the experiment programs share: arguments, the folder of the run, training, the closing line.
//!
//! A program is a [`Program`]: a name, and the question that its experiments ask. Everything else stands in the
//! experiment.

mod asked;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result, bail, ensure};
use clap::{CommandFactory, FromArgMatches, Parser};

use self::asked::{Asked, Found};
use crate::{
    config::{DataPart, Experiment, ExperimentFile, ModelPart, PUBLISHED, SizePart, TaskKind},
    data::datasets::{self, OwnNets},
    files::ReadArgs,
    run::{
        device,
        folder::{RunFacts, RunFolder},
        interrupt::{INTERRUPTED, exit_code, stop_on_interrupt},
        train::{self, Outcome, Summary},
    },
    show::{MachineFacts, commit},
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
    #[command(flatten)]
    asked: Asked,
    /// Leaves this program's own kernels for the device aside, for a device on which one of them does harm
    #[arg(long)]
    without_kernels: bool,
    /// Folder of the run; runs/NAME-seedN if left out
    #[arg(long, value_name = "FOLDER")]
    run: Option<PathBuf>,
    /// Continues the run in its folder
    #[arg(long)]
    resume: bool,
    /// Lists what comes with the program: data, models and sizes to compose, and published experiments
    #[arg(long)]
    list: bool,
    // Last, since everything behind it stands under its heading.
    #[command(flatten)]
    read: ReadArgs,
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

        let (experiment, place, own) = open(args, self, &stop)?;
        let program = experiment.task().program();
        ensure!(
            program == self.name,
            "experiment {}: expected a question for {}, found one for {program}",
            experiment.name(),
            self.name
        );
        // Before nets are made for hours.
        let device = device::open(experiment.train().device).context("train.device")?;
        let data_dir = args.asked.data_dir(own.as_ref());
        let material = match own.filter(|own| own.files == *experiment.data()) {
            Some(own) => datasets::material_of(&experiment, own.dataset, &data_dir)?,
            None => datasets::material(&experiment, &data_dir, &stop)?,
        };
        // Only now: what failed so far left no folder behind, so the same command can be given again.
        let folder = match place {
            Place::New(path) => create(&path, &experiment)?,
            Place::Earlier(folder) => folder,
        };
        eprintln!("{}: {:?} -> {}", experiment.name(), material.dataset, folder.path().display());
        match train::run(&experiment, material, &folder, &device, &stop)? {
            Outcome::Finished(summary) => {
                print_summary(&summary, &folder);
                Ok(ExitCode::SUCCESS)
            }
            Outcome::Interrupted => {
                eprintln!(
                    "saved; continue with --resume --run {} --data-dir {}",
                    folder.path().display(),
                    data_dir.display()
                );
                Ok(ExitCode::from(INTERRUPTED))
            }
        }
    }

    /// Prints what can be composed for this program's question, and the published experiments that ask it.
    fn list(&self) -> Result<ExitCode> {
        let asks = |task: TaskKind| task.program() == self.name;
        println!("data (--data NAME, or the path of nets)");
        for data in DataPart::all().filter(|data| data.tasks().any(asks)) {
            println!("  {:<32} {}", data.name(), data.sentence());
        }
        println!("\nmodels (--model NAME)");
        for model in ModelPart::all().chain(ModelPart::variants()) {
            if TaskKind::ALL.into_iter().any(|task| asks(task) && model.answers(task).is_ok()) {
                println!("  {:<32} {}", model.name(), model.sentence());
            }
        }
        println!("\nsizes (--size NAME)");
        for size in SizePart::all() {
            println!("  {:<32} {}", size.name(), size.sentence());
        }
        println!("\npublished experiments (--experiment NAME)");
        for experiment in PUBLISHED {
            if asks(ExperimentFile::open(experiment.name)?.resolve()?.task().kind()) {
                println!("  {:<32} {}", experiment.name, experiment.sentence());
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

/// The experiment, the place of its run, and the nets if they were opened already.
fn open(args: &Args, program: &Program, stop: &AtomicBool) -> Result<(Experiment, Place, Option<OwnNets>)> {
    if args.asked.is_nothing() && !args.resume {
        bail!("expected what to run, --experiment or --data, or --resume; --list says what there is");
    }
    let found = args.asked.find(program, &args.read, stop)?;
    let (asked, own) = found.map_or((None, None), |Found { experiment, own }| (Some(experiment), own));
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
                 leave --experiment and --data out to resume it",
                path.display()
            );
        }
        return Ok((experiment, Place::Earlier(folder), own));
    }
    let experiment =
        asked.with_context(|| format!("{}: expected the folder of a run, found nothing", path.display()))?;
    if RunFolder::open(&path).is_ok() {
        bail!("{}: expected a new folder, found a run; --resume continues it", path.display());
    }
    Ok((experiment, Place::New(path), own))
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
