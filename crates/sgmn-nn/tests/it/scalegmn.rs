//! ScaleGMN among the others: each setting has exactly the symmetries it claims (more in `symmetry.rs`).

use candle_core::DType;
use sgmn_graph::{Activation, Lowering, NetSpec, Seed};
use sgmn_nn::{
    Generator, Normalization, ProbeConfig,
    layers::Scalings,
    models::{AnswersConfig, Direction, ModelConfig, ScaleGmnConfig},
    render::COORDINATES,
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
    let sines = |scalings| {
        let config = ScaleGmnConfig::new(scalings, Direction::Bidirectional, 6, 2);
        let config = ScaleGmnConfig { n_sines: 3, ..config };
        Held::new(
            format!("scalegmn {scalings:?} with sines"),
            ModelConfig::ScaleGmn(config),
            &[Nets::Mlps, Nets::Cnns],
        )
    };
    let mut held: Vec<Held> =
        [Scalings::Sign, Scalings::Scale, Scalings::Permutation].map(of_scalings).into();
    held.extend([Scalings::Sign, Scalings::Permutation].map(sines));
    let direct = |scalings| {
        let config = ScaleGmnConfig::new(scalings, Direction::Bidirectional, 6, 2);
        let config = ScaleGmnConfig { edge_features: false, edge_update: false, ..config };
        Held::new(
            format!("scalegmn {scalings:?} without features of edges"),
            ModelConfig::ScaleGmn(config),
            &[Nets::Mlps, Nets::Cnns],
        )
    };
    held.extend([Scalings::Own, Scalings::Sign, Scalings::Scale, Scalings::Permutation].map(direct));
    for (kind, image) in [(Nets::Mlps, None), (Nets::Cnns, Some([7, 8]))] {
        let probes = ProbeConfig { n: 3, image, coordinates: COORDINATES, generator: Generator::Free {} };
        let answers = Some(AnswersConfig { d_hidden: vec![5], dropout: 0.0 });
        let config = ScaleGmnConfig::new(Scalings::Own, Direction::Forward, 6, 2);
        let config = ScaleGmnConfig { probes: Some(probes), answers, ..config };
        held.push(Held::new("scalegmn with probes and answers", ModelConfig::ScaleGmn(config), &[kind]));
    }
    held
}

#[test]
fn sines_and_answers_are_refused_where_they_cannot_be() {
    let base = ScaleGmnConfig::new(Scalings::Own, Direction::Forward, 4, 1);
    let build = |config: ScaleGmnConfig, activation| {
        let lowering = Lowering::new(&plain_mlps(activation)).unwrap();
        ModelConfig::ScaleGmn(config)
            .build(&lowering, Normalization::none(), Seed::new(0), DType::F32, &device())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let sines = ScaleGmnConfig { n_sines: 2, ..base.clone() };
    build(sines.clone(), Activation::Tanh).unwrap();
    let message = build(sines, Activation::Relu).unwrap_err();
    assert!(
        message.starts_with("model.n_sines: expected 0, since units of node layer 1 are scaled"),
        "{message}"
    );
    let answers = Some(AnswersConfig { d_hidden: vec![3], dropout: 0.0 });
    let message = build(ScaleGmnConfig { answers, ..base }, Activation::Tanh).unwrap_err();
    assert!(message.starts_with("model.answers: expected a model with probes"), "{message}");
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

#[test]
fn features_of_too_many_edges_are_refused_by_the_option_that_needs_none() {
    let spec = NetSpec::mlp(&[2, 6000, 6000, 1], Activation::Relu, 0.0).unwrap();
    let lowering = Lowering::new([&std::sync::Arc::new(spec)]).unwrap();
    let config = |edge_features: bool| {
        let config = ScaleGmnConfig::new(Scalings::Scale, Direction::Forward, 32, 2);
        let config = ScaleGmnConfig { edge_features, edge_update: false, ..config };
        ModelConfig::ScaleGmn(config)
    };
    let build = |edge_features: bool| {
        let built = config(edge_features).build(
            &lowering,
            Normalization::none(),
            Seed::new(1),
            DType::F32,
            &device(),
        );
        built.map(|_| ()).map_err(|why| why.to_string())
    };
    let message = build(true).unwrap_err();
    assert!(
        message.starts_with("model.edge_features: expected false for a net of 36018000 edges"),
        "{message}"
    );
    build(false).unwrap();
}
