//! Trains a ScaleGMN to tell apart sine nets by looking at their weights only: slow, medium and fast waves.
//!
//! Run with `cargo run -p sgmn-nn --example 03_train_tiny`; it takes some seconds.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{error::Error, sync::Arc};

use candle_core::{DType, Device, Tensor};
use rand::RngExt;
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization, Pass,
    loss::cross_entropy,
    models::{Direction, ModelConfig, Output, ScaleGmnConfig, Symmetry},
    optim::{AdamW, AdamWConfig, Gradients, Warmup, clip_by_global_norm},
};
use sgmn_symmetry::{Ranges, augment_net};

/// A net `Σ_i v_i sin(30 (w_i x + b_i))` whose frequencies w lie around one of three, its units in random order and
/// with random signs: the class cannot be read off any single weight.
fn wave(seed: Seed, spec: &Arc<NetSpec>, class: u32) -> Result<Net, Box<dyn Error>> {
    let mut rng = seed.rng();
    let mut params: Vec<f64> = (0..spec.n_params()).map(|_| rng.random_range(-0.3..0.3)).collect();
    for weight in &mut params[spec.weight_range(0)] {
        *weight = [0.10, 0.14, 0.18][class as usize] * rng.random_range(0.3..1.7);
    }
    let net = Net::new(spec.clone(), params)?;
    Ok(augment_net(seed, &net, Symmetry::Sign.respected(), &Ranges::default())?)
}

/// Nets of all classes in turns, and their classes.
fn waves(seed: Seed, spec: &Arc<NetSpec>, n_nets: u32) -> Result<(Vec<Net>, Tensor), Box<dyn Error>> {
    let nets = (0..n_nets).map(|i| wave(seed.index(i.into()), spec, i % 3)).collect::<Result<_, _>>()?;
    Ok((nets, Tensor::new((0..n_nets).map(|i| i % 3).collect::<Vec<u32>>(), &Device::Cpu)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let seed = Seed::new(7);
    let spec = Arc::new(NetSpec::mlp(&[1, 16, 1], Activation::Sine { omega: 30.0 }, 0.0)?);
    let (held_out, expected) = waves(seed.child("held out"), &spec, 300)?;
    let (all, _) = waves(seed.child("train"), &spec, 300)?;

    let config = ModelConfig::ScaleGmn(ScaleGmnConfig::new(Symmetry::Sign, Direction::Forward, 16, 3));
    let (lowering, normalization) = (Lowering::new([&spec])?, Normalization::fit(&all));
    let (model, vars) = config.build(&lowering, normalization, seed, DType::F32, &Device::Cpu)?;
    let mut optimizer = AdamW::new(AdamWConfig::new(0.01), &vars)?;
    let warmup = Warmup { learning_rate: 5e-3, n_steps: 20 };
    println!("{} learned numbers read nets of {} parameters", vars.n_params(), spec.n_params());

    let logits = |nets: &[Net], pass: &Pass| -> sgmn_nn::Result<Tensor> {
        let batch = Batch::from_nets(nets, DType::F32, &Device::Cpu)?;
        match model.forward(&batch, pass)? {
            Output::PerGraph(rows) => Ok(rows),
            Output::PerParam(_) => unreachable!("the configuration asks for numbers for each net"),
        }
    };
    for step in 0..=200 {
        // New nets in every step: there is nothing to learn by heart.
        let (nets, classes) = waves(seed.child("train").index(step), &spec, 48)?;
        let loss = cross_entropy(&logits(&nets, &Pass::train(seed.child("step").index(step)))?, &classes)?;
        let mut gradients = Gradients::of(&vars, &*model, &loss.backward()?)?;
        clip_by_global_norm(&mut gradients, 10.0)?;
        optimizer.step(&vars, &gradients, warmup.rate(step))?;
        if step % 25 == 0 {
            let found = logits(&held_out, &Pass::eval())?.argmax(1)?;
            let right = found.eq(&expected)?.to_dtype(DType::F32)?.mean_all()?.to_scalar::<f32>()?;
            println!(
                "step {step:3}   loss {:.3}   held-out accuracy {:.0} %",
                loss.to_scalar::<f32>()?,
                100.0 * right
            );
        }
    }
    Ok(())
}
