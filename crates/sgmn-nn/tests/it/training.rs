//! Training steps: the optimizer against its formula, nets learned by heart, the same bits again.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use rand::RngExt;
use sgmn_graph::{Activation, Batch, Net, NetSpec, Seed, testing};
use sgmn_nn::{
    Error, Init, Normalization, Pass, Result, VarBuilder, VarStore,
    checkpoint::{Checkpoint, Header},
    layers::Scalings,
    loss::{cross_entropy, mean_squared_error},
    models::{Direction, Model, ModelConfig, Output, ScaleGmnConfig},
    optim::{AdamW, AdamWConfig, Gradients, Schedule, clip_by_global_norm},
};

use crate::setup::{build, device, nets, plain_mlps};

/// A model of two variables whose gradients the test chooses.
struct Chosen;

impl Model for Chosen {
    fn forward(&self, _batch: &Batch, _pass: &Pass) -> Result<Output> {
        unreachable!("the test computes its loss itself")
    }
    fn may_lack_gradient(&self, name: &str) -> bool {
        name == "idle"
    }
}

/// Two variables, and one that nothing reads.
fn three_variables() -> VarStore {
    let builder = VarBuilder::new(Seed::new(1), DType::F64, &device());
    for (name, shape) in [("a", [3, 1]), ("b", [2, 2]), ("idle", [2, 1])] {
        builder.var(name, &shape, Init::Normal).unwrap();
    }
    builder.finish()
}

/// Gradients of the first two variables that are these numbers.
fn gradients(vars: &VarStore, coefficients: &[Vec<f64>]) -> Gradients {
    let terms = vars.iter().zip(coefficients).map(|((_, var), grad)| {
        let grad = Tensor::new(grad.as_slice(), &device()).unwrap().reshape(var.dims()).unwrap();
        (var.as_tensor() * grad).unwrap().sum_all().unwrap()
    });
    let loss = terms.reduce(|a, b| (a + b).unwrap()).unwrap();
    Gradients::of(vars, &Chosen, &loss.backward().unwrap()).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

#[test]
fn adamw_follows_its_formula() {
    let mut rng = Seed::new(2).rng();
    let config = AdamWConfig { eps: 1e-3, ..AdamWConfig::new(0.1) };
    let schedule = Schedule::constant(0.05, 3);
    let steps: Vec<Vec<Vec<f64>>> = (0..5)
        .map(|_| [3, 4].map(|n| (0..n).map(|_| rng.random_range(-2.0..2.0)).collect()).to_vec())
        .collect();
    let vars = three_variables();
    let start: Vec<Vec<f64>> = vars.iter().map(|(_, var)| values(var)).collect();
    let mut optimizer = AdamW::new(config, &vars).unwrap();
    let mut expected = start.clone();
    let mut moments = vec![vec![(0.0, 0.0); 4]; 2];
    for (step, coefficients) in steps.iter().enumerate() {
        let rate = schedule.rate(step as u64);
        optimizer.step(&vars, &gradients(&vars, coefficients), rate).unwrap();
        let t = (step + 1) as f64;
        for (theta, (moments, grads)) in expected.iter_mut().zip(moments.iter_mut().zip(coefficients)) {
            for (theta, ((m, v), g)) in theta.iter_mut().zip(moments.iter_mut().zip(grads)) {
                *m = 0.9 * *m + 0.1 * g;
                *v = 0.999 * *v + 0.001 * g * g;
                let (m_hat, v_hat) = (*m / (1.0 - 0.9_f64.powf(t)), *v / (1.0 - 0.999_f64.powf(t)));
                *theta = *theta * (1.0 - rate * 0.1) - rate * m_hat / (v_hat.sqrt() + 1e-3);
            }
        }
    }
    assert_eq!(optimizer.n_steps(), 5);
    for ((name, var), expected) in vars.iter().zip(&expected) {
        for (found, expected) in values(var).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-13, "{name}: {found} {expected}");
        }
    }
    assert_eq!(
        values(vars.get("idle").unwrap()),
        start[2],
        "without gradient not even decay moves a variable"
    );
}

