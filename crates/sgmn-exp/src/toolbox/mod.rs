//! The toolbox `sgmn` for a person's own nets, images and checkpoints: one file a subcommand.

mod align;
mod apply;
mod canonicalize;
mod check;
mod compare;
mod completions;
mod convert;
mod distance;
mod equal;
mod export_checkpoint;
mod fit;
mod images;
mod import_checkpoint;
mod inspect;
mod interpolate;
mod list;
mod measure;
mod merge;
mod parity;
mod precision;
mod prove;
mod results;
mod shards;
mod stats;
mod twin;
mod zoo;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, error::ErrorKind};

use crate::run::interrupt::exit_code;

/// Looks at nets, fits them, checks models by the symmetries of the nets they read.
#[derive(Debug, Parser)]
#[command(name = "sgmn", version, after_help = EXAMPLES)]
struct Cli {
    /// Threads to compute with; all cores if left out
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MOST_THREADS))]
    threads: Option<u16>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compares models with the outputs and gradients of another implementation
    Parity(parity::Args),
    /// Fits one sine network to every image; stopped, a second call continues
    Fit(fit::Args),
    /// Shows what is in a net, a dataset or a checkpoint
    Inspect(inspect::Args),
    /// Shows how norms and signs of units are distributed in the nets of a dataset
    Stats(stats::Args),
    /// Measures how far a model is from respecting the symmetries of the nets it reads
    Check(check::Args),
    /// Brings nets to the canonical form of their symmetries
    Canonicalize(canonicalize::Args),
    /// Says whether two files of one architecture hold the same function, up to symmetry
    Equal(equal::Args),
    /// Measures how far apart two files of one architecture are, up to symmetry
    Distance(distance::Args),
    /// Moves a net as near to another one as its symmetries let it; its function stays
    Align(align::Args),
    /// Averages nets of one architecture, moved near each other first
    Merge(merge::Args),
    /// Shows what the nets between two nets are worth, before and after alignment
    Interpolate(interpolate::Args),
    /// Writes nets of any known format as a packed file or as safetensors
    Convert(convert::Args),
    /// Writes what a trained model says about nets, as a table
    Predict(apply::predict::Args),
    /// Writes nets as a trained model changes them
    Edit(apply::edit::Args),
    /// Holds nets of which the exact truth is known against it
    Prove(prove::Args),
    /// Writes another file of the same function
    Twin(twin::Args),
    /// Turns a published PyTorch checkpoint of ScaleGMN into one of ours
    ImportCheckpoint(import_checkpoint::Args),
    /// Turns one of our checkpoints of ScaleGMN into what the published PyTorch program loads
    ExportCheckpoint(export_checkpoint::Args),
    /// Trains many small CNNs on images, as the Small CNN Zoo did; stopped, a second call continues
    Zoo(zoo::Args),
    /// Measures a device: its products, training steps there, and whether a seed repeats its bits
    Measure(measure::Args),
    /// Trains every model that can read your nets, on equal terms, and says which reads them best
    Compare(compare::Args),
    /// Cuts work into shards for several processes or machines, and prints the script that an engine runs
    Plan(shards::plan::Args),
    /// Makes one shard of a plan; stopped, a second call continues
    Work(shards::work::Args),
    /// Puts the shards of a plan together
    Gather(shards::gather::Args),
    /// Lists the known experiments, models, symmetries, formats and datasets
    List(list::Args),
    /// Prints what a shell needs to complete the words of these commands
    Completions(completions::Args),
    /// Prints the manual page, or writes one for each command
    Man(completions::ManArgs),
}

