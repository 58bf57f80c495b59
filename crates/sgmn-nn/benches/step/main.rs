//! What a training step and an inference cost: of published configurations, and how cost grows.
//!
//! Started by `cargo xtask bench`, one process a group of numbers, so that the peak memory is that group's own:
//!
//! ```text
//! model NAME           the machine's matrix product, a step and an inference in turn; peak memory; the plain twin
//! memory NAME          peak memory at batch 128
//! growth batch|width|nets
//! ```
//!
//! Results are lines of `fact NAME VALUE` and `samples NAME ELEMENTS SECONDS…` (see `rounds.rs`).
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

mod growth;
mod rounds;

use std::cell::RefCell;

use candle_core::{Device, Tensor};
use sgmn_graph::{Seed, Topology, normal};
use sgmn_nn::{
    ops,
    testing::{Case, ReducedWork, Setting, Task, case},
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
    let effort = if words.iter().any(|word| word == "--quick") { Effort::Quick } else { Effort::Full };
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    match words.as_slice() {
        ["model", name] => model(&case(name).unwrap(), effort),
        ["memory", name] => memory(&case(name).unwrap(), effort),
        ["growth", axis] => growth::run(axis, effort),
        // By hand, without words: the published configuration alone.
        _ => model(&case("mnist").unwrap(), effort),
    }
}

/// A step and an inference beside the machine's matrix product, then beside the twin of candle's own operations.
fn model(case: &Case, effort: Effort) {
    let name = case.name;
    let topology = Topology::new(case.spec.clone()).unwrap();
    let work = ReducedWork::of(&case.config, &topology);
    fact(&format!("{name}/n_edges"), topology.n_edges() as f64);
    fact(&format!("{name}/products_per_edge"), work.products_per_edge());
    fact(&format!("{name}/forward_flop"), work.forward_flop());
    fact(&format!("{name}/step_flop"), work.step_flop());
    let read = ReducedWork::that_is_read(&case.config, &topology);
    fact(&format!("{name}/read_products_per_edge"), read.products_per_edge());
    fact(&format!("{name}/read_step_flop"), read.step_flop());

    let running = RefCell::new(case.running(&Setting::default()).unwrap());
    fact(&format!("{name}/n_params"), running.borrow().n_params() as f64);
    {
        let task = Task::random(&case.spec, case.batch_size, &Setting::default()).unwrap();
        let (x, w, flop) = product(case.config.d_hidden);
        let n_nets = case.batch_size as f64;
        rounds(
            effort.of_seconds(15.0),
            &mut [
                Entrant::new(format!("{name}/product"), flop, || drop(x.matmul(&w).unwrap())),
                Entrant::new(format!("{name}/step"), n_nets, || {
                    drop(running.borrow_mut().step(&task).unwrap())
                }),
                Entrant::new(format!("{name}/inference"), n_nets, || {
                    drop(running.borrow().infer(&task).unwrap())
                }),
            ],
        );
        peak(name);
    }
    // Only now: the twin holds far more memory, which is why its batch is smaller.
    let task = Task::random(&case.spec, case.twin_batch_size, &Setting::default()).unwrap();
    let n_nets = case.twin_batch_size as f64;
    rounds(
        effort.of_seconds(15.0),
        &mut [
            Entrant::new(format!("{name}/twin-fused"), n_nets, || {
                drop(running.borrow_mut().step(&task).unwrap())
            }),
            Entrant::new(format!("{name}/twin-plain"), n_nets, || {
                ops::plainly(|| drop(running.borrow_mut().step(&task).unwrap()));
            }),
        ],
    );
}

/// A step at the batch size of the published training, for its memory.
fn memory(case: &Case, effort: Effort) {
    const N_NETS: usize = 128;
    let name = format!("{}-batch-{N_NETS}", case.name);
    let mut running = case.running(&Setting::default()).unwrap();
    let task = Task::random(&case.spec, N_NETS, &Setting::default()).unwrap();
    rounds(
        effort.of_seconds(5.0),
        &mut [Entrant::new(format!("{name}/step"), N_NETS as f64, || drop(running.step(&task).unwrap()))],
    );
    peak(&name);
}

/// The factors of the product that the models use most, `[16384, d] × [d, d]`, and its floating-point operations.
fn product(d: usize) -> (Tensor, Tensor, f64) {
    const N_ROWS: usize = 16 << 10;
    let random = |n_rows: usize| {
        let mut rng = Seed::new(1).rng();
        let values: Vec<f32> = (0..n_rows * d).map(|_| normal(&mut rng) as f32 * 0.1).collect();
        Tensor::from_vec(values, (n_rows, d), &Device::Cpu).unwrap()
    };
    (random(N_ROWS), random(d), (2 * N_ROWS * d * d) as f64)
}