#[test]
fn clipping_bounds_the_common_norm_and_keeps_the_direction() {
    let coefficients = [vec![3.0, 0.0, 0.0], vec![0.0, 4.0, 0.0, 0.0]];
    let vars = three_variables();
    let mut clipped = gradients(&vars, &coefficients);
    assert_eq!(clip_by_global_norm(&mut clipped, 1.0).unwrap().read().unwrap(), 5.0);
    let hold = |gradients: &Gradients, factor: f64| {
        for (grad, coefficients) in gradients.scaled().unwrap().iter().flatten().zip(&coefficients) {
            for (found, before) in values(grad).iter().zip(coefficients) {
                assert!((found - before * factor).abs() < 1e-15, "{found} {before} {factor}");
            }
        }
    };
    let factor = 1.0 / (5.0 + 1e-6);
    hold(&clipped, factor);
    assert_eq!(values(clipped.iter().flatten().next().unwrap()), coefficients[0], "only noted down");
    // A second bound looks at what the first leaves.
    let norm = clip_by_global_norm(&mut clipped, 0.5).unwrap().read().unwrap();
    assert!((norm - 5.0 * factor).abs() < 1e-15, "{norm}");
    hold(&clipped, factor * 0.5 / (norm + 1e-6));
    let mut small = gradients(&vars, &coefficients);
    assert_eq!(clip_by_global_norm(&mut small, 10.0).unwrap().read().unwrap(), 5.0);
    hold(&small, 1.0);
    let mut broken = gradients(&vars, &[vec![f64::NAN, 0.0, 0.0], coefficients[1].clone()]);
    let message = clip_by_global_norm(&mut broken, 1.0).unwrap().read().unwrap_err().to_string();
    assert_eq!(message, "the norm of the gradients is NaN, expected a finite number");
}

#[test]
fn a_step_takes_the_gradients_as_the_bound_leaves_them() {
    let coefficients = [vec![3.0, -1.0, 0.5], vec![0.0, 4.0, 2.0, 0.1]];
    let step = |gradients: &dyn Fn(&VarStore) -> Gradients| {
        let vars = three_variables();
        // A large constant beside the root: otherwise the length of a first gradient cancels.
        let config = AdamWConfig { eps: 1.0, ..AdamWConfig::new(0.1) };
        let mut optimizer = AdamW::new(config, &vars).unwrap();
        optimizer.step(&vars, &gradients(&vars), 0.1).unwrap();
        vars.iter().flat_map(|(_, var)| values(var)).collect::<Vec<f64>>()
    };
    let noted = |max_norm: f64| {
        step(&|vars| {
            let mut gradients = gradients(vars, &coefficients);
            clip_by_global_norm(&mut gradients, max_norm).unwrap();
            gradients
        })
    };
    let scaled = step(&|vars| {
        let mut gradients = gradients(vars, &coefficients);
        clip_by_global_norm(&mut gradients, 1.0).unwrap();
        gradients.scaled().unwrap()
    });
    let free = step(&|vars| gradients(vars, &coefficients));
    assert_eq!(noted(1.0), scaled);
    assert_eq!(noted(100.0), free);
    assert_eq!(noted(f64::INFINITY), free);
    assert_ne!(scaled, free);
}

#[test]
fn later_steps_change_nothing_that_an_optimizer_has_given_or_taken() {
    let coefficients = [vec![3.0, -1.0, 0.5], vec![0.0, 4.0, 2.0, 0.1]];
    // On a CUDA device only f32 has kernels, which rewrite in place.
    let builder = VarBuilder::new(Seed::new(1), DType::F32, &device());
    for (name, shape) in [("a", [3, 1]), ("b", [2, 2]), ("idle", [2, 1])] {
        builder.var(name, &shape, Init::Normal).unwrap();
    }
    let vars = builder.finish();
    let step = |optimizer: &mut AdamW| {
        let terms = vars.iter().zip(&coefficients).map(|((_, var), grad)| {
            let grad = Tensor::new(grad.as_slice(), &device()).unwrap().to_dtype(DType::F32).unwrap();
            (var.as_tensor() * grad.reshape(var.dims()).unwrap()).unwrap().sum_all().unwrap()
        });
        let loss = terms.reduce(|a, b| (a + b).unwrap()).unwrap();
        let mut gradients = Gradients::of(&vars, &Chosen, &loss.backward().unwrap()).unwrap();
        clip_by_global_norm(&mut gradients, 1.0).unwrap();
        optimizer.step(&vars, &gradients, 0.1).unwrap();
    };
    let read = |tensors: &BTreeMap<String, Tensor>| tensors.values().flat_map(values).collect::<Vec<_>>();
    let mut optimizer = AdamW::new(AdamWConfig::new(0.1), &vars).unwrap();
    step(&mut optimizer);
    let (given, snapshot) = (optimizer.state(&vars).unwrap(), vars.snapshot().unwrap());
    let before = (read(&given), read(&snapshot));
    step(&mut optimizer);
    assert_eq!((read(&given), read(&snapshot)), before);
    let after = (read(&optimizer.state(&vars).unwrap()), read(&vars.snapshot().unwrap()));
    assert_ne!(after.0, before.0, "something did change");
    // From what was kept the same step once more, to the same bits.
    vars.load(&snapshot).unwrap();
    let mut resumed = AdamW::new(AdamWConfig::new(0.1), &vars).unwrap();
    resumed.restore(&vars, 1, &given).unwrap();
    step(&mut resumed);
    assert_eq!((read(&resumed.state(&vars).unwrap()), read(&vars.snapshot().unwrap())), after);
    assert_eq!((read(&given), read(&snapshot)), before, "what was taken is not changed either");
}

