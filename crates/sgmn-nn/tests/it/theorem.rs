//! The construction of `examples/04_simulate_a_net`: a ScaleGMN runs the nets that it reads, forward and backward.

#[path = "../../examples/04_simulate_a_net/simulation/mod.rs"]
mod simulation;

use std::sync::Arc;

use candle_core::{DType, Device};
use sgmn_graph::{Activation, Net, NetSpec, Seed, testing};
use sgmn_nn::{
    equivariance::symmetry_error,
    layers::Scalings,
    tolerance::{SIMULATED_GATE, SIMULATED_RELU, SIMULATED_SMOOTH},
};
use sgmn_symmetry::{check::Trials, tolerance};
use simulation::{
    Sample, Simulation, Wanted,
    gate::Gate,
    param_gradients, reach,
    reference::{activations, error, gradients},
};

const RELU: Activation = Activation::Relu;
const LEAKY: Activation = Activation::LeakyRelu { slope: 0.1 };
const TANH: Activation = Activation::Tanh;
const SINE: Activation = Activation::Sine { omega: 30.0 };

/// Widths from one unit to nine, depths from no hidden layer to four.
const SHAPES: [&[usize]; 6] =
    [&[3, 2], &[1, 1, 1], &[3, 9, 2], &[2, 5, 4, 1], &[4, 3, 1, 6, 2], &[2, 7, 6, 5, 4, 3]];

/// Random nets of a shape whose hidden layers take turns among activations, and what they are run on.
fn nets(widths: &[usize], turns: &[Activation]) -> (Vec<Net>, Sample) {
    let hidden: Vec<Activation> = turns.iter().copied().cycle().take(widths.len() - 2).collect();
    let spec = Arc::new(NetSpec::mixed_mlp(widths, &hidden, 0.25).unwrap());
    let target = (0..widths[widths.len() - 1]).map(|i| (i as f64).cos()).collect();
    let sample = Sample { input: testing::input_values(Seed::new(20), &spec), target };
    ((0..4).map(|i| testing::random_net(Seed::new(21).index(i), &spec)).collect(), sample)
}

fn build(nets: &[Net], sample: &Sample, wanted: Wanted, n_rounds: usize) -> Simulation {
    let reach = nets.iter().map(|net| reach(net, &sample.input)).fold(0.0, f64::max);
    Simulation::new(nets[0].spec(), sample, wanted, n_rounds, reach).unwrap()
}

fn run(nets: &[Net], sample: &Sample, wanted: Wanted) -> Vec<Vec<Vec<f64>>> {
    let n_rounds = wanted.n_rounds(nets[0].spec().layers().len());
    build(nets, sample, wanted, n_rounds).run(nets).unwrap()
}

#[test]
fn gates_make_activations_of_products() {
    let plain_sine = Activation::Sine { omega: 1.0 };
    for activation in [RELU, LEAKY, TANH, plain_sine, Activation::Sine { omega: -3.0 }] {
        for reach in [0.01, 0.3, 1.0, 4.0, 10.0, 25.0] {
            let gate = Gate::of_activation(activation, reach).unwrap();
            let derivative = Gate::of_derivative(activation, reach);
            let is_odd = derivative.is_some();
            for i in -1000..=1000_i32 {
                let z = reach * f64::from(i) / 1000.0;
                let canonical = if is_odd { z.abs() } else { f64::from(i.signum()) };
                let wrong = (z * gate.at(canonical) - activation.value(z)).abs();
                assert!(
                    wrong < SIMULATED_GATE * reach.max(1.0),
                    "{activation:?} at {z} of {reach}: {wrong:.1e}"
                );
                let slope = match activation {
                    TANH => 1.0 - z.tanh().powi(2),
                    Activation::Sine { omega } => omega * (omega * z).cos(),
                    _ => continue,
                };
                let wrong = (derivative.as_ref().unwrap().at(canonical) - slope).abs();
                assert!(
                    wrong < SIMULATED_GATE * 3.0,
                    "derivative of {activation:?} at {z} of {reach}: {wrong:.1e}"
                );
            }
        }
    }
}

#[test]
fn messages_carry_out_the_forward_pass() {
    for (turns, tolerance) in [
        (&[RELU][..], SIMULATED_RELU),
        (&[LEAKY], SIMULATED_RELU),
        (&[TANH], SIMULATED_SMOOTH),
        (&[SINE], SIMULATED_SMOOTH),
        (&[RELU, TANH], SIMULATED_SMOOTH),
        (&[LEAKY, SINE], SIMULATED_SMOOTH),
    ] {
        let mut worst = 0.0_f64;
        // Values after a ReLU have no bound but the weights', so deep mixtures would need very long fits.
        let n_shapes = if turns.len() > 1 { 4 } else { SHAPES.len() };
        for widths in &SHAPES[..n_shapes] {
            let (nets, sample) = nets(widths, turns);
            for (net, found) in nets.iter().zip(run(&nets, &sample, Wanted::Activations)) {
                for (found, expected) in found.iter().zip(activations(net, &sample.input).unwrap()) {
                    worst = worst.max(error(found, &expected));
                }
            }
        }
        println!("forward pass, {turns:?}: {worst:.1e}");
        assert!(worst < tolerance, "{turns:?}: {worst:.1e}");
    }
}

