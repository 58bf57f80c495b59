//! What `cargo xtask reproduce` needs to know of experiments: the plan, the fitted nets, the report.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the person who called it")]

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use sgmn_exp::{
    interrupt::{exit_code, stop_on_interrupt},
    reproduction::{self, Grid, Group, Plan, Request, Scale},
    run_folder::write_atomic,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The steps of `cargo xtask reproduce` besides training; each finds out from the disk what is there.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
    /// How much work
    #[arg(long, global = true, value_enum, default_value_t = Scale::Quick)]
    scale: Scale,
    /// Only this part of the report; may be repeated
    #[arg(long, global = true, value_enum, value_name = "PART")]
    only: Vec<Group>,
    /// Only the study of this name; may be repeated
    #[arg(long = "study", global = true, value_name = "NAME")]
    studies: Vec<String>,
    /// Fit INRs to images where the published ones would be read
    #[arg(long, global = true)]
    fit: bool,
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
    /// Opens the nets that the models read, and makes those that are made here
    Nets,
    /// Writes down what came of runs at several learning rates, each in a folder of its name
    Rates {
        /// A learning rate; repeated for each
        #[arg(long = "rate", value_name = "RATE", required = true)]
        rates: Vec<f64>,
        /// The command that a person types to get the same
        #[arg(long, value_name = "TEXT")]
        command: String,
        /// The Markdown file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Writes the report of what is finished
    Write {
        /// The command that a person types to get the same
        #[arg(long, value_name = "TEXT")]
        command: String,
        /// Also copies the report and its figures into this folder
        #[arg(long, value_name = "FOLDER")]
        save: Option<PathBuf>,
        /// Also puts the tables into this file, between its lines `<!-- results -->` and `<!-- /results -->`
        #[arg(long, value_name = "FILE")]
        show_in: Option<PathBuf>,
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
        scale: args.scale,
        only: args.only.clone(),
        studies: args.studies.clone(),
        fit: args.fit,
        n_seeds: args.seeds,
        overrides: args.overrides.clone(),
        out: args.out.clone(),
        data_dir: args.data_dir.clone(),
    };
    match &args.command {
        Command::Plan => println!("{}", serde_json::to_string(&Plan::new(&request)?)?),
        Command::Nets => reproduction::make(&request, &*stop_on_interrupt(None)?)?,
        Command::Rates { rates, command, file } => {
            let grid = Grid { request, rates: rates.clone() };
            let document = grid.document(command)?;
            write_atomic(file, document.as_bytes())?;
            println!("{document}\nsaved: {}", file.display());
        }
        Command::Write { command, save, show_in } => {
            let report = reproduction::write(&request, command)?;
            for (title, table) in &report.tables {
                println!("{title}\n\n{}", table.to_markdown());
            }
            if let Some(folder) = save {
                println!("saved: {}", report.save(folder, args.scale.name())?.display());
            }
            if let Some(file) = show_in {
                report.show_in(file)?;
                println!("saved: the tables in {}", file.display());
            }
            println!("tables: {}", report.markdown.display());
            println!("report: {}", report.html.display());
        }
    }
    Ok(())
}
