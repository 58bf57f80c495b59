//! Checks on the device that is named: a program of its own, which runs where neither Rust nor the sources are.
//!
//! ```text
//! device --device cpu|cuda|metal --golden FOLDER --json FILE [WORD]...
//! ```
//!
//! Words choose the checks whose `group/name` holds one of them; `--list` names them. Each check is one line, and with
//! `--json` one line of JSON in FILE, written when its result is known. A check that errs or panics has failed and ends
//! no other. The last line is `N passed, N failed`; exit status 1 if any failed, 2 for a wrong option.
//! `--step-by-step` takes models on the CPU the way that they go on a device, without its kernels; `--without-kernels`
//! leaves those of a device aside.
//!
//! As part of `cargo test` it runs on the CPU and takes no notice of the options of Rust's own test programs.
#![allow(missing_docs, reason = "a program of checks")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what was checked is said")]

mod check;
mod golden;
mod models;
mod operations;
mod options;
mod precision;
mod symmetry;

use std::process::ExitCode;

use candle_core::{DType, Device};
use sgmn_nn::ops;

use self::{
    check::{Check, Log},
    options::Options,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => return refuse(&why),
    };
    if options.without_kernels {
        ops::leave_kernels();
    }
    let device = match options.device.as_str() {
        // Names are asked of no device.
        _ if options.list => Ok(Device::Cpu),
        "cuda" => Device::new_cuda(0),
        "metal" => Device::new_metal(0),
        _ => Ok(Device::Cpu),
    };
    let device = match device {
        Ok(device) => device,
        Err(error) => {
            let said = check::first_line(&error.to_string());
            return refuse(&format!("expected a {} device, found none that works: {said}", options.device));
        }
    };
    let checks = match all(&device, &options) {
        Ok(checks) => checks,
        Err(why) => return refuse(&why),
    };
    let checks: Vec<Check> = checks.into_iter().filter(|check| options.wants(&check.title())).collect();
    if options.list {
        checks.iter().for_each(|check| println!("{}: test", check.title()));
        return ExitCode::SUCCESS;
    }
    let mut log = match Log::open(options.json.as_deref()) {
        Ok(log) => log,
        Err(why) => return refuse(&why),
    };
    let run = || run(checks, &mut log);
    match if options.step_by_step { ops::step_by_step(run) } else { run() } {
        Ok(code) => code,
        Err(why) => refuse(&why),
    }
}

/// Runs the checks, tells each, and closes with how many passed and failed.
fn run(checks: Vec<Check>, log: &mut Log) -> Result<ExitCode, String> {
    let mut n = [0, 0];
    for check in checks {
        let (group, name) = (check.group, check.name.clone());
        let passed = log.write(group, &name, &check.run())?;
        n[usize::from(!passed)] += 1;
    }
    println!("{} passed, {} failed", n[0], n[1]);
    Ok(if n[1] == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The checks, those that say most first.
fn all(device: &Device, options: &Options) -> Result<Vec<Check>, String> {
    let mut checks = operations::kernels(device, options.device == "cuda" && !options.without_kernels);
    checks.extend(golden::checks(device, &options.golden)?);
    checks.extend(models::checks(device));
    checks.extend(operations::checks(device, DType::F32)?);
    checks.extend(symmetry::checks(device));
    checks.extend(precision::checks(device));
    // No kernel of ours is f64, and Metal has none.
    if !device.is_metal() {
        checks.extend(operations::checks(device, DType::F64)?);
    }
    Ok(checks)
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::from(2)
}
