//! One model for nets of different widths, depths and activations, which may change from layer to layer inside a net.
//!
//! A model of mixtures (`Scalings::Own`) asks every hidden layer for its own activation, so each unit has the
//! scalings that are its own: ±1 at sines and tanh, positive numbers at ReLUs.
//!
//! Run with `cargo run -p sgmn-nn --example 05_mixed_nets`; it takes some seconds.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{error::Error, sync::Arc};

use candle_core::{DType, Device, Tensor};
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed, eval, testing};
use sgmn_nn::{
    Normalization, Pass, Start,
    equivariance::symmetry_error,
    layers::Scalings,
    loss::cross_entropy,
    models::{Direction, Model, ModelConfig, Output, ScaleGmnConfig},
    optim::{AdamW, AdamWConfig, Gradients, Schedule, clip_by_global_norm},
};
use sgmn_symmetry::check::Trials;

const RELU: Activation = Activation::Relu;
const TANH: Activation = Activation::Tanh;
const SINE: Activation = Activation::Sine { omega: 30.0 };

const N_STEPS: u64 = 240;

fn main() -> Result<(), Box<dyn Error>> {
    // They share their numbers of inputs and outputs, and nothing else.
    let specs = [
        NetSpec::mixed_mlp(&[1, 8, 6, 5, 1], &[RELU, TANH, SINE], 0.0)?,
        NetSpec::mixed_mlp(&[1, 6, 8, 1], &[TANH, RELU], 0.0)?,
        NetSpec::mixed_mlp(&[1, 9, 1], &[SINE], 0.0)?,
        NetSpec::mixed_mlp(&[1, 5, 7, 1], &[RELU, RELU], 0.0)?,
    ]
    .map(Arc::new);
    for direction in [Direction::Forward, Direction::Bidirectional] {
        symmetry(&specs, direction)?;
    }
    training(&specs)
}

/// A model with as many rounds as the deepest net has layers, so that its outputs hear of all weights.
fn config(direction: Direction) -> ModelConfig {
    ModelConfig::ScaleGmn(ScaleGmnConfig {
        n_rounds: 4,
        start: Start::Balanced,
        ..ScaleGmnConfig::new(Scalings::Own, direction, 16, 2)
    })
}

/// How far outputs move under random elements of each net's own group, and under scalings that are not in it.
fn symmetry(specs: &[Arc<NetSpec>], direction: Direction) -> Result<(), Box<dyn Error>> {
    let nets = nets(Seed::new(1), specs, 3 * specs.len())?;
    let lowering = Lowering::new(specs)?;
    let (model, _) = config(direction).build(
        &lowering,
        Normalization::fit(&nets),
        Seed::new(2),
        DType::F64,
        &Device::Cpu,
    )?;
    let trials = Trials::new(Seed::new(3), Scalings::Own.respected(), 5);
    let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &Device::Cpu)?;
    println!("{direction:?}, a model with random variables, f64");
    println!("  random elements of each net's own group move its outputs by {:7.0e} at most", report.worst);
    // The first net of the first architecture: ReLU in layer 1, tanh in layer 2, sine in layer 3.
    for (what, layer, q) in [
        ("a ReLU unit scaled by 3, as it may be", 1, 3.0),
        ("a tanh unit flipped, as it may be", 2, -1.0),
        ("a ReLU unit flipped", 1, -1.0),
        ("a tanh unit scaled by 3", 2, 3.0),
        ("a sine unit scaled by 3", 3, 3.0),
    ] {
        let scaled = scale_unit(&nets[0], layer, q)?;
        let numbers = |net: &Net| -> sgmn_nn::Result<Vec<f64>> {
            let batch = Batch::from_nets(std::slice::from_ref(net), DType::F64, &Device::Cpu)?;
            Ok(model.forward(&batch, &Pass::eval())?.of_nets(&batch)?.remove(0))
        };
        let (a, b) = (numbers(&nets[0])?, numbers(&scaled)?);
        let moved = relative(&a, &b);
        let function = (eval::run(&nets[0], &[0.5])?[0] - eval::run(&scaled, &[0.5])?[0]).abs();
        println!("  {what:40} moves them by {moved:7.0e}, the net's function by {function:7.0e}");
    }
    Ok(())
}

/// The largest difference, in units of the largest number.
fn relative(a: &[f64], b: &[f64]) -> f64 {
    if a.iter().chain(b).any(|value| !value.is_finite()) {
        return f64::INFINITY;
    }
    let largest = a.iter().fold(0.0_f64, |largest, a| largest.max(a.abs()));
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs() / largest))
}

