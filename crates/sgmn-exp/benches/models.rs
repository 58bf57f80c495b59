//! What a training step and an inference cost, for every model of the report's tables, at the experiment's batch size.
//!
//! Started by `cargo xtask bench`:
//!
//! ```text
//! study NAME        a process for each of its models, so that the peak memory is that model's own
//! model EXPERIMENT  one of them
//! ```
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../../sgmn-nn/benches/step/rounds.rs"]
mod rounds;

use std::{cell::RefCell, process::Command};

use sgmn_exp::{config::ExperimentFile, data::architectures, reproduction::Study};
use sgmn_nn::{
    Normalization,
    testing::{Running, Setting, Task, random_nets},
};

use self::rounds::{Effort, Entrant, fact, peak, rounds};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says --bench when it measures; as part of the tests there is nothing to do.
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    let options: Vec<&String> = words.iter().filter(|word| word.starts_with("--")).collect();
    let effort = if options.iter().any(|word| *word == "--quick") { Effort::Quick } else { Effort::Full };
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    match plain.as_slice() {
        ["model", experiment] => model(experiment, effort),
        ["study", name] => {
            for row in &Study::named(name).unwrap().rows {
                let this = std::env::current_exe().unwrap();
                let status = Command::new(this)
                    .args(&options)
                    .args(["model", row.experiment.as_str()])
                    .status()
                    .unwrap();
                assert!(status.success(), "{}: {status}", row.experiment);
            }
        }
        // By hand, without words: one model.
        [] => model("quick", effort),
        other => panic!("expected `study NAME` or `model EXPERIMENT`, found {other:?}"),
    }
}

fn model(experiment: &str, effort: Effort) {
    let resolved = ExperimentFile::open(experiment).unwrap().resolve().unwrap();
    let specs = architectures::of_data(resolved.data()).unwrap();
    let normalization = Normalization::fit(&random_nets(&specs[0], 16));
    let setting = Setting::default();
    let running = RefCell::new(Running::new(resolved.model(), &specs[..1], normalization, &setting).unwrap());
    // The other benchmark programs have models of these names too.
    let name = format!("report/{experiment}");
    fact(&format!("{name}/n_params"), running.borrow().n_params() as f64);
    let n_nets = resolved.train().batch_size;
    let task = Task::random(&specs[0], n_nets, &setting).unwrap();
    rounds(
        effort.of_seconds(3.0),
        &mut [
            Entrant::new(format!("{name}/step"), n_nets as f64, || {
                drop(running.borrow_mut().step(&task).unwrap())
            }),
            Entrant::new(format!("{name}/inference"), n_nets as f64, || {
                drop(running.borrow().infer(&task).unwrap())
            }),
        ],
    );
    peak(&name);
}
