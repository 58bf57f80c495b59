//! NG-GNN: blind to the order of hidden units in both directions and for both heads, and to nothing else.

use sgmn_graph::Activation;
use sgmn_nn::{
    Generator, ProbeConfig,
    models::{Direction, HeadConfig, ModelConfig, NgGnnConfig},
    render::COORDINATES,
};
use sgmn_symmetry::Symmetry;

use crate::{
    claims::{Held, Nets, symmetry_breaks},
    setup::DIRECTIONS,
};

fn config(direction: Direction, output: HeadConfig) -> ModelConfig {
    ModelConfig::NgGnn(NgGnnConfig {
        direction,
        d_hidden: 6,
        n_rounds: 3,
        d_mlp: vec![7],
        layer_norm: true,
        dropout: 0.0,
        probes: None,
        output,
    })
}

const OUTPUTS: [HeadConfig; 2] =
    [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }];

/// Both directions, whatever it returns; what units answer to probes keeps its symmetry.
pub(crate) fn held() -> Vec<Held> {
    let mut held = Vec::new();
    for output in OUTPUTS {
        for direction in DIRECTIONS {
            let config = config(direction, output);
            held.push(Held::new(format!("ng_gnn {direction:?}"), config, &[Nets::Mlps, Nets::Cnns]));
        }
        for (kind, image) in [(Nets::Mlps, None), (Nets::Cnns, Some([7, 8]))] {
            let ModelConfig::NgGnn(mut config) = config(Direction::Forward, output) else { unreachable!() };
            config.probes =
                Some(ProbeConfig { n: 3, image, coordinates: COORDINATES, generator: Generator::Free {} });
            held.push(Held::new("ng_gnn with probes", ModelConfig::NgGnn(config), &[kind]));
        }
    }
    held
}

#[test]
fn signs_and_scales_change_what_it_returns() {
    for output in OUTPUTS {
        let config = config(Direction::Bidirectional, output);
        for kind in [Nets::Mlps, Nets::Cnns] {
            assert!(symmetry_breaks(&config, kind, Activation::Tanh, Symmetry::Sign));
            assert!(symmetry_breaks(&config, kind, Activation::Relu, Symmetry::Positive));
        }
    }
}
