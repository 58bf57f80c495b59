//! Counts by hand, for models small enough.

use std::sync::Arc;

use sgmn_graph::{Activation, NetSpec};

use super::*;
use crate::models::Blueprint;
use crate::{
    layers::ScaleEqConfig,
    models::{OutputConfig, ReadoutRange},
};

const D: usize = 16;

fn inr() -> Topology {
    let sine = Activation::Sine { omega: 30.0 };
    Topology::new(Arc::new(NetSpec::mlp(&[2, 32, 32, 1], sine, 0.5).unwrap())).unwrap()
}

fn mnist(direction: Direction) -> ScaleGmnConfig {
    let positional = direction == Direction::Bidirectional;
    let net = ScaleEqConfig { n_layers: 1, io: IoPath::Gated, n_mlps: 2, positional };
    let config = ScaleGmnConfig::new(Scalings::Sign, direction, D, 10);
    ScaleGmnConfig { n_rounds: 4, edge_embedding: !positional, message: net, update: net, ..config }
}

fn products(config: &ScaleGmnConfig, topology: &Topology) -> f64 {
    config.validate().unwrap();
    ReducedWork::of(config, topology).products_per_edge()
}

#[test]
fn the_published_mnist_model_needs_22_products_an_edge() {
    let work = ReducedWork::of(&mnist(Direction::Forward), &inr());
    assert_eq!(work.products_per_edge(), 22.0);
    assert_eq!(work.forward_flop(), 22.0 * 1120.0 * 2.0 * (D * D) as f64);
    assert_eq!(work.step_flop(), 3.0 * work.forward_flop());
}

#[test]
fn what_no_output_reads_is_left_out() {
    // The last layer only matters into the one output, over 32 edges; so do the edge update before it, and the
    // messages before that into the outputs and the units that they hear.
    let read = ReducedWork::that_is_read(&mnist(Direction::Forward), &inr());
    let expected = 3 * 1120 + 7 * 1120 - 2 * 64 + 5 * (1024 + 32) + 2 * 32 + 5 * 32;
    assert_eq!(read.multiply_adds, expected * D * D);
    let mut all = mnist(Direction::Forward);
    if let OutputConfig::PerGraph(output) = &mut all.output {
        output.readout = ReadoutRange::FullGraph;
    }
    assert_eq!(ReducedWork::that_is_read(&all, &inr()), ReducedWork::of(&all, &inr()));
}

#[test]
fn messages_against_the_edges_cost_as_much_again_and_no_update() {
    // 2 + 2 + 1, twice 5 + 5 + 2, 5 + 5.
    assert_eq!(products(&mnist(Direction::Bidirectional), &inr()), 39.0);
}

#[test]
fn an_editing_model_has_perceptrons_at_outputs_and_short_last_edges() {
    let net = ScaleEqConfig { n_layers: 1, io: IoPath::Mlp, n_mlps: 3, positional: false };
    let config = ScaleGmnConfig {
        n_rounds: 10,
        sign_invariant: SignInvariant::Absolute,
        message: net,
        update: net,
        output: OutputConfig::PerParam { initial_scale: 0.01, n_copies: 1 },
        ..ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, D, 1)
    };
    // Hidden units: 1 + 1, eight times 4 + 2, 4. Outputs: 0 + 1, eight times 2 + 2, 2.
    let expected = ((2 + 8 * 6 + 4) * 1088 + (1 + 8 * 4 + 2) * 32) as f64 / 1120.0;
    assert_eq!(products(&config, &inr()), expected);
}

#[test]
fn kernels_take_a_row_a_number_and_unit_in_the_first_layer() {
    let spec = NetSpec::cnn_zoo(&[1, 16, 16, 16, 10], Activation::Relu).unwrap();
    let topology = Topology::new(Arc::new(spec)).unwrap();
    let config =
        ScaleGmnConfig { n_rounds: 4, ..ScaleGmnConfig::new(Scalings::Scale, Direction::Forward, D, 1) };
    // Nine rows a unit read instead of sixteen edges, for W u and the first product of φ; one row a class.
    let first = 2 * (1 + 16 + 16) * 9 + 528 * (1 + 1) + 160;
    let middle = 528 * (4 + 2) + 160 * (2 + 2);
    let last = 528 * 4 + 160 * 2;
    assert_eq!(products(&config, &topology), (first + 2 * middle + last) as f64 / 688.0);
    // |u| is not linear in the kernel, so it takes the edges.
    let signs = ScaleGmnConfig {
        scalings: Scalings::Sign,
        sign_invariant: SignInvariant::Absolute,
        ..config.clone()
    };
    let more = (528 - (1 + 16 + 16) * 9) as f64 / 688.0;
    assert!((products(&signs, &topology) - products(&config, &topology) - more).abs() < 1e-12);
}

#[test]
fn relative_messages_sum_before_their_last_product() {
    let relu = Topology::new(Arc::new(NetSpec::mlp(&[2, 8, 8, 1], Activation::Relu, 0.0).unwrap())).unwrap();
    let model = |direction| ScaleGmnConfig::new(Scalings::Scale, direction, D, 1);
    let [one, both] = [Direction::Forward, Direction::Bidirectional].map(|d| products(&model(d), &relu));
    assert_eq!(both - one, 0.0 + 2.0 + 2.0);
}

#[test]
fn permutations_alone_need_one_product_an_edge_and_reader() {
    let config = ScaleGmnConfig::new(Scalings::Permutation, Direction::Forward, D, 1);
    // Three layers: nothing, message and update, message.
    assert_eq!(products(&config, &inr()), 0.0 + 2.0 + 1.0);
}

#[test]
fn edges_that_are_never_updated_stay_cheap() {
    let config = ScaleGmnConfig { edge_update: false, ..mnist(Direction::Forward) };
    assert_eq!(products(&config, &inr()), 4.0 * 2.0);
}
