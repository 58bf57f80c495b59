//! One model and one batch for nets of different widths, depths and activations, also where activations change inside a
//! net.

use std::sync::Arc;

use candle_core::DType;
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed, eval, testing};
use sgmn_nn::{
    Normalization, Pass, Start,
    equivariance::symmetry_error,
    layers::{Layout, Scalings},
    models::{Model, OutputConfig, ScaleGmnConfig},
    tolerance::SAME,
};
use sgmn_symmetry::{ScaleGroup, check::Trials, tolerance};

use crate::setup::{DIRECTIONS, build, device};

const RELU: Activation = Activation::Relu;
const LEAKY: Activation = Activation::LeakyRelu { slope: 0.1 };
const TANH: Activation = Activation::Tanh;
const SINE: Activation = Activation::Sine { omega: 30.0 };

fn mlp(widths: &[usize], hidden: &[Activation]) -> Arc<NetSpec> {
    Arc::new(NetSpec::mixed_mlp(widths, hidden, 0.0).unwrap())
}

/// Widths, depths and activations of all kinds, some of which share a layer of nodes in the model's variables.
fn architectures() -> Vec<Arc<NetSpec>> {
    vec![
        mlp(&[2, 5, 4, 6, 2], &[RELU, TANH, SINE]),
        mlp(&[2, 3, 4, 2], &[SINE, LEAKY]),
        mlp(&[2, 7, 2], &[TANH]),
        mlp(&[2, 5, 4, 6, 2], &[Activation::Identity, Activation::Gelu, RELU]),
        mlp(&[2, 2], &[]),
    ]
}

/// Nets of all architectures, in turns.
fn nets() -> Vec<Net> {
    let net = |(i, spec): (u64, &Arc<NetSpec>)| testing::random_net(Seed::new(30).index(i), spec);
    (0..).zip(architectures().iter().cycle().take(10)).map(net).collect()
}

fn outputs(model: &dyn Model, nets: &[Net]) -> Vec<Vec<f64>> {
    let batch = Batch::from_nets(nets, DType::F64, &device()).unwrap();
    model.forward(&batch, &Pass::eval()).unwrap().of_nets(&batch).unwrap()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    // A maximum would pass over what is no number.
    if a.iter().chain(b).any(|value| !value.is_finite()) {
        return f64::INFINITY;
    }
    let largest = a.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    a.iter().zip(b).fold(0.0, |worst: f64, (a, b)| worst.max((a - b).abs() / largest))
}

#[test]
fn a_mixed_batch_is_respected_unit_by_unit() {
    for direction in DIRECTIONS {
        let config = ScaleGmnConfig::new(Scalings::Own, direction, 6, 2);
        let changes = OutputConfig::PerParam { initial_scale: 0.5, n_copies: 1 };
        for config in [config.clone(), ScaleGmnConfig { output: changes, ..config }] {
            let (model, _, lowering) =
                build(&config, &architectures(), Normalization::fit(&nets()), DType::F64);
            let trials = Trials::new(Seed::new(31), Scalings::Own.respected(), 4);
            let report = symmetry_error(&*model, &trials, &nets(), &lowering, DType::F64, &device()).unwrap();
            println!("{direction:?}, {:?}: {report}", config.output);
            assert!(report.within(tolerance::MODEL_F64), "{direction:?}: {report}");
        }
    }
}

/// The net with one hidden unit's incoming weights and bias multiplied by q, its outgoing weights divided by q: an
/// element of the unit's group or not, which is why `sgmn_symmetry` does not help here.
fn scale_unit(net: &Net, layer: usize, unit: usize, q: f64) -> Net {
    let (spec, mut params) = (net.spec(), net.params().to_vec());
    let [before, width, after] = [layer - 1, layer, layer + 1].map(|l| spec.widths()[l]);
    for j in 0..before {
        params[spec.weight_range(layer - 1).start + unit * before + j] *= q;
    }
    params[spec.bias_range(layer - 1).start + unit] *= q;
    for i in 0..after {
        params[spec.weight_range(layer).start + i * width + unit] /= q;
    }
    Net::new(spec.clone(), params).unwrap()
}

