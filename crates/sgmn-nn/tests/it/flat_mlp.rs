//! The baseline without symmetry.

use sgmn_nn::models::{FlatMlpConfig, HeadConfig, ModelConfig};

use crate::claims::{Held, Nets};

/// Whatever it returns.
pub(crate) fn held() -> Vec<Held> {
    let of_output = |output| {
        let config = FlatMlpConfig { d_hidden: vec![16, 8], layer_norm: true, dropout: 0.1, output };
        Held::new("flat_mlp", ModelConfig::FlatMlp(config), &[Nets::Mlps, Nets::Cnns])
    };
    [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }].map(of_output).into()
}
