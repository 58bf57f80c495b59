//! NG-GNN: blind to the order of hidden units in both directions and for both heads, and to nothing else.

use sgmn_graph::Activation;
use sgmn_nn::models::{Direction, HeadConfig, ModelConfig, NgGnnConfig};
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
fn signs_and_scales_change_what_it_returns() {
    for output in [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }] {
        let config = config(Direction::Bidirectional, output);
        for kind in [Nets::Mlps, Nets::Cnns] {
            assert!(symmetry_breaks(&config, kind, Activation::Tanh, Symmetry::Sign));
            assert!(symmetry_breaks(&config, kind, Activation::Relu, Symmetry::Positive));
        }
    }
}
