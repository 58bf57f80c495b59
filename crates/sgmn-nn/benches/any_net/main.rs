//! What it costs to look at nets of any architecture and to read them, from 10⁴ numbers to 10⁷ or 10⁸.
//!
//! Started by `cargo xtask bench`:
//!
//! ```text
//! family NAME     a process for each size of its nets, so that the memory is that net's own; --large: 10⁸ too
//! net NAME SIZE   one of them, from about so many numbers
//! ```
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

mod nets;
#[path = "../step/rounds.rs"]
mod rounds;

use std::process::Command;

use candle_core::{DType, Device};
use sgmn_graph::{Batch, Graph, Lowering, Seed, Topology, flow::FlowNet};
use sgmn_nn::{
    Normalization, Pass,
    layers::Scalings,
    models::{Direction, Model, ModelConfig, Output, OutputConfig, PerGraph, ReadoutRange, ScaleGmnConfig},
};
use sgmn_symmetry::flow::{
    Draw, FlowLowering,
    align::{AlignOptions, Method, align},
    canonicalize_flow, derive,
};

use self::{
    nets::{Family, random},
    rounds::{Effort, Entrant, fact, peak, rounds},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sizes of nets; the last one takes minutes and is made only when it is asked for.
const SIZES: [f64; 5] = [1e4, 1e5, 1e6, 1e7, 1e8];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says --bench when it measures; as part of the tests there is nothing to do.
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    let options: Vec<&String> = words.iter().filter(|word| word.starts_with("--")).collect();
    let has = |option: &str| options.iter().any(|word| *word == option);
    let effort = if has("--quick") { Effort::Quick } else { Effort::Full };
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    match plain.as_slice() {
        ["net", family, size] => net(family, size.parse().unwrap(), effort),
        ["family", family] => {
            let n_sizes = if has("--large") { SIZES.len() } else { SIZES.len() - 1 };
            for size in &SIZES[..n_sizes] {
                let this = std::env::current_exe().unwrap();
                let size = size.to_string();
                let status = Command::new(this).args(&options).args(["net", family, &size]).status().unwrap();
                assert!(status.success(), "{family} of {size} numbers: {status}");
            }
        }
        // By hand, without words: one net.
        [] => net("convolutions", 1e6, effort),
        other => panic!("expected `family NAME` or `net NAME SIZE`, found {other:?}"),
    }
}

/// Every stage for one net.
fn net(family: &str, size: f64, effort: Effort) {
    let flow = Family::named(family).flow(size);
    let n_numbers = flow.n_numbers();
    let name = format!("any-net-{family}/{size:e}");
    fact(&format!("{name}/n_numbers"), n_numbers as f64);
    fact(&format!("{name}/n_steps"), flow.steps().len() as f64);
    let stage = |stage: &str, call: &mut dyn FnMut()| {
        let name = format!("{name}/{stage}");
        forget_peak();
        // The largest nets pass each stage once, if that takes more than a moment.
        let budget = effort.of_seconds(1.0).at_least(if size < 1e7 { 3 } else { 1 });
        rounds(budget, &mut [Entrant::new(name.clone(), n_numbers as f64, call)]);
        peak(&name);
    };
    let own = random(&flow, 1);
    stage("derive", &mut || drop(derive(&flow)));
    let spaces = derive(&flow);
    let element = spaces.sample(Seed::new(2), &Draw::default());
    stage("act", &mut || drop(own.with(&element.act(&own)).unwrap()));
    stage("canonicalize", &mut || drop(canonicalize_flow(&own).unwrap()));
    // Matrices of wide streams make this the longest stage by far: of 10⁸ numbers it would take a quarter of an hour.
    if family != "transformers" || size < 1e8 {
        let twin = own.with(&element.act(&own)).unwrap();
        stage("align", &mut || drop(align(&own, &twin, Method::Weights, &AlignOptions::default()).unwrap()));
    }
    drop((element, spaces));
    stage("graph", &mut || drop(FlowLowering::new(&flow).unwrap()));
    let reader = FlowLowering::new(&flow).unwrap();
    stage("read", &mut || drop(read(&reader, &own)));
    let graph = read(&reader, &own);
    let topology = reader.topology().clone();
    drop((reader, own));
    let batch = Batch::collate(std::slice::from_ref(&graph), DType::F32, &Device::Cpu).unwrap();
    drop(graph);
    let model = model(&topology);
    stage("forward", &mut || drop(sgmn_nn::ops::no_grad(|| model.forward(&batch, &Pass::eval()).unwrap())));
    stage("step", &mut || {
        let Output::PerGraph(rows) = model.forward(&batch, &Pass::eval()).unwrap() else {
            panic!("expected numbers for each net")
        };
        drop(rows.sqr().unwrap().sum_all().unwrap().backward().unwrap());
    });
}

fn read(reader: &FlowLowering, net: &FlowNet) -> Graph {
    reader.lower(net).unwrap().0
}

/// A ScaleGMN of width 32 and four rounds, without features of edges.
fn model(topology: &std::sync::Arc<Topology>) -> Box<dyn Model> {
    let d = 32;
    let config = ModelConfig::ScaleGmn(ScaleGmnConfig {
        n_rounds: 4,
        edge_features: false,
        edge_update: false,
        output: OutputConfig::PerGraph(PerGraph { readout: ReadoutRange::FullGraph, d_out: 3, d_rho: d }),
        ..ScaleGmnConfig::new(Scalings::Own, Direction::Forward, d, 3)
    });
    let lowering = Lowering::of_topologies(vec![topology.clone()]).unwrap();
    config.build(&lowering, Normalization::none(), Seed::new(1), DType::F32, &Device::Cpu).unwrap().0
}

/// Lets the most memory be counted anew from here, where the system can.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
