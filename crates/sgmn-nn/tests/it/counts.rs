//! Numbers of learned parameters of every published configuration: an exact check of the structure.

use std::sync::Arc;

use candle_core::{DType, Device};
use sgmn_graph::{Activation, Lowering, NetSpec, Seed};
use sgmn_nn::{
    Normalization, Start,
    layers::{IoPath, Join, ScaleEqConfig, Scalings, SignInvariant},
    models::{Compatibility, Direction, ModelConfig, OutputConfig, PerGraph, ReadoutRange, ScaleGmnConfig},
};

/// One column of the paper's tables of configurations; what counts do not depend on is left out.
struct Published {
    name: &'static str,
    layout: &'static [usize],
    symmetry: Scalings,
    direction: Direction,
    d: usize,
    n_layers: usize,
    node_skip: bool,
    edge_embedding: bool,
    positional: bool,
    io: IoPath,
    n_mlps: usize,
    sign_invariant: SignInvariant,
    layer_norm: bool,
    head: Head,
    n_params: usize,
}

enum Head {
    Last(usize),
    Full(usize),
    Edit,
}

use Direction::{Bidirectional as B, Forward as F};
use Head::{Edit, Full, Last};
use IoPath::{Gated, Mlp};
use Scalings::{Own, Scale, Sign};
use SignInvariant::{Absolute, Symmetrize};

const INR: &[usize] = &[2, 32, 32, 1];
const COLOR_INR: &[usize] = &[2, 32, 32, 3];
const CNN: &[usize] = &[1, 16, 16, 16, 10];
const YES: bool = true;
const NO: bool = false;

#[rustfmt::skip]
const PUBLISHED: [Published; 20] = [
    published("mnist",         INR,       Sign,   F, 128, 4,  YES, YES, NO,  Gated, 2, Symmetrize, YES, Last(10), 1_772_042),
    published("mnist-B",       INR,       Sign,   B, 128, 4,  NO,  NO,  YES, Gated, 2, Symmetrize, YES, Last(10), 3_089_162),
    published("fmnist",        INR,       Sign,   F, 128, 2,  YES, YES, NO,  Mlp,   3, Symmetrize, YES, Full(10), 1_160_970),
    published("fmnist-B",      INR,       Sign,   B, 128, 2,  YES, YES, NO,  Mlp,   3, Symmetrize, YES, Full(10), 1_722_378),
    published("cifar",         COLOR_INR, Sign,   F, 64,  4,  NO,  NO,  NO,  Mlp,   3, Absolute,   YES, Last(10), 397_450),
    published("cifar-B",       COLOR_INR, Sign,   B, 64,  4,  NO,  NO,  NO,  Gated, 2, Absolute,   NO,  Last(10), 492_298),
    published("cifar aug",     COLOR_INR, Sign,   F, 128, 4,  YES, NO,  NO,  Mlp,   3, Symmetrize, YES, Full(10), 2_285_322),
    published("cifar aug-B",   COLOR_INR, Sign,   B, 128, 4,  YES, NO,  NO,  Mlp,   3, Symmetrize, YES, Last(10), 3_324_938),
    published("editing",       INR,       Sign,   F, 128, 10, YES, NO,  NO,  Mlp,   3, Absolute,   YES, Edit,     4_002_058),
    published("editing-B",     INR,       Sign,   B, 128, 10, YES, NO,  NO,  Mlp,   2, Absolute,   YES, Edit,     4_821_385),
    published("cifar10 relu",  CNN,       Scale,  F, 128, 4,  NO,  NO,  NO,  Mlp,   2, Symmetrize, YES, Last(1),  1_356_801),
    published("cifar10 relu-B", CNN,      Scale,  B, 128, 4,  NO,  NO,  NO,  Mlp,   2, Symmetrize, YES, Last(1),  2_263_809),
    published("cifar10 tanh",  CNN,       Sign,   F, 128, 4,  NO,  NO,  NO,  Mlp,   3, Symmetrize, YES, Full(1),  2_318_849),
    published("cifar10 tanh-B", CNN,      Sign,   B, 128, 4,  NO,  NO,  NO,  Mlp,   3, Symmetrize, YES, Full(1),  3_441_665),
    published("cifar10 both",  CNN,       Own,    F, 128, 4,  NO,  NO,  NO,  Mlp,   2, Absolute,   YES, Last(1),  1_688_577),
    published("cifar10 both-B", CNN,      Own,    B, 128, 5,  YES, NO,  NO,  Mlp,   2, Symmetrize, YES, Last(1),  4_250_625),
    published("svhn relu",     CNN,       Scale,  F, 64,  4,  YES, NO,  NO,  Mlp,   3, Symmetrize, YES, Full(1),  467_969),
    published("svhn relu-B",   CNN,       Scale,  B, 64,  3,  YES, NO,  NO,  Mlp,   3, Symmetrize, YES, Full(1),  559_105),
    published("svhn tanh",     CNN,       Sign,   F, 64,  4,  NO,  NO,  NO,  Mlp,   3, Symmetrize, NO,  Last(1),  547_457),
    published("svhn tanh-B",   CNN,       Sign,   B, 128, 3,  YES, NO,  NO,  Mlp,   3, Symmetrize, YES, Full(1),  2_680_577),
];