#[test]
fn messages_carry_out_the_backward_pass() {
    for activation in [TANH, SINE] {
        let mut worst = 0.0_f64;
        for widths in SHAPES {
            let (nets, sample) = nets(widths, &[activation]);
            let values = run(&nets, &sample, Wanted::Activations);
            let deltas = run(&nets, &sample, Wanted::Gradients);
            for (net, (values, deltas)) in nets.iter().zip(values.iter().zip(&deltas)) {
                let found = param_gradients(&sample.input, values, deltas);
                let expected = gradients(net, &sample).unwrap();
                let spec = net.spec();
                for l in 0..spec.layers().len() {
                    for range in [spec.weight_range(l), spec.bias_range(l)] {
                        worst = worst.max(error(&found[range.clone()], &expected[range]));
                    }
                }
            }
        }
        println!("backward pass, {activation:?}: {worst:.1e}");
        assert!(worst < SIMULATED_SMOOTH, "{activation:?}: {worst:.1e}");
    }
}

#[test]
fn each_round_settles_one_layer_on_the_way_there_and_one_on_the_way_back() {
    let n_layers = 4;
    let (nets, sample) = nets(&[2, 6, 5, 4, 2], &[TANH]);
    let net = &nets[..1];
    let values = activations(&net[0], &sample.input).unwrap();
    let all = gradients(&net[0], &sample).unwrap();
    for round in 1..=2 * n_layers - 1 {
        let found = [Wanted::Activations, Wanted::Gradients]
            .map(|wanted| build(net, &sample, wanted, round).run(net).unwrap().remove(0));
        for l in 1..=n_layers {
            let is_right = error(&found[0][l - 1], &values[l - 1]) < SIMULATED_SMOOTH;
            assert_eq!(is_right, l <= round, "value of layer {l} after round {round}");
            let expected = &all[net[0].spec().bias_range(l - 1)];
            let is_right = error(&found[1][l - 1], expected) < SIMULATED_SMOOTH;
            assert_eq!(is_right, 2 * n_layers - l <= round, "gradient of layer {l} after round {round}");
        }
    }
}

#[test]
fn values_and_gradients_move_with_the_units() {
    for (turns, wanted) in [
        (&[RELU][..], Wanted::Activations),
        (&[TANH, LEAKY], Wanted::Activations),
        (&[SINE], Wanted::Activations),
        (&[TANH], Wanted::Gradients),
    ] {
        let (nets, sample) = nets(&[2, 7, 6, 5, 4, 3], turns);
        let simulation = build(&nets, &sample, wanted, wanted.n_rounds(5));
        let trials = Trials::new(Seed::new(22), Scalings::Own.respected(), 3);
        let report = symmetry_error(
            &*simulation.model,
            &trials,
            &nets,
            &simulation.lowering,
            DType::F64,
            &Device::Cpu,
        )
        .unwrap();
        println!("{turns:?}, {wanted:?}: {report}");
        assert!(report.within(tolerance::MODEL_F64), "{turns:?}, {wanted:?}: {report}");
    }
}

#[test]
fn what_cannot_be_constructed_is_refused() {
    let sample = Sample { input: vec![1.0, 2.0], target: vec![0.0] };
    let refusal = |spec: NetSpec, wanted| {
        let error = Simulation::new(&Arc::new(spec), &sample, wanted, 3, 1.0).err().unwrap();
        error.to_string()
    };
    let rectified = refusal(NetSpec::mixed_mlp(&[2, 3, 1], &[RELU], 0.0).unwrap(), Wanted::Gradients);
    assert!(rectified.contains("whose gradients scale as features do, found [Relu]"), "{rectified}");
    let two = refusal(NetSpec::mixed_mlp(&[2, 3, 3, 1], &[TANH, SINE], 0.0).unwrap(), Wanted::Activations);
    assert!(two.contains("one of tanh or sine"), "{two}");
    let even =
        refusal(NetSpec::mixed_mlp(&[2, 3, 1], &[Activation::Gelu], 0.0).unwrap(), Wanted::Activations);
    assert!(even.contains("found [Gelu]"), "{even}");
    let wide = refusal(NetSpec::mixed_mlp(&[3, 3, 1], &[TANH], 0.0).unwrap(), Wanted::Activations);
    assert!(wide.contains("as many inputs and outputs as the sample has"), "{wide}");
    // The first layer of a net alone ends in a tanh.
    let whole = NetSpec::mlp(&[2, 1, 1], TANH, 0.0).unwrap();
    let squashed = refusal(NetSpec::new(whole.layers()[..1].to_vec(), 0.0).unwrap(), Wanted::Activations);
    assert!(squashed.contains("the last without activation"), "{squashed}");
}
