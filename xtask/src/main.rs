//! `cargo xtask`: commands for people who work on the project: checks, benches, data, the reproduction of the paper.
//!
//! Each command is a file; each prints the commands that it runs.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the person who called it")]

mod bench;
mod check_cuda;
mod check_gpu;
mod check_metal;
mod ci;
mod cuda_kernels;
mod datasets;
mod device;
mod repository;
mod reproduce;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List, fetch and verify the published datasets.
    Datasets(datasets::Arguments),
    /// Fit nets, train the models on them, write the report: the main job from end to end.
    Reproduce(reproduce::Arguments),
    /// Train every model at every learning rate of one grid, and write down which is best on the validation nets.
    Tune(reproduce::Arguments),
    /// Measure steps, fits and canonical forms beside what the machine can do.
    #[command(after_help = bench::ABOUT_PROFILE)]
    Bench(bench::Arguments),
    /// Check the rules of the house: module docs, file lengths, crate arrows, unsafe code, lists, manifests.
    Tidy,
    /// Everything that has to pass: format, tidy, lints, documentation, examples, tests.
    Ci(ci::Arguments),
    /// Type-check and lint the feature `cuda` on a machine without CUDA.
    CheckCuda,
    /// Learn everything about a GPU that is at hand for a quarter of an hour: build the bundle, try it, read its results.
    #[command(after_help = check_gpu::ABOUT)]
    CheckGpu(check_gpu::Arguments),
    /// Compile the CUDA kernels to the text that is committed; needs nvcc of CUDA 13.0.
    CudaKernels,
    /// Type-check the feature `metal` where the Apple target is installed.
    CheckMetal,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Datasets(arguments) => datasets::run(&arguments),
        Command::Reproduce(arguments) => reproduce::run("reproduce", "run", &arguments),
        Command::Tune(arguments) => reproduce::run("tune", "tune", &arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Ci(arguments) => ci::run(&arguments),
        Command::CheckCuda => check_cuda::run(),
        Command::CheckGpu(arguments) => check_gpu::run(&arguments),
        Command::CudaKernels => cuda_kernels::run(),
        Command::CheckMetal => check_metal::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