#[allow(clippy::too_many_arguments, reason = "a row of a table")]
const fn published(
    name: &'static str,
    layout: &'static [usize],
    symmetry: Scalings,
    direction: Direction,
    d: usize,
    n_layers: usize,
    node_skip: bool,
    edge_embedding: bool,
    positional: bool,
    io: IoPath,
    n_mlps: usize,
    sign_invariant: SignInvariant,
    layer_norm: bool,
    head: Head,
    n_params: usize,
) -> Published {
    Published {
        name,
        layout,
        symmetry,
        direction,
        d,
        n_layers,
        node_skip,
        edge_embedding,
        positional,
        io,
        n_mlps,
        sign_invariant,
        layer_norm,
        head,
        n_params,
    }
}

impl Published {
    fn config(&self) -> ModelConfig {
        let net =
            ScaleEqConfig { n_layers: 1, io: self.io, n_mlps: self.n_mlps, positional: self.positional };
        let per_graph = |readout, d_out| OutputConfig::PerGraph(PerGraph { readout, d_out, d_rho: self.d });
        ModelConfig::ScaleGmn(ScaleGmnConfig {
            scalings: self.symmetry,
            force_symmetry: false,
            direction: self.direction,
            reversed_scale: None,
            sign_invariant: self.sign_invariant,
            d_hidden: self.d,
            n_rounds: self.n_layers,
            d_mlp: vec![self.d],
            layer_norm: self.layer_norm,
            dropout: 0.0,
            mlp_dropout: 0.0,
            node_skip: self.node_skip,
            node_embedding: true,
            edge_features: true,
            edge_embedding: self.edge_embedding,
            io_embedding: Join::Sum,
            message: net,
            update: net,
            edge_update: true,
            output: match self.head {
                Last(d_out) => per_graph(ReadoutRange::LastLayer, d_out),
                Full(d_out) => per_graph(ReadoutRange::FullGraph, d_out),
                Edit => OutputConfig::PerParam { initial_scale: 0.01, n_copies: 1 },
            },
            compatibility: Compatibility::Published,
            start: Start::Pytorch,
            n_sines: 0,
            probes: None,
            answers: None,
        })
    }

    fn n_params(&self) -> usize {
        let spec = match self.layout.len() {
            // A model of signs refuses nets that have none.
            5 if self.symmetry == Sign => NetSpec::cnn_zoo(self.layout, Activation::Tanh).unwrap(),
            5 => NetSpec::cnn_zoo(self.layout, Activation::Relu).unwrap(),
            _ => NetSpec::mlp(self.layout, Activation::Sine { omega: 30.0 }, 0.5).unwrap(),
        };
        let lowering = Lowering::new([&Arc::new(spec)]).unwrap();
        let seed = Seed::new(0);
        let built = self.config().build(&lowering, Normalization::none(), seed, DType::F32, &Device::Cpu);
        built.unwrap().1.n_params()
    }
}

#[test]
fn published_configurations_have_their_published_numbers_of_parameters() {
    let mut faults = Vec::new();
    for published in &PUBLISHED {
        let found = published.n_params();
        if found != published.n_params {
            let difference = found as i64 - published.n_params as i64;
            faults.push(format!(
                "{}: expected {}, found {found} ({difference:+})",
                published.name, published.n_params
            ));
        }
    }
    assert!(faults.is_empty(), "{} of 20 differ:\n{}", faults.len(), faults.join("\n"));
}
