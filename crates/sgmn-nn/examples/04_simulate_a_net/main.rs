//! A model whose messages run the nets that it reads: their forward pass, and the gradients of a loss.
//!
//! The paper's theorem says that ScaleGMN can simulate both passes of its input nets. Here it does: its variables are
//! set by construction, as `simulation/mod.rs` explains, and what comes out is compared with the interpreter of nets
//! and with candle's autograd.
//!
//! Run with `cargo run -p sgmn-nn --example 04_simulate_a_net`; it takes a second.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

mod simulation;

use std::{error::Error, sync::Arc};

use candle_core::{DType, Device};
use sgmn_graph::{Activation, Net, NetSpec, Seed, testing};
use sgmn_nn::{equivariance::symmetry_error, layers::Scalings};
use sgmn_symmetry::check::Trials;
use simulation::{
    Sample, Simulation, Wanted, param_gradients, reach,
    reference::{activations, error, gradients},
};

const RELU: Activation = Activation::Relu;
const LEAKY: Activation = Activation::LeakyRelu { slope: 0.1 };
const TANH: Activation = Activation::Tanh;
const SINE: Activation = Activation::Sine { omega: 30.0 };

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "Twenty random nets a row, read by one constructed model; errors relative to the largest number.\n"
    );
    println!(
        "widths           hidden activations    what comes out                rounds   error   off the orbit"
    );
    row(&[3, 8, 2], &[RELU], Wanted::Activations)?;
    row(&[2, 8, 8, 6, 4, 3], &[LEAKY; 4], Wanted::Activations)?;
    row(&[2, 8, 8, 6, 4, 3], &[TANH; 4], Wanted::Activations)?;
    row(&[2, 10, 10, 1], &[SINE; 2], Wanted::Activations)?;
    row(&[3, 6, 5, 7, 2], &[TANH, RELU, TANH], Wanted::Activations)?;
    row(&[3, 8, 2], &[TANH], Wanted::Gradients)?;
    row(&[2, 8, 8, 6, 4, 3], &[TANH; 4], Wanted::Gradients)?;
    row(&[2, 10, 10, 1], &[SINE; 2], Wanted::Gradients)?;
    waves()
}

/// One architecture: random nets, the constructed model's answer, and how far it is from the truth.
fn row(widths: &[usize], hidden: &[Activation], wanted: Wanted) -> Result<(), Box<dyn Error>> {
    let spec = Arc::new(NetSpec::mixed_mlp(widths, hidden, 0.25)?);
    let sample = sample(&spec);
    let nets: Vec<Net> = (0..20).map(|i| testing::random_net(Seed::new(1).index(i), &spec)).collect();
    let reach = nets.iter().map(|net| reach(net, &sample.input)).fold(0.0, f64::max);
    let build =
        |wanted: Wanted| Simulation::new(&spec, &sample, wanted, wanted.n_rounds(hidden.len() + 1), reach);

    let model = build(wanted)?;
    let mut worst = 0.0_f64;
    let what = match wanted {
        Wanted::Activations => {
            for (net, found) in nets.iter().zip(model.run(&nets)?) {
                worst = worst.max(error(&found.concat(), &activations(net, &sample.input)?.concat()));
            }
            "values of all units"
        }
        Wanted::Gradients => {
            // A bias's gradient is its unit's; a weight's is the product of what its ends hold.
            let values = build(Wanted::Activations)?.run(&nets)?;
            for (net, (values, deltas)) in nets.iter().zip(values.iter().zip(model.run(&nets)?)) {
                let found = param_gradients(&sample.input, values, &deltas);
                worst = worst.max(error(&found, &gradients(net, &sample)?));
            }
            "gradients of all parameters"
        }
    };

    // Transformed nets have transformed values: the construction is a ScaleGMN like any other.
    let trials = Trials::new(Seed::new(2), Scalings::Own.respected(), 2);
    let orbit = symmetry_error(&*model.model, &trials, &nets, &model.lowering, DType::F64, &Device::Cpu)?;
    let mut names: Vec<&str> = hidden.iter().map(|activation| name(*activation)).collect();
    names.dedup();
    println!(
        "{:16} {:21} {what:30} {:>5} {worst:9.0e} {:11.0e}",
        format!("{widths:?}").replace(", ", " "),
        names.join(" "),
        wanted.n_rounds(hidden.len() + 1),
        orbit.worst
    );
    Ok(())
}

/// How the forward pass runs through a net of four layers, and the backward pass back: errors after each round.
fn waves() -> Result<(), Box<dyn Error>> {
    let spec = Arc::new(NetSpec::mlp(&[2, 6, 5, 4, 1], TANH, 0.25)?);
    let sample = sample(&spec);
    let net = testing::random_net(Seed::new(3), &spec);
    let values = activations(&net, &sample.input)?;
    // The derivative by a bias is the derivative by the pre-activation.
    let gradients = gradients(&net, &sample)?;
    let deltas: Vec<_> = (0..4).map(|l| gradients[spec.bias_range(l)].to_vec()).collect();

    println!("\nA net of four layers, round by round; layer 4 is the output.\n");
    println!("round  |  error of the values of layer    |  error of the gradients of layer");
    println!("       |    1       2       3       4     |    1       2       3       4");
    for round in 1..=Wanted::Gradients.n_rounds(4) {
        let mut line = format!("{round:4}   |");
        for (wanted, expected) in [(Wanted::Activations, &values), (Wanted::Gradients, &deltas)] {
            let model = Simulation::new(&spec, &sample, wanted, round, reach(&net, &sample.input))?;
            for (found, expected) in model.run(std::slice::from_ref(&net))?[0].iter().zip(expected) {
                line += &format!("{:8.0e}", error(found, expected));
            }
            line += "  |";
        }
        println!("{}", line.trim_end_matches('|'));
    }
    Ok(())
}

/// An input and a target for nets of a spec.
fn sample(spec: &NetSpec) -> Sample {
    let widths = spec.widths();
    let target = (0..widths[widths.len() - 1]).map(|i| (i as f64).sin()).collect();
    Sample { input: testing::input_values(Seed::new(4), spec), target }
}

fn name(activation: Activation) -> &'static str {
    match activation {
        Activation::Relu => "ReLU",
        Activation::LeakyRelu { .. } => "leaky ReLU",
        Activation::Tanh => "tanh",
        _ => "sine",
    }
}
