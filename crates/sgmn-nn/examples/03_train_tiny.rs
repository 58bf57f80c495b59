//! Trains a ScaleGMN to tell apart sine nets by looking at their weights only (slow, medium and fast waves), saves it,
//! loads it, and asks it about new nets.
//!
//! Run with `cargo run -p sgmn-nn --example 03_train_tiny`; it takes some seconds.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{collections::BTreeMap, error::Error, sync::Arc};

use candle_core::{DType, Device, Tensor};
use rand::RngExt;
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization, Pass,
    checkpoint::{About, Checkpoint, Header},
    layers::Scalings,
    loss::cross_entropy,
    models::{Direction, ModelConfig, Output, ScaleGmnConfig},
    optim::{AdamW, AdamWConfig, Gradients, Schedule, clip_by_global_norm},
    trained::Answers,
};
use sgmn_symmetry::{Ranges, augment_net};

/// A net `Σ_i v_i sin(30 (w_i x + b_i))` whose frequencies w lie around one of three, its units in random order and
/// with random signs: the class cannot be read off any single weight.
fn wave(seed: Seed, spec: &Arc<NetSpec>, class: usize) -> Result<Net, Box<dyn Error>> {
    let mut rng = seed.rng();
    let mut params: Vec<f64> = (0..spec.n_params()).map(|_| rng.random_range(-0.3..0.3)).collect();
    for weight in &mut params[spec.weight_range(0)] {
        *weight = [0.10, 0.14, 0.18][class] * rng.random_range(0.3..1.7);
    }
    let net = Net::new(spec.clone(), params)?;
    Ok(augment_net(seed, &net, Scalings::Sign.respected(), &Ranges::default())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let seed = Seed::new(7);
    let spec = Arc::new(NetSpec::mlp(&[1, 16, 1], Activation::Sine { omega: 30.0 }, 0.0)?);
    // Nets of all classes in turns.
    let waves = |seed: Seed, n: usize| -> Result<Vec<Net>, Box<dyn Error>> {
        (0..n).map(|i| wave(seed.index(i as u64), &spec, i % 3)).collect()
    };
    let config = ModelConfig::ScaleGmn(ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, 16, 3));
    let normalization = Normalization::fit(&waves(seed.child("train"), 300)?);
    let lowering = Lowering::new([&spec])?;
    let (model, vars) = config.build(&lowering, normalization.clone(), seed, DType::F32, &Device::Cpu)?;
    let mut optimizer = AdamW::new(AdamWConfig::new(0.01), &vars)?;
    let schedule = Schedule::constant(5e-3, 20);
    println!("{} learned numbers read nets of {} parameters", vars.n_params(), spec.n_params());

    let classes = Tensor::new((0..48).map(|i| i % 3).collect::<Vec<u32>>(), &Device::Cpu)?;
    for step in 0..=200 {
        // New nets in every step: there is nothing to learn by heart.
        let batch = Batch::from_nets(&waves(seed.child("train").index(step), 48)?, DType::F32, &Device::Cpu)?;
        let output = model.forward(&batch, &Pass::train(seed.child("step").index(step)))?;
        let Output::PerGraph(logits) = output else { unreachable!("the model answers about whole nets") };
        let loss = cross_entropy(&logits, &classes)?;
        let mut gradients = Gradients::of(&vars, &*model, &loss.backward()?)?;
        clip_by_global_norm(&mut gradients, 10.0)?;
        optimizer.step(&vars, &gradients, schedule.rate(step))?;
        if step % 25 == 0 {
            println!("step {step:3}   loss {:.3}", loss.to_scalar::<f32>()?);
        }
    }

    let (specs, progress) = (vec![spec.as_ref().clone()], serde_json::Value::Null);
    let about =
        Some(About::of(Answers::Classes { names: ["slow", "medium", "fast"].map(Into::into).into() }));
    let header = Header {
        model: config,
        specs,
        graphs: Vec::new(),
        normalization,
        n_steps: optimizer.n_steps(),
        progress,
        about,
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("waves.safetensors");
    Checkpoint { header, vars: vars.snapshot()?, optimizer: BTreeMap::new() }.write(&path)?;

    // From here on the file is all that is needed.
    let trained = Checkpoint::read(&path, &Device::Cpu)?.model(DType::F32, &Device::Cpu)?;
    let answers = trained.predict(&waves(seed.child("held out"), 300)?)?;
    let n_right = (0..300).filter(|i| trained.answers.class(&answers[*i]) == Some(i % 3)).count();
    println!("after saving and loading: {:.0} % of held-out nets right", 100.0 * n_right as f64 / 300.0);
    println!("the first, a slow one: slow, medium, fast with probabilities {:.2?}", answers[0]);
    Ok(())
}
