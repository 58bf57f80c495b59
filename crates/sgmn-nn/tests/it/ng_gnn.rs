//! NG-GNN: blind to the order of hidden units in both directions and for both heads, and to nothing else.

use sgmn_graph::Activation;
use sgmn_nn::{
    Generator, ProbeConfig,
    models::{Direction, HeadConfig, ModelConfig, NgGnnConfig},
    render::COORDINATES,
};
use sgmn_symmetry::Symmetry;

use crate::{
    claims::{Nets, hold, symmetry_breaks},
    setup::DIRECTIONS,
};

fn config(direction: Direction, output: HeadConfig) -> ModelConfig {
    ModelConfig::NgGnn(NgGnnConfig {
        direction,
        d_hidden: 6,
        n_layers: 3,
        d_mlp: vec![7],
        layer_norm: true,
        dropout: 0.0,
        probes: None,
        output,
    })
}

#[test]
fn it_is_blind_to_the_order_of_units_whatever_it_returns() {
    for direction in DIRECTIONS {
        for output in [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }] {
            hold(&format!("ng_gnn {direction:?}"), &config(direction, output), &[Nets::Mlps, Nets::Cnns]);
        }
    }
}

#[test]
fn what_units_answer_to_probes_keeps_that() {
    for (kind, image) in [(Nets::Mlps, None), (Nets::Cnns, Some([7, 8]))] {
        for output in [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }] {
            let ModelConfig::NgGnn(mut config) = config(Direction::Forward, output) else { unreachable!() };
            config.probes =
                Some(ProbeConfig { n: 3, image, coordinates: COORDINATES, generator: Generator::Free {} });
            hold("ng_gnn with probes", &ModelConfig::NgGnn(config), &[kind]);
        }
    }
}

#[test]
fn signs_and_scales_change_what_it_returns() {
    for output in [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }] {
        let config = config(Direction::Bidirectional, output);
        for kind in [Nets::Mlps, Nets::Cnns] {
            assert!(symmetry_breaks(&config, kind, Activation::Tanh, Symmetry::Sign));
            assert!(symmetry_breaks(&config, kind, Activation::Relu, Symmetry::Positive));
        }
    }
}
