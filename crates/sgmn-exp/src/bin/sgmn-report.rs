//! What `cargo xtask reproduce` needs to know of experiments: the plan, the fitted nets, the report.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the person who called it")]

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use sgmn_exp::{
    interrupt::{exit_code, stop_on_interrupt},
    reproduction::{self, Plan, Request, Study},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The steps of `cargo xtask reproduce` besides training; each finds out from the disk what is there.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
    /// Which experiments: mini, mnist, fmnist, cifar or cifar-aug
    #[arg(long, global = true, value_name = "NAME", default_value = "mini")]
    study: String,
    /// Runs of each model
    #[arg(long, global = true, value_name = "N", default_value_t = 3)]
    seeds: u64,
    /// Overrides one value of every experiment, for example train.epochs=3; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder of the runs and the report
    #[arg(long, global = true, value_name = "FOLDER", default_value = "target/reproduce")]
    out: PathBuf,
    /// Folder of the nets
    #[arg(long, global = true, value_name = "FOLDER", default_value = "target/reproduce/data")]
    data_dir: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the runs and how far they are, as JSON
    Plan,
    /// Fits the nets that all models read, if that was not done yet
    Fit,
    /// Writes the report of what is finished
    Write {
        /// The command that a person types to get the same
        #[arg(long, value_name = "TEXT")]
        command: String,
        /// Also copies the table and its figures into this folder
        #[arg(long, value_name = "FOLDER")]
        save: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code(&error)
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let request = Request {
        study: Study::named(&args.study)?,
        n_seeds: args.seeds,
        overrides: args.overrides.clone(),
        out: args.out.clone(),
        data_dir: args.data_dir.clone(),
    };
    match &args.command {
        Command::Plan => println!("{}", serde_json::to_string(&Plan::new(&request)?)?),
        Command::Fit => reproduction::fit(&request, &*stop_on_interrupt(None)?)?,
        Command::Write { command, save } => {
            let report = reproduction::write(&request, command)?;
            println!("{}", report.table.to_markdown());
            if let Some(folder) = save {
                println!("saved: {}", report.save(folder, request.study.name)?.display());
            }
            println!("tables: {}", report.markdown.display());
            println!("report: {}", report.html.display());
        }
    }
    Ok(())
}
