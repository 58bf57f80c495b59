//! The configurations that are measured, with the nets they read.

use std::sync::Arc;

use sgmn_graph::{Activation, NetSpec};
use sgmn_nn::{
    Normalization,
    models::{
        Direction, EquivariantConfig, IoPath, ModelConfig, OutputConfig, PerGraph, ReadoutRange,
        ScaleGmnConfig, SignInvariant, Symmetry,
    },
};

use crate::running::{Running, random_nets};

/// A configuration, the nets it reads and how many at once.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) config: ScaleGmnConfig,
    pub(crate) spec: Arc<NetSpec>,
    pub(crate) batch_size: usize,
    /// Nets at once when the plain twin runs, which keeps every intermediate result.
    pub(crate) twin_batch_size: usize,
    /// Parameters of the published model.
    pub(crate) n_params: Option<usize>,
}

impl Case {
    /// The model, ready to be trained.
    pub(crate) fn running(&self) -> Running {
        let normalization = Normalization::fit(&random_nets(&self.spec, 16));
        let config = ModelConfig::ScaleGmn(self.config.clone());
        let running = Running::new(&config, std::slice::from_ref(&self.spec), normalization);
        if let Some(n_params) = self.n_params {
            assert_eq!(running.n_params(), n_params, "{} is not the published configuration", self.name);
        }
        running
    }
}

/// The case of a name.
pub(crate) fn case(name: &str) -> Case {
    let cases = [quick(), mnist(), mnist_full_graph(), mnist_bidirectional(), cnn_zoo_relu(), editing()];
    let names = cases.each_ref().map(|case| case.name);
    let found = cases.into_iter().find(|case| case.name == name);
    found.unwrap_or_else(|| panic!("expected a case of {names:?}, found {name}"))
}

fn quick() -> Case {
    Case {
        name: "quick",
        config: gated(Direction::Forward, 32, false),
        spec: inr(32),
        batch_size: 64,
        twin_batch_size: 32,
        n_params: None,
    }
}

fn mnist() -> Case {
    Case {
        name: "mnist",
        config: ScaleGmnConfig { dropout: 0.2, ..gated(Direction::Forward, 128, false) },
        spec: inr(32),
        batch_size: 64,
        twin_batch_size: 16,
        n_params: Some(1_772_042),
    }
}

/// The same with a read-out of all nodes: nothing may be skipped.
fn mnist_full_graph() -> Case {
    let mut case = Case { name: "mnist-full-graph", n_params: None, ..mnist() };
    if let OutputConfig::PerGraph(output) = &mut case.config.output {
        output.readout = ReadoutRange::FullGraph;
    }
    case
}

fn mnist_bidirectional() -> Case {
    Case {
        name: "mnist-bidirectional",
        config: ScaleGmnConfig { dropout: 0.2, ..gated(Direction::Bidirectional, 128, true) },
        spec: inr(32),
        batch_size: 32,
        twin_batch_size: 4,
        n_params: Some(3_089_162),
    }
}

fn cnn_zoo_relu() -> Case {
    let readout = PerGraph { readout: ReadoutRange::LastLayer, d_out: 1, d_rho: 128, mlp_directions: false };
    Case {
        name: "cnn-zoo-relu",
        config: ScaleGmnConfig {
            n_layers: 4,
            node_skip: false,
            output: OutputConfig::PerGraph(readout),
            ..ScaleGmnConfig::new(Symmetry::Scale, Direction::Forward, 128, 1)
        },
        spec: Arc::new(NetSpec::cnn_zoo(&[1, 16, 16, 16, 10], Activation::Relu).unwrap()),
        batch_size: 32,
        twin_batch_size: 8,
        n_params: Some(1_356_801),
    }
}

fn editing() -> Case {
    let net = EquivariantConfig { n_layers: 1, io: IoPath::Mlp, n_mlps: 3, positional: false };
    Case {
        name: "editing",
        config: ScaleGmnConfig {
            n_layers: 10,
            sign_invariant: SignInvariant::Absolute,
            message: net,
            update: net,
            dropout: 0.1,
            mlp_dropout: 0.1,
            output: OutputConfig::PerParam { initial_scale: 0.01, n_copies: 1 },
            ..ScaleGmnConfig::new(Symmetry::Sign, Direction::Forward, 128, 1)
        },
        spec: inr(32),
        batch_size: 16,
        twin_batch_size: 4,
        n_params: Some(4_002_058),
    }
}

/// A sine network with two hidden layers, from pixels to gray.
pub(crate) fn inr(n_hidden: usize) -> Arc<NetSpec> {
    let widths = [2, n_hidden, n_hidden, 1];
    Arc::new(NetSpec::mlp(&widths, Activation::Sine { omega: 30.0 }, 0.5).unwrap())
}

/// The classifier of INRs: four layers, gated inputs and outputs.
pub(crate) fn gated(direction: Direction, d: usize, positional: bool) -> ScaleGmnConfig {
    let net = EquivariantConfig { n_layers: 1, io: IoPath::Gated, n_mlps: 2, positional };
    ScaleGmnConfig {
        n_layers: 4,
        edge_embedding: !positional,
        node_skip: !positional,
        message: net,
        update: net,
        ..ScaleGmnConfig::new(Symmetry::Sign, direction, d, 10)
    }
}
