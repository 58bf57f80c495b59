//! Inr2Vec: no symmetry of nets, blind to the order of rows, and an encoder that learns what nets compute.

use candle_core::DType;
use sgmn_graph::{Activation, Net, Seed};
use sgmn_nn::{
    Normalization, Pass,
    loss::cross_entropy,
    models::{Inr2VecConfig, Model, ModelConfig, Output, Reconstruction, RowRange},
    optim::{AdamW, AdamWConfig, Gradients},
    render::COORDINATES,
    tolerance::SAME,
};

use crate::{
    claims::{Held, Nets},
    gradients::batch_of,
    setup::{build_any, device, mixed_cnns, nets, plain_mlps},
};

fn config(rows: RowRange, reconstruction: Option<Reconstruction>) -> Inr2VecConfig {
    let (d_encoder, d_head) = (vec![16, 12], vec![8]);
    Inr2VecConfig { rows, d_encoder, d_embedding: 10, d_head, dropout: 0.1, d_out: 3, reconstruction }
}

fn reconstruction() -> Option<Reconstruction> {
    Some(Reconstruction {
        n_points: 32,
        weight: 1.0,
        d_hidden: 24,
        n_frequencies: 3,
        coordinates: COORDINATES,
    })
}

/// Its architecture alone, and as a whole.
pub(crate) fn held() -> Vec<Held> {
    let alone = |rows| {
        let config = ModelConfig::Inr2Vec(config(rows, None));
        Held::new("inr2vec, architecture alone", config, &[Nets::Mlps, Nets::Cnns])
    };
    let whole = ModelConfig::Inr2Vec(config(RowRange::Hidden, reconstruction()));
    vec![alone(RowRange::Hidden), alone(RowRange::All), Held::new("inr2vec", whole, &[Nets::Mlps])]
}

#[test]
fn rows_count_as_a_set_and_columns_do_not() {
    let specs = plain_mlps(Activation::Tanh);
    let net = nets(Seed::new(5), &specs, 1).remove(0);
    // Weights between the hidden layers of 2-5-4-1, after the 15 parameters of the first: 4 rows of 5.
    let moved = |from: fn(usize, usize) -> (usize, usize)| {
        let mut params = net.params().to_vec();
        for row in 0..4 {
            for column in 0..5 {
                let (i, j) = from(row, column);
                params[15 + 5 * row + column] = net.params()[15 + 5 * i + j];
            }
        }
        Net::new(specs[0].clone(), params).unwrap()
    };
    let rotated = [moved(|i, j| ((i + 1) % 4, j)), moved(|i, j| (i, (j + 1) % 5))];
    // The first row twice, or the second, and the third: the same set, of which the largest is taken.
    let doubled = [moved(|i, j| ([0, 0, 1, 2][i], j)), moved(|i, j| ([0, 1, 1, 2][i], j))];
    let all = [vec![net.clone()], rotated.to_vec(), doubled.to_vec()].concat();
    for rows in [RowRange::Hidden, RowRange::All] {
        let config = ModelConfig::Inr2Vec(config(rows, None));
        let (model, ..) = build_any(&config, &specs, Normalization::none(), DType::F64);
        let out = rows_of(&*model, &all, &Pass::eval());
        let apart =
            |i: usize, j: usize| out[i].iter().zip(&out[j]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart(0, 1) < SAME && apart(0, 2) > 1e-4, "{rows:?}: {} and {}", apart(0, 1), apart(0, 2));
        assert!(apart(3, 4) < SAME, "{rows:?}: {}", apart(3, 4));
    }
}

fn rows_of(model: &dyn Model, nets: &[Net], pass: &Pass) -> Vec<Vec<f64>> {
    let batch = batch_of(&[nets[0].spec().clone()], nets);
    let Output::PerGraph(rows) = model.forward(&batch, pass).unwrap() else { panic!("expected rows") };
    rows.to_vec2().unwrap()
}

