//! The configurations whose training step is measured, with the nets they read: the published ones and two beside them.

use std::sync::Arc;

use sgmn_graph::{Activation, NetSpec};

use super::{Running, Setting, random_nets};
use crate::{
    Error, Normalization, Result,
    layers::{IoPath, ScaleEqConfig, Scalings, SignInvariant},
    models::{Direction, ModelConfig, OutputConfig, PerGraph, ReadoutRange, ScaleGmnConfig},
};

/// Names of the four published configurations among the cases.
pub const PUBLISHED: [&str; 4] = ["mnist", "mnist-bidirectional", "cnn-zoo-relu", "editing"];

/// Why building an architecture below cannot fail.
const VALID: &str = "the published widths make a valid net";

/// A configuration, the nets it reads and how many at once.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// The model.
    pub config: ScaleGmnConfig,
    /// The architecture of the nets.
    pub spec: Arc<NetSpec>,
    /// Nets in a step on the CPU.
    pub batch_size: usize,
    /// Nets at once when the plain twin runs, which keeps every intermediate result.
    pub twin_batch_size: usize,
    /// Parameters of the published model.
    pub n_params: Option<usize>,
}

impl Case {
    /// The model, ready to be trained.
    ///
    /// # Errors
    /// [`Error::Config`] if it has not as many parameters as were published; if the device refuses.
    pub fn running(&self, setting: &Setting) -> Result<Running> {
        let normalization = Normalization::fit(&random_nets(&self.spec, 16));
        let config = ModelConfig::ScaleGmn(self.config.clone());
        let running = Running::new(&config, std::slice::from_ref(&self.spec), normalization, setting)?;
        match self.n_params {
            Some(n_params) if running.n_params() != n_params => Err(Error::Config {
                field: self.name.to_owned(),
                expected: format!("the {n_params} parameters of the published configuration"),
                found: running.n_params().to_string(),
            }),
            _ => Ok(running),
        }
    }
}

/// The case of a name.
///
/// # Errors
/// [`Error::Config`] if there is none; it lists the names.
pub fn case(name: &str) -> Result<Case> {
    let cases = [quick(), mnist(), mnist_full_graph(), mnist_bidirectional(), cnn_zoo_relu(), editing()];
    let names = cases.each_ref().map(|case| case.name);
    cases.into_iter().find(|case| case.name == name).ok_or_else(|| Error::Config {
        field: "case".to_owned(),
        expected: format!("one of {}", names.join(", ")),
        found: name.to_owned(),
    })
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
    let readout = PerGraph { readout: ReadoutRange::LastLayer, d_out: 1, d_rho: 128 };
    Case {
        name: "cnn-zoo-relu",
        config: ScaleGmnConfig {
            n_rounds: 4,
            node_skip: false,
            output: OutputConfig::PerGraph(readout),
            ..ScaleGmnConfig::new(Scalings::Scale, Direction::Forward, 128, 1)
        },
        spec: Arc::new(NetSpec::cnn_zoo(&[1, 16, 16, 16, 10], Activation::Relu).expect(VALID)),
        batch_size: 32,
        twin_batch_size: 8,
        n_params: Some(1_356_801),
    }
}

fn editing() -> Case {
    let net = ScaleEqConfig { n_layers: 1, io: IoPath::Mlp, n_mlps: 3, positional: false };
    Case {
        name: "editing",
        config: ScaleGmnConfig {
            n_rounds: 10,
            sign_invariant: SignInvariant::Absolute,
            message: net,
            update: net,
            dropout: 0.1,
            mlp_dropout: 0.1,
            output: OutputConfig::PerParam { initial_scale: 0.01, n_copies: 1 },
            ..ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, 128, 1)
        },
        spec: inr(32),
        batch_size: 16,
        twin_batch_size: 4,
        n_params: Some(4_002_058),
    }
}

/// A sine network with two hidden layers, from pixels to gray.
pub fn inr(n_hidden: usize) -> Arc<NetSpec> {
    let widths = [2, n_hidden, n_hidden, 1];
    Arc::new(NetSpec::mlp(&widths, Activation::Sine { omega: 30.0 }, 0.5).expect(VALID))
}

/// The classifier of INRs: four layers, gated inputs and outputs.
pub fn gated(direction: Direction, d: usize, positional: bool) -> ScaleGmnConfig {
    let net = ScaleEqConfig { n_layers: 1, io: IoPath::Gated, n_mlps: 2, positional };
    ScaleGmnConfig {
        n_rounds: 4,
        edge_embedding: !positional,
        node_skip: !positional,
        message: net,
        update: net,
        ..ScaleGmnConfig::new(Scalings::Sign, direction, d, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_configurations_have_as_many_parameters_as_were_published() {
        for name in PUBLISHED {
            let case = case(name).unwrap();
            assert!(case.n_params.is_some(), "{name}");
            case.running(&Setting::default()).unwrap();
        }
        let message = case("mnist-1").unwrap_err().to_string();
        assert!(message.contains("case: expected one of quick, mnist, "), "{message}");
        let wrong = Case { n_params: Some(7), ..case("quick").unwrap() };
        let message = wrong.running(&Setting::default()).err().unwrap().to_string();
        assert!(message.contains("expected the 7 parameters of the published configuration"), "{message}");
    }
}
