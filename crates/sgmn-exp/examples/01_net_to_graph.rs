//! From an image to a net, and from the net to a graph and back.
//!
//! Run with `cargo run -p sgmn-exp --example 01_net_to_graph`.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::sync::Arc;

use sgmn_data::fit::{Recipe, fit_one};
use sgmn_graph::{Net, Seed, Topology, eval, lower};

fn main() -> anyhow::Result<()> {
    // A bright disk on a dark ground, 16 by 16 gray pixels.
    const SIDE: usize = 16;
    let position = |i: usize| 2.0 * i as f64 / (SIDE - 1) as f64 - 1.0;
    let is_inside = |row: usize, column: usize| position(row).hypot(position(column)) < 0.6;
    let image: Vec<f32> =
        (0..SIDE * SIDE).map(|i| if is_inside(i / SIDE, i % SIDE) { 0.9 } else { 0.1 }).collect();

    // A small sine network learns to say how bright the image is at (column, row).
    let recipe = Recipe { hidden: vec![16, 16], ..Recipe::default() };
    let fitted = fit_one(&image, [SIDE, SIDE, 1], &recipe, &Seed::new(0))?;
    println!("fitted in {} steps to {:.1} dB", fitted.n_steps, fitted.psnr_db);

    // Its architecture and its numbers make a net.
    let spec = Arc::new(recipe.spec(1)?);
    let net = Net::new(spec.clone(), fitted.params.iter().map(|&value| value.into()).collect())?;
    println!("widths {:?}, {} parameters", spec.widths(), spec.n_params());

    // The net says the image again, in characters.
    for row in 0..SIDE {
        let at = |column: usize| eval::run(&net, &[position(column), position(row)]);
        let line: String = (0..SIDE)
            .map(|column| Ok(if at(column)?[0] > 0.5 { "##" } else { " ." }))
            .collect::<anyhow::Result<_>>()?;
        println!("{line}");
    }

    // As a graph: units are nodes that hold biases, weights lie on edges; layer by layer, so everything is a range.
    let topology = Arc::new(Topology::new(spec)?);
    let graph = lower(&net, &topology)?;
    println!("{} nodes, {} edges", topology.n_nodes(), topology.n_edges());
    for l in 0..topology.n_layers() {
        let (from, to) = (topology.node_range(l), topology.node_range(l + 1));
        println!("layer {l}: nodes {from:?} send to nodes {to:?} along edges {:?}", topology.edge_range(l));
    }

    // Nothing is lost on the way.
    assert_eq!(graph.raise()?, net);
    println!("the graph is the net again, bit for bit");
    Ok(())
}