#[test]
fn training_steps_make_the_reconstruction_loss_fall_and_reach_every_variable() {
    let specs = plain_mlps(Activation::Sine { omega: 3.0 });
    let nets = nets(Seed::new(2), &specs, 6);
    let batch = batch_of(&specs, &nets);
    let config = ModelConfig::Inr2Vec(config(RowRange::All, reconstruction()));
    let (model, vars, _) = build_any(&config, &specs, Normalization::fit(&nets), DType::F64);
    let classes = candle_core::Tensor::new(&[0u32, 1, 2, 0, 1, 2], &device()).unwrap();
    let mut optimizer = AdamW::new(AdamWConfig::new(0.0), &vars).unwrap();
    let mut losses = Vec::new();
    for step in 0..300 {
        let pass = Pass::train(Seed::new(9).index(step));
        let Output::PerGraph(rows) = model.forward(&batch, &pass).unwrap() else { panic!("expected rows") };
        let [own] = <[_; 1]>::try_from(pass.take_losses()).unwrap();
        losses.push(own.to_scalar::<f64>().unwrap());
        let task = cross_entropy(&rows, &classes).unwrap();
        let only_task = task.backward().unwrap();
        let total = (task + own).unwrap().backward().unwrap();
        for (name, var) in vars.iter().filter(|_| step == 0) {
            assert_eq!(only_task.get(var).is_some(), name.starts_with("head."), "{name} and the task's loss");
            assert!(total.get(var).is_some(), "{name} lacks a gradient in training");
        }
        optimizer.step(&vars, &Gradients::of(&vars, &*model, &total).unwrap(), 3e-3).unwrap();
    }
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses[..20]), mean(&losses[280..]));
    println!("reconstruction: {first:.2e}, then {last:.2e}");
    assert!(last < 0.2 * first, "{first} then {last}");
}

#[test]
fn chance_repeats_with_its_seed_and_prediction_adds_no_loss() {
    let specs = plain_mlps(Activation::Tanh);
    let nets = nets(Seed::new(2), &specs, 2);
    let batch = batch_of(&specs, &nets);
    let config = ModelConfig::Inr2Vec(config(RowRange::Hidden, reconstruction()));
    let (model, ..) = build_any(&config, &specs, Normalization::none(), DType::F64);
    let loss = |pass: Pass| -> Vec<f64> {
        model.forward(&batch, &pass).unwrap();
        pass.take_losses().iter().map(|loss| loss.to_scalar().unwrap()).collect()
    };
    let train = |seed: u64| loss(Pass::train(Seed::new(seed)));
    assert_eq!(train(1), train(1));
    assert_ne!(train(1), train(2));
    assert!(loss(Pass::eval()).is_empty());
}

#[test]
fn nets_that_cannot_be_read_are_refused() {
    let refusal = |config: Inr2VecConfig, specs: &[_]| {
        let lowering = sgmn_graph::Lowering::new(specs).unwrap();
        let built = ModelConfig::Inr2Vec(config).build(
            &lowering,
            Normalization::none(),
            Seed::new(0),
            DType::F32,
            &device(),
        );
        built.err().unwrap().to_string()
    };
    let cnns = mixed_cnns(sgmn_nn::layers::Scalings::Sign);
    let message = refusal(config(RowRange::All, None), &cnns);
    assert!(message.contains("found 2 architectures"), "{message}");
    let message = refusal(config(RowRange::All, reconstruction()), &cnns[..1]);
    assert!(message.contains("linear layers alone"), "{message}");
    let shallow = sgmn_graph::NetSpec::mlp(&[2, 5, 1], Activation::Tanh, 0.5).unwrap();
    let message = refusal(config(RowRange::Hidden, None), &[shallow.into()]);
    assert!(message.contains("model.rows") && message.contains("found 2 layers"), "{message}");
    let none = Some(Reconstruction { n_points: 0, ..reconstruction().unwrap() });
    let message = refusal(config(RowRange::Hidden, none), &plain_mlps(Activation::Tanh));
    assert!(message.contains("model.reconstruction.n_points"), "{message}");
}
