//! A net of any architecture as a graph, read by a ScaleGMN without features of edges; and its twin, which reads the same.
//!
//! Run with `cargo run --release -p sgmn-exp --example 06_read_any_net -- FILE` on a file of any net (ONNX, `.pt2`);
//! without one, on a small residual net that comes with the tests.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{path::PathBuf, time::Instant};

use anyhow::{Context, bail};
use candle_core::{DType, Device};
use sgmn_graph::{Batch, Graph, Lowering, NodeRole, Seed};
use sgmn_nn::{
    Normalization, Pass,
    layers::Scalings,
    models::{Direction, ModelConfig, OutputConfig, PerGraph, ReadoutRange, ScaleGmnConfig},
};
use sgmn_symmetry::flow::{Draw, FlowLowering, derive};

fn main() -> anyhow::Result<()> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/oracle/resnet_basic/script.onnx");
    let path = std::env::args().nth(1).map_or_else(|| PathBuf::from(own), PathBuf::from);
    let net = sgmn_data::any_net::open(&path, &Default::default())?.net;
    println!("{}: {} numbers in {} steps", path.display(), net.flow().n_numbers(), net.flow().steps().len());

    // The graph of the architecture, from its symmetries; then the numbers of this net.
    let start = Instant::now();
    let reader = FlowLowering::new(net.flow())?;
    let topology = reader.topology();
    let n_of = |role| topology.sites().iter().filter(|site| site.role == role).count();
    println!(
        "derived in {:.2?}: {} nodes in {} hidden sites and {} of outputs, {} blocks of edges, {} ties",
        start.elapsed(),
        topology.n_nodes(),
        n_of(NodeRole::Hidden),
        n_of(NodeRole::Output),
        topology.blocks().len(),
        topology.ties().len()
    );
    let start = Instant::now();
    let (graph, repairs) = reader.lower(&net)?;
    println!("read in {:.2?}, {} undecided choices", start.elapsed(), repairs.total());

    for direction in [Direction::Forward, Direction::Bidirectional] {
        let d = 32;
        let config = ModelConfig::ScaleGmn(ScaleGmnConfig {
            n_rounds: 4,
            edge_features: false,
            edge_update: false,
            output: OutputConfig::PerGraph(PerGraph { readout: ReadoutRange::FullGraph, d_out: 3, d_rho: d }),
            ..ScaleGmnConfig::new(Scalings::Own, direction, d, 3)
        });
        let lowering = Lowering::of_topologies(vec![topology.clone()])?;
        let (model, vars) =
            config.build(&lowering, Normalization::none(), Seed::new(1), DType::F32, &Device::Cpu)?;
        let outputs = |graph: &Graph| -> anyhow::Result<Vec<f64>> {
            let batch = Batch::collate(std::slice::from_ref(graph), DType::F32, &Device::Cpu)?;
            model.forward(&batch, &Pass::eval())?.of_nets(&batch)?.pop().context("one net has one row")
        };
        let start = Instant::now();
        let own = outputs(&graph)?;
        print!("{direction:?}, {} learned numbers: forward {:.2?}", vars.n_params(), start.elapsed());
        let batch = Batch::collate(std::slice::from_ref(&graph), DType::F32, &Device::Cpu)?;
        let sgmn_nn::models::Output::PerGraph(rows) = model.forward(&batch, &Pass::eval())? else {
            bail!("the model returns numbers for each net")
        };
        let start = Instant::now();
        rows.sqr()?.sum_all()?.backward()?;
        println!(", backward {:.2?}", start.elapsed());

        // Small nets have a twin in no time: units reordered and scaled, the same function.
        if net.flow().n_numbers() < 100_000 {
            let twin = net.with(&derive(net.flow()).sample(Seed::new(7), &Draw::default()).act(&net))?;
            let twin = outputs(&reader.lower(&twin)?.0)?;
            println!("  the net {own:.6?}\n  a twin  {twin:.6?}");
        }
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status")
        && let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM"))
    {
        println!("peak memory: {}", peak.trim_start_matches("VmHWM:").trim());
    }
    Ok(())
}
