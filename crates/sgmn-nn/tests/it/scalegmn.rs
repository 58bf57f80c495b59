//! ScaleGMN among the others: each setting has exactly the symmetries it claims (more in `symmetry.rs`).

use candle_core::DType;
use sgmn_graph::{Activation, Lowering, Seed};
use sgmn_nn::{
    Normalization,
    layers::Scalings,
    models::{Direction, ModelConfig, ScaleGmnConfig},
};

use crate::{
    claims::{Held, Nets},
    setup::{device, plain_mlps},
};

/// Each choice of scalings that ignores the same in all layers.
pub(crate) fn held() -> Vec<Held> {
    let of_scalings = |scalings| {
        let config = ScaleGmnConfig::new(scalings, Direction::Bidirectional, 6, 2);
        Held::new(format!("scalegmn {scalings:?}"), ModelConfig::ScaleGmn(config), &[Nets::Mlps, Nets::Cnns])
    };
    [Scalings::Sign, Scalings::Scale, Scalings::Permutation].map(of_scalings).into()
}

#[test]
fn scalings_that_the_nets_do_not_have_are_refused_unless_they_are_meant() {
    let build = |symmetry, activation, force_symmetry| {
        let config = ScaleGmnConfig::new(symmetry, Direction::Forward, 4, 1);
        let lowering = Lowering::new(&plain_mlps(activation)).unwrap();
        ModelConfig::ScaleGmn(ScaleGmnConfig { force_symmetry, ..config })
            .build(&lowering, Normalization::none(), Seed::new(0), DType::F32, &device())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    for (symmetry, activation) in [
        (Scalings::Scale, Activation::Sine { omega: 30.0 }),
        (Scalings::Sign, Activation::Relu),
        (Scalings::Sign, Activation::Gelu),
    ] {
        let message = build(symmetry, activation, false).unwrap_err();
        assert!(message.starts_with("model.symmetry: expected a symmetry of the nets"), "{message}");
        assert!(message.contains("hidden layer 1: expected an activation"), "{message}");
        build(symmetry, activation, true).unwrap();
    }
    for (symmetry, activation) in [
        (Scalings::Own, Activation::Gelu),
        (Scalings::Permutation, Activation::Relu),
        // Units without activation admit any number but 0.
        (Scalings::Scale, Activation::Identity),
    ] {
        build(symmetry, activation, false).unwrap();
    }
}