const EXAMPLES: &str = "\
Examples:
  sgmn fit --images mini --n 300 --out digits.packed
  sgmn inspect digits.packed --item 2
  sgmn inspect resnet18.onnx
  sgmn twin resnet18.onnx --out twin.onnx
  sgmn equal resnet18.onnx twin.onnx
  sgmn merge a.onnx b.onnx --out mean.onnx
  sgmn zoo --images mini --n 100 --epochs 5 --checkpoints none --out zoo
  sgmn stats digits.packed --out figures
  sgmn plan --shards 7 --out plan.toml fit --images mini --out digits.packed
  sgmn canonicalize digits.packed canonical.packed
  sgmn predict runs/quick-seed0/checkpoints/best.safetensors digits.packed --out digits.csv
  sgmn check quick-bidirectional
  sgmn parity golden/*.safetensors --dtype f32

Exit status: 0 if all is well, 1 for an error or a failed check, 130 if interrupted.";

/// More threads than this are taken for a mistake.
const MOST_THREADS: i64 = 1024;

/// How a subcommand ended that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// All is well.
    Pass,
    /// Something was measured and found wanting; it has been said.
    Fail,
}

/// Runs the toolbox on the arguments of the process.
///
/// Results go to the standard output; progress, notes and errors, one line `error: ...`, to the standard error.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that cannot be printed, because nobody listens any more, is no fault.
            let _ = error.print();
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked_for { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    match run(&cli, &mut io::stdout().lock()) {
        Ok(Verdict::Pass) => ExitCode::SUCCESS,
        Ok(Verdict::Fail) => ExitCode::FAILURE,
        // The reader of a pipe, such as `head`, has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            exit_code(&error)
        }
    }
}

fn run(cli: &Cli, out: &mut impl Write) -> Result<Verdict> {
    if let Some(threads) = cli.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into());
        pool.build_global().context("--threads")?;
    }
    match &cli.command {
        Command::Parity(args) => parity::run(args, out),
        Command::Fit(args) => fit::run(args, out),
        Command::Inspect(args) => inspect::run(args, out),
        Command::Stats(args) => stats::run(args, out),
        Command::Check(args) => check::run(args, out),
        Command::Canonicalize(args) => canonicalize::run(args, out),
        Command::Equal(args) => equal::run(args, out),
        Command::Distance(args) => distance::run(args, out),
        Command::Align(args) => align::run(args, out),
        Command::Merge(args) => merge::run(args, out),
        Command::Interpolate(args) => interpolate::run(args, out),
        Command::Convert(args) => convert::run(args, out),
        Command::Predict(args) => apply::predict::run(args, out),
        Command::Edit(args) => apply::edit::run(args, out),
        Command::Prove(args) => prove::run(args, out),
        Command::Twin(args) => twin::run(args, out),
        Command::ImportCheckpoint(args) => import_checkpoint::run(args, out),
        Command::ExportCheckpoint(args) => export_checkpoint::run(args, out),
        Command::Zoo(args) => zoo::run(args, out),
        Command::Measure(args) => measure::run(args, out),
        Command::Compare(args) => compare::run(args, out),
        Command::Plan(args) => shards::plan::run(args, out),
        Command::Work(args) => shards::work::run(args, out),
        Command::Gather(args) => shards::gather::run(args, out),
        Command::List(args) => list::run(args, out),
        Command::Completions(args) => completions::run(args, out),
        Command::Man(args) => completions::man(args, out),
    }
}

/// The error and its causes in one line; a cause that its consequence already quotes is not said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if line.ends_with(&cause) {
            continue;
        }
        if !line.is_empty() {
            line += ": ";
        }
        line += &cause;
    }
    line
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    /// The lines of a command's help that show a call of it.
    fn examples(command: &clap::Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        help.lines().map(str::trim).filter(|line| line.starts_with("sgmn ")).map(str::to_owned).collect()
    }

    #[test]
    fn the_help_of_every_command_shows_calls_of_it_that_are_understood() {
        let cli = Cli::command();
        for command in std::iter::once(&cli).chain(cli.get_subcommands()).filter(|c| c.get_name() != "help") {
            let examples = examples(command);
            assert!(!examples.is_empty(), "{}: no example", command.get_name());
            for example in examples {
                // What goes to a file is a matter of the shell.
                let words = example.split_whitespace().take_while(|word| !matches!(*word, ">" | "|" | "#"));
                let understood = Cli::try_parse_from(words);
                assert!(understood.is_ok(), "{example}: {}", understood.unwrap_err());
            }
        }
    }

    #[test]
    fn a_chain_of_causes_is_one_line_that_repeats_nothing() {
        let source = io::Error::other("disk is\n full");
        let path = "a.packed".into();
        let error = anyhow::Error::new(sgmn_data::Error::Io { path, source }).context("item 3");
        assert_eq!(one_line(&error), "item 3: a.packed: disk is full");
    }
}