/// Four random sine nets and a class for each.
fn four_nets() -> (Vec<Net>, Tensor) {
    let nets = nets(Seed::new(3), &plain_mlps(Activation::Sine { omega: 30.0 }), 4);
    (nets, Tensor::new(&[0u32, 1, 2, 1], &device()).unwrap())
}

/// Trains a tiny model on four nets, and returns its losses and final variables.
fn train(config: &ScaleGmnConfig, n_steps: u64) -> (Vec<f64>, BTreeMap<String, Tensor>) {
    let (nets, classes) = four_nets();
    let specs = [nets[0].spec().clone()];
    let (model, vars, _) = build(config, &specs, Normalization::fit(&nets), DType::F32);
    let batch = Batch::from_nets(&nets, DType::F32, &device()).unwrap();
    let mut optimizer = AdamW::new(AdamWConfig::new(0.0), &vars).unwrap();
    let mut losses = Vec::new();
    for step in 0..n_steps {
        let pass = Pass::train(Seed::new(4).index(step));
        let Output::PerGraph(logits) = model.forward(&batch, &pass).unwrap() else {
            panic!("expected logits")
        };
        let loss = cross_entropy(&logits, &classes).unwrap();
        let mut gradients = Gradients::of(&vars, &*model, &loss.backward().unwrap()).unwrap();
        clip_by_global_norm(&mut gradients, 10.0).unwrap();
        optimizer.step(&vars, &gradients, Schedule::constant(1e-2, 10).rate(step)).unwrap();
        losses.push(values(&loss)[0]);
    }
    // The caller may read from another thread, whose queue on a device does not wait for this one's.
    let snapshot = vars.snapshot().unwrap();
    vars.device().synchronize().unwrap();
    (losses, snapshot)
}

#[test]
fn a_tiny_model_learns_four_nets_by_heart() {
    for (direction, n_steps) in [(Direction::Forward, 150), (Direction::Bidirectional, 150)] {
        let config = ScaleGmnConfig::new(Scalings::Sign, direction, 8, 3);
        let (losses, _) = train(&config, n_steps);
        // A single step may jump; the level it comes from is what was learned.
        let first = losses[0];
        let last = losses.iter().rev().take(20).fold(f64::INFINITY, |least, loss| least.min(*loss));
        println!("{direction:?}: loss {first:.3} to {last:.1e}");
        assert!(first > 0.5 && last < 1e-2, "{direction:?}: {first} to {last}");
    }
}

#[test]
fn one_seed_gives_the_same_bits_whatever_the_number_of_threads() {
    let config = ScaleGmnConfig {
        dropout: 0.2,
        mlp_dropout: 0.1,
        ..ScaleGmnConfig::new(Scalings::Own, Direction::Bidirectional, 8, 3)
    };
    let bits = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let (losses, vars) = pool.install(|| train(&config, 4));
        let vars: Vec<_> = vars.iter().map(|(name, var)| (name.clone(), values(var))).collect();
        (losses, vars)
    };
    let expected = bits(1);
    for n_threads in [1, 2, 3] {
        assert_eq!(bits(n_threads), expected, "{n_threads} threads");
    }
}