#[test]
fn of_all_scalings_those_of_a_units_own_activation_are_ignored_and_no_others() {
    for direction in DIRECTIONS {
        // As many rounds as the deepest net has layers, for with fewer the outputs hear nothing of the first weights;
        // and factors around 1, for small ones would leave next to nothing of what comes from far.
        let config = ScaleGmnConfig {
            n_rounds: 4,
            start: Start::Balanced,
            ..ScaleGmnConfig::new(Scalings::Own, direction, 6, 2)
        };
        let (model, ..) = build(&config, &architectures(), Normalization::none(), DType::F64);
        let (mut held, mut moved) = (0.0_f64, f64::INFINITY);
        for net in &nets() {
            let before = outputs(&*model, std::slice::from_ref(net));
            for layer in 1..net.spec().layers().len() {
                let activation = net.spec().layers()[layer - 1].activation;
                for q in [-1.0, 3.0, -0.7] {
                    let other = scale_unit(net, layer, 1, q);
                    let by = distance(&before[0], &outputs(&*model, std::slice::from_ref(&other))[0]);
                    let admits = ScaleGroup::of(activation).admits(q);
                    // The judge of what is right: whether the net still computes the same.
                    let at = [0.3, -0.7];
                    let function = [net, &other].map(|net| eval::run(net, &at).unwrap());
                    assert_eq!(distance(&function[0], &function[1]) < SAME, admits, "{activation:?} by {q}");
                    if admits {
                        held = held.max(by);
                    } else {
                        moved = moved.min(by);
                    }
                    assert_eq!(
                        by < tolerance::MODEL_F64,
                        admits,
                        "{direction:?}, {activation:?} by {q}: {by:.1e}"
                    );
                }
            }
        }
        println!(
            "{direction:?}: own scalings move outputs by {held:.1e} at most, others by {moved:.1e} at least"
        );
    }
}

#[test]
fn a_net_gets_the_same_answer_alone_and_among_others() {
    for direction in DIRECTIONS {
        let config = ScaleGmnConfig::new(Scalings::Own, direction, 6, 2);
        let (model, ..) = build(&config, &architectures(), Normalization::none(), DType::F64);
        let together = outputs(&*model, &nets());
        for (net, among) in nets().iter().zip(&together) {
            let alone = outputs(&*model, std::slice::from_ref(net));
            assert!(distance(&alone[0], among) < SAME, "{direction:?}, widths {:?}", net.spec().widths());
        }
    }
}

#[test]
fn nets_of_other_inputs_or_outputs_are_refused() {
    let known = mlp(&[2, 5, 1], &[TANH]);
    for (other, why) in [
        (
            mlp(&[3, 5, 1], &[TANH]),
            "data: expected nets of 2 inputs and 1 outputs like the first, found widths [3, 5, 1]",
        ),
        (
            mlp(&[2, 5, 2], &[RELU]),
            "data: expected nets of 2 inputs and 1 outputs like the first, found widths [2, 5, 2]",
        ),
    ] {
        let lowering = Lowering::new([&known, &other]).unwrap();
        assert_eq!(Layout::of(&lowering).unwrap_err().to_string(), why);
    }
    let config = ScaleGmnConfig::new(Scalings::Own, DIRECTIONS[0], 6, 2);
    let (model, ..) = build(&config, &[known], Normalization::none(), DType::F64);
    for widths in [&[3, 5, 1][..], &[2, 5, 2], &[2, 5, 5, 1]] {
        let net = testing::random_net(Seed::new(32), &mlp(widths, &vec![TANH; widths.len() - 2]));
        let batch = Batch::from_nets(&[net], DType::F64, &device()).unwrap();
        let message = model.forward(&batch, &Pass::eval()).unwrap_err().to_string();
        let expected =
            format!("nets: expected 2 inputs, 1 outputs and at most 2 layers, found widths {widths:?}");
        assert_eq!(message, expected);
    }
}