/// Teaches one model to say whether a net rises from −0.5 to 0.5, whatever it is made of.
fn training(specs: &[Arc<NetSpec>]) -> Result<(), Box<dyn Error>> {
    let seed = Seed::new(4);
    let sample = nets(seed.child("train"), specs, 400)?;
    let held_out = nets(seed.child("held out"), specs, 400)?;
    let (lowering, normalization) = (Lowering::new(specs)?, Normalization::fit(&sample));
    let (model, vars) =
        config(Direction::Forward).build(&lowering, normalization, seed, DType::F32, &Device::Cpu)?;
    let mut optimizer = AdamW::new(AdamWConfig::new(0.01), &vars)?;
    let schedule = Schedule::constant(2e-3, 20);
    println!("\nDoes the net rise from -0.5 to 0.5? One model, batches of all architectures.\n");
    println!("             held-out accuracy on nets of hidden layers of");
    println!("step  loss   ReLU tanh sine  tanh ReLU       sine  ReLU ReLU");
    for step in 0..=N_STEPS {
        let batch = nets(seed.child("train").index(step), specs, 128)?;
        let logits = logits(&*model, &batch, &Pass::train(seed.child("step").index(step)))?;
        let loss = cross_entropy(&logits, &rises(&batch)?)?;
        let mut gradients = Gradients::of(&vars, &*model, &loss.backward()?)?;
        clip_by_global_norm(&mut gradients, 10.0)?;
        optimizer.step(&vars, &gradients, schedule.rate(step))?;
        if step % (N_STEPS / 4) == 0 {
            print!("{step:4} {:.3} ", loss.to_scalar::<f32>()?);
            for i in 0..specs.len() {
                let of_spec: Vec<Net> = held_out.iter().skip(i).step_by(specs.len()).cloned().collect();
                let said = self::logits(&*model, &of_spec, &Pass::eval())?.argmax(1)?;
                let right =
                    said.eq(&rises(&of_spec)?)?.to_dtype(DType::F32)?.mean_all()?.to_scalar::<f32>()?;
                print!("{:>width$.0} %", 100.0 * right, width = if i == 0 { 15 } else { 9 });
            }
            println!();
        }
    }
    Ok(())
}

fn logits(model: &dyn Model, nets: &[Net], pass: &Pass) -> sgmn_nn::Result<Tensor> {
    let batch = Batch::from_nets(nets, DType::F32, &Device::Cpu)?;
    match model.forward(&batch, pass)? {
        Output::PerGraph(rows) => Ok(rows),
        Output::PerParam(_) => unreachable!("the configuration asks for numbers for each net"),
    }
}

/// 1 for each net that computes more at 0.5 than at −0.5.
fn rises(nets: &[Net]) -> Result<Tensor, Box<dyn Error>> {
    let rises = |net: &Net| -> sgmn_graph::Result<u32> {
        Ok(u32::from(eval::run(net, &[0.5])?[0] > eval::run(net, &[-0.5])?[0]))
    };
    let classes = nets.iter().map(rises).collect::<Result<Vec<u32>, _>>()?;
    Ok(Tensor::new(classes, &Device::Cpu)?)
}

/// Random nets of the architectures in turns.
fn nets(seed: Seed, specs: &[Arc<NetSpec>], n_nets: usize) -> Result<Vec<Net>, Box<dyn Error>> {
    let turns = specs.iter().cycle().take(n_nets).enumerate();
    Ok(turns.map(|(i, spec)| testing::random_net(seed.index(i as u64), spec)).collect())
}

/// The net with the first unit of a hidden layer scaled, whether its activation admits that or not; an `Element` of
/// `sgmn_symmetry` would refuse the latter.
fn scale_unit(net: &Net, layer: usize, q: f64) -> sgmn_graph::Result<Net> {
    let (spec, mut params) = (net.spec(), net.params().to_vec());
    let (n_in, n_units) = (spec.widths()[layer - 1], spec.widths()[layer]);
    let before = spec.weight_range(layer - 1).start;
    params[before..before + n_in].iter_mut().for_each(|w| *w *= q);
    params[spec.bias_range(layer - 1).start] *= q;
    params[spec.weight_range(layer)].iter_mut().step_by(n_units).for_each(|w| *w /= q);
    Net::new(spec.clone(), params)
}
