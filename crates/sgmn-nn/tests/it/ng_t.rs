//! NG-T: blind to the order of hidden units for both heads, and to nothing else.

use sgmn_graph::Activation;
use sgmn_nn::{
    Generator, ProbeConfig,
    models::{HeadConfig, ModelConfig, NgTConfig},
    render::COORDINATES,
};
use sgmn_symmetry::Symmetry;

use crate::claims::{Held, Nets, symmetry_breaks};

fn config(output: HeadConfig) -> NgTConfig {
    NgTConfig {
        d_node: 6,
        d_edge: 5,
        d_attention: 8,
        n_heads: 2,
        d_node_mlp: 7,
        d_edge_mlp: 6,
        n_rounds: 3,
        dropout: 0.0,
        probes: None,
        output,
    }
}

const OUTPUTS: [HeadConfig; 2] =
    [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }];

/// Whatever it returns; what units answer to probes keeps its symmetry.
pub(crate) fn held() -> Vec<Held> {
    let mut held = Vec::new();
    for output in OUTPUTS {
        held.push(Held::new("ng_t", ModelConfig::NgT(config(output)), &[Nets::Mlps, Nets::Cnns]));
        for (kind, image) in [(Nets::Mlps, None), (Nets::Cnns, Some([7, 8]))] {
            let probes =
                Some(ProbeConfig { n: 3, image, coordinates: COORDINATES, generator: Generator::Free {} });
            let config = ModelConfig::NgT(NgTConfig { probes, ..config(output) });
            held.push(Held::new("ng_t with probes", config, &[kind]));
        }
    }
    held
}

#[test]
fn signs_and_scales_change_what_it_returns() {
    for output in OUTPUTS {
        let config = ModelConfig::NgT(config(output));
        for kind in [Nets::Mlps, Nets::Cnns] {
            assert!(symmetry_breaks(&config, kind, Activation::Tanh, Symmetry::Sign));
            assert!(symmetry_breaks(&config, kind, Activation::Relu, Symmetry::Positive));
        }
    }
}

#[test]
fn heads_that_do_not_divide_the_attention_are_refused() {
    let config = NgTConfig { n_heads: 3, ..config(OUTPUTS[0]) };
    let message = ModelConfig::NgT(config).validate().unwrap_err().to_string();
    assert!(message.contains("model.n_heads") && message.contains("divisor"), "{message}");
}