#[test]
fn a_saved_model_is_loaded_with_the_same_outputs() {
    let (nets, _) = four_nets();
    let batch = Batch::from_nets(&nets, DType::F32, &device()).unwrap();
    let specs = [nets[0].spec().clone()];
    let config = ScaleGmnConfig::new(Scalings::Sign, Direction::Bidirectional, 8, 3);
    let normalization = Normalization::fit(&nets);
    let (model, vars, _) = build(&config, &specs, normalization.clone(), DType::F32);
    let header = Header {
        model: ModelConfig::ScaleGmn(config),
        specs: vec![NetSpec::clone(&specs[0])],
        graphs: Vec::new(),
        normalization,
        n_steps: 0,
        progress: serde_json::Value::Null,
        about: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let optimizer = AdamW::new(AdamWConfig::new(0.0), &vars).unwrap();
    let checkpoint =
        Checkpoint { header, vars: vars.snapshot().unwrap(), optimizer: optimizer.state(&vars).unwrap() };
    checkpoint.write(&path).unwrap();

    let read = Checkpoint::read(&path, &Device::Cpu).unwrap();
    let rebuild = |dtype| read.model(dtype, &device()).unwrap();
    let output = |model: &dyn Model, batch: &Batch| {
        model.forward(batch, &Pass::eval()).unwrap().of_nets(batch).unwrap().concat()
    };
    let same = rebuild(DType::F32);
    assert_eq!(output(&*same.model, &batch), output(&*model, &batch));
    assert_eq!(
        same.predict(&nets).unwrap().concat(),
        output(&*model, &batch),
        "nobody said what it was asked"
    );
    let mut optimizer = AdamW::new(AdamWConfig::new(0.0), &same.vars).unwrap();
    optimizer.restore(&same.vars, 0, &read.optimizer).unwrap();
    // In f64 the same model, but for the rounding that f32 had.
    let precise =
        output(&*rebuild(DType::F64).model, &Batch::from_nets(&nets, DType::F64, &device()).unwrap());
    for (a, b) in precise.iter().zip(output(&*model, &batch)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn variables_start_alike_in_both_number_types_and_whatever_else_the_model_holds() {
    let specs = plain_mlps(Activation::Tanh);
    let config = ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, 6, 2);
    let deeper = ScaleGmnConfig { n_rounds: 5, edge_embedding: true, ..config.clone() };
    let start = |config: &ScaleGmnConfig, dtype| build(config, &specs, Normalization::none(), dtype).1;
    let (single, double) = (start(&config, DType::F32), start(&deeper, DType::F64));
    for (name, var) in single.iter() {
        let same = double.get(name).unwrap().to_dtype(DType::F32).unwrap();
        // The edge update of the shallow model's last layer does not exist; all else has its twin.
        assert_eq!(values(var), values(&same), "{name}");
    }
}

#[test]
fn changes_of_parameters_can_be_learned() {
    // The simplest edit: every parameter halved.
    let nets: Vec<Net> =
        (0..4).map(|i| testing::random_net(Seed::new(i), &plain_mlps(Activation::Relu)[0])).collect();
    let specs = [nets[0].spec().clone()];
    let config = ScaleGmnConfig {
        output: sgmn_nn::models::OutputConfig::PerParam { initial_scale: 0.1, n_copies: 1 },
        ..ScaleGmnConfig::new(Scalings::Scale, Direction::Forward, 8, 1)
    };
    let (model, vars, _) = build(&config, &specs, Normalization::fit(&nets), DType::F32);
    let batch = Batch::from_nets(&nets, DType::F32, &device()).unwrap();
    let mut optimizer = AdamW::new(AdamWConfig::new(0.0), &vars).unwrap();
    let mut losses = Vec::new();
    for step in 0..60 {
        let Output::PerParam(deltas) = model.forward(&batch, &Pass::train(Seed::new(step))).unwrap() else {
            panic!("expected changes")
        };
        let graphs = &batch.buckets[0].graphs;
        let parts = deltas[0][0]
            .weights
            .iter()
            .zip(&graphs.edges)
            .map(|(delta, weights)| mean_squared_error(delta, &(weights * -0.5).unwrap()).unwrap());
        let loss = parts.reduce(|a, b| (a + b).unwrap()).unwrap();
        let store = loss.backward().unwrap();
        // Biases are left alone here, so their learned scales get no gradient: the optimizer must say so.
        match Gradients::of(&vars, &*model, &store) {
            Err(Error::NoGradient(names)) => {
                assert!(names.iter().any(|name| name == "bias_scale.1"), "{names:?}")
            }
            other => panic!("expected missing gradients, found {other:?}"),
        }
        let biases = deltas[0][0].biases.iter().zip(&graphs.nodes[1..]).map(|(delta, biases)| {
            mean_squared_error(delta, &(biases.squeeze(2).unwrap() * -0.5).unwrap()).unwrap()
        });
        let loss = biases.fold(loss, |total, part| (total + part).unwrap());
        let gradients = Gradients::of(&vars, &*model, &loss.backward().unwrap()).unwrap();
        optimizer.step(&vars, &gradients, 1e-2).unwrap();
        losses.push(values(&loss)[0]);
    }
    println!("changes: loss {:.3} to {:.4}", losses[0], losses[59]);
    assert!(losses[59] < 0.2 * losses[0], "{} to {}", losses[0], losses[59]);
}
