//! The baseline without symmetry.

use sgmn_nn::models::{FlatMlpConfig, HeadConfig, ModelConfig};

use crate::claims::{Nets, hold};

#[test]
fn it_has_no_symmetry_whatever_it_returns() {
    for output in [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }] {
        let config = FlatMlpConfig { d_hidden: vec![16, 8], layer_norm: true, dropout: 0.1, output };
        hold("flat_mlp", &ModelConfig::FlatMlp(config), &[Nets::Mlps, Nets::Cnns]);
    }
}
