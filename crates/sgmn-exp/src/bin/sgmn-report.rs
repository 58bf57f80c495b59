//! Makes and reports reproductions; `cargo xtask reproduce` and `cargo xtask tune` build it and hand their words over.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the person who called it")]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use sgmn_exp::{
    reproduction::commands::{PlanArgs, RunArgs, TuneArgs},
    run::interrupt::exit_code,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Makes nets, trains the models of the paper's tables on them, and writes one report.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes what is missing of a reproduction while time allows, and writes the report; stopped, the same call goes on
    Run(RunArgs),
    /// Trains every model at every learning rate of one grid, and writes down which is best on the validation nets
    Tune(TuneArgs),
    /// Prints the runs and how far they are, as JSON
    Plan(PlanArgs),
}

fn main() -> ExitCode {
    match run(&Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code(&error)
        }
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Run(args) => args.run(),
        Command::Tune(args) => args.run(),
        Command::Plan(args) => args.run(),
    }
}
