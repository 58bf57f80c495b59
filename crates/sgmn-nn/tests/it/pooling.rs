//! Nets that pool between their convolutions: every model reads them, and claims no sign that a maximum takes away.

use std::sync::Arc;

use candle_core::{DType, Device};
use sgmn_graph::{Activation, Batch, LayerSpec, Lowering, Net, NetSpec, Seed, testing};
use sgmn_nn::{
    Normalization, Pass, Start,
    equivariance::symmetry_error,
    layers::Scalings,
    models::{Model, ModelConfig, ScaleGmnConfig},
    testing::{Example, Nets, examples},
};
use sgmn_symmetry::{Element, LayerElement, check::Trials, tolerance};

use crate::setup::{DIRECTIONS, build, build_any, device, nets};

/// The CNNs of the examples with pooling around both of their convolutions, which reads the same images.
fn pooled(kind: &str, activation: Activation) -> Vec<Arc<NetSpec>> {
    let words = [format!("{kind}:2:1:1:after"), format!("{kind}:2x1:before")];
    let pool = |spec: Arc<NetSpec>| {
        let layers = spec
            .layers()
            .iter()
            .enumerate()
            .map(|(l, layer)| LayerSpec { pool: words.get(l).map(|word| word.parse().unwrap()), ..*layer });
        Arc::new(NetSpec::new(layers.collect(), 0.0).unwrap())
    };
    Nets::Cnns.specs(activation).into_iter().map(pool).collect()
}

#[test]
fn every_model_keeps_the_symmetries_that_it_claims_on_nets_that_pool() {
    for Example { name, config, nets: kind } in examples() {
        if kind != Nets::Cnns {
            continue;
        }
        for activation in [Activation::Tanh, Activation::Relu, Activation::Gaussian] {
            for specs in ["max", "mean"].map(|kind| pooled(kind, activation)) {
                let nets = nets(Seed::new(5), &specs, 2);
                let (model, _, lowering) = build_any(&config, &specs, Normalization::fit(&nets), DType::F64);
                for symmetry in config.blueprint().respected() {
                    let trials = Trials::new(Seed::new(6), &[*symmetry], 2);
                    let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &device());
                    let report = report.unwrap();
                    let hidden = &specs[0].layers()[..2];
                    let acts = hidden.iter().any(|layer| symmetry.applies(layer.nonlinearity()));
                    let case = format!("{name}, {}, {symmetry}: {report}", specs[0].fingerprint());
                    assert_eq!(report.n_moving > 0, acts, "{case}");
                    assert!(!acts || report.within(tolerance::MODEL_F64), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_mixture_takes_the_group_of_every_activation_and_its_pooling() {
    for activation in testing::ACTIVATIONS {
        for specs in ["max", "mean"].map(|kind| pooled(kind, activation)) {
            for direction in DIRECTIONS {
                let config = ScaleGmnConfig::new(Scalings::Own, direction, 6, 2);
                let nets = nets(Seed::new(5), &specs, 2);
                let (model, _, lowering) = build(&config, &specs, Normalization::none(), DType::F64);
                let trials = Trials::new(Seed::new(6), Scalings::Own.respected(), 2);
                let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &device());
                let report = report.unwrap();
                assert!(report.within(tolerance::MODEL_F64), "{activation}, {direction:?}: {report}");
            }
        }
    }
}

/// By how much the output changes when units of the first layer are negated as a net without a maximum allows it.
fn change_by_signs(model: &dyn Model, net: &Net, lawful: &Arc<NetSpec>) -> f64 {
    let n_units = |l: usize| net.spec().widths()[l];
    let flip = (0..n_units(1)).map(|i| if i % 2 == 0 { -1.0 } else { 1.0 }).collect();
    let layers = vec![LayerElement::scale(flip).unwrap(), LayerElement::identity(n_units(2))];
    let as_lawful = Net::new(lawful.clone(), net.params().to_vec()).unwrap();
    let moved = Element::new(layers).act_on_net(&as_lawful).unwrap();
    let moved = Net::new(net.spec().clone(), moved.params().to_vec()).unwrap();
    let outputs = [net.clone(), moved].map(|net| {
        let batch = Batch::from_nets(&[net], DType::F64, &device()).unwrap();
        model.forward(&batch, &Pass::eval()).unwrap().of_nets(&batch).unwrap().swap_remove(0)
    });
    let largest = outputs[0].iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    outputs[0].iter().zip(&outputs[1]).fold(0.0, |worst: f64, (a, b)| worst.max((a - b).abs() / largest))
}

#[test]
fn signs_are_seen_behind_a_maximum_and_ignored_behind_a_mean() {
    let lawful = pooled("mean", Activation::Tanh).remove(0);
    for direction in DIRECTIONS {
        // As many rounds as nets have layers, and factors around 1: otherwise little of the first weights is heard.
        let config = ScaleGmnConfig {
            n_rounds: 3,
            start: Start::Balanced,
            ..ScaleGmnConfig::new(Scalings::Own, direction, 6, 2)
        };
        for (kind, ignores) in [("max", false), ("mean", true)] {
            let specs = pooled(kind, Activation::Tanh);
            let net = nets(Seed::new(5), &specs, 1).remove(0);
            let (model, ..) = build(&config, &specs, Normalization::none(), DType::F64);
            let change = change_by_signs(&*model, &net, &lawful);
            assert_eq!(change < tolerance::MODEL_F64, ignores, "{kind}, {direction:?}: {change:e}");
            assert!(ignores || change > 1e-5, "{kind}, {direction:?}: {change:e}");
        }
    }
}

#[test]
fn a_model_of_signs_is_refused_where_a_maximum_takes_them() {
    let config = ModelConfig::ScaleGmn(ScaleGmnConfig::new(Scalings::Sign, DIRECTIONS[0], 6, 2));
    let build = |kind| {
        let lowering = Lowering::new(&pooled(kind, Activation::Tanh)).unwrap();
        config.build(&lowering, Normalization::none(), Seed::new(1), DType::F32, &Device::Cpu).map(drop)
    };
    let message = build("max").unwrap_err().to_string();
    assert!(
        message.contains("found tanh, max:2:1:1:after, which commutes with no number but 1"),
        "{message}"
    );
    build("mean").unwrap();
}
