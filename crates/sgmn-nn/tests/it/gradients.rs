//! Gradients of whole models: against central differences, and every variable accounted for.

use std::{collections::BTreeSet, sync::Arc};

use candle_core::{DType, Tensor, Var, backprop::GradStore};
use rand::RngExt;
use sgmn_graph::{Activation, Batch, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization, Pass, Result, VarStore,
    layers::Scalings,
    models::{Compatibility, Direction, Model, ModelConfig, Output, ReversedScale, ScaleGmnConfig},
    optim::Gradients,
    tolerance::GRADIENT,
};

use crate::setup::{
    DIRECTIONS, SCALINGS, build, build_any, device, mixed_cnns, mixed_mlps, nets, plain_mlps, variants,
};

/// `Σ output ⊙ cotangent` with fixed random cotangents.
pub(crate) fn loss(model: &dyn Model, batch: &Batch) -> Tensor {
    sgmn_nn::testing::weighted_sum(&model.forward(batch, &Pass::eval()).unwrap()).unwrap()
}

pub(crate) fn batch_of(specs: &[Arc<NetSpec>], nets: &[Net]) -> Batch {
    let lowering = sgmn_graph::Lowering::new(specs).unwrap();
    let graphs: Vec<_> = nets.iter().map(|net| lowering.lower(net).unwrap()).collect();
    Batch::collate(&graphs, DType::F64, &device()).unwrap()
}

/// The largest difference between derivatives along random directions, all variables moving together, and central
/// differences, relative to the sum of the parts that the variables have in it.
pub(crate) fn gradient_error(config: &ModelConfig, specs: &[Arc<NetSpec>]) -> f64 {
    let batch = batch_of(specs, &nets(Seed::new(2), specs, 1));
    let (model, vars, _) = build_any(config, specs, Normalization::none(), DType::F64);
    let grads = loss(&*model, &batch).backward().unwrap();
    let starts: Vec<Tensor> = vars.iter().map(|(_, var)| var.as_detached_tensor().copy().unwrap()).collect();
    let mut worst: f64 = 0.0;
    for trial in 0..4 {
        let mut rng = Seed::new(3).index(trial).rng();
        let mut directions = Vec::new();
        let (mut expected, mut magnitude) = (0.0, 0.0);
        for (_, var) in vars.iter() {
            let direction: Vec<f64> = (0..var.elem_count()).map(|_| rng.random_range(-1.0..1.0)).collect();
            let direction = Tensor::from_vec(direction, var.dims(), &device()).unwrap();
            if let Some(grad) = grads.get(var) {
                let part = (grad * &direction).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
                expected += part;
                magnitude += part.abs();
            }
            directions.push(direction);
        }
        let at = |step: f64| {
            for ((_, var), (start, direction)) in vars.iter().zip(starts.iter().zip(&directions)) {
                var.set(&(start + (direction * step).unwrap()).unwrap()).unwrap();
            }
            loss(&*model, &batch).to_scalar::<f64>().unwrap()
        };
        // Fourth order, so a step is small enough between the kinks of |x| and large enough against rounding.
        let h = 1e-5;
        let found = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        worst = worst.max((found - expected).abs() / magnitude);
    }
    worst
}

#[test]
fn gradients_agree_with_central_differences() {
    let bidirectional = |symmetry, reversed| ScaleGmnConfig {
        reversed_scale: Some(reversed),
        n_rounds: 2,
        ..ScaleGmnConfig::new(symmetry, Direction::Bidirectional, 4, 2)
    };
    let mut cases = vec![(
        "published hetero",
        ScaleGmnConfig {
            compatibility: Compatibility::Published,
            ..ScaleGmnConfig::new(Scalings::Own, Direction::Bidirectional, 4, 2)
        },
    )];
    for symmetry in [Scalings::Scale, Scalings::Own] {
        for reversed in [ReversedScale::Relative, ReversedScale::Reciprocal, ReversedScale::Published] {
            cases.push(("reversed", bidirectional(symmetry, reversed)));
        }
    }
    for direction in DIRECTIONS {
        for symmetry in SCALINGS {
            let [_, full, shared, equivariant, ..] =
                <[_; 8]>::try_from(variants(symmetry, direction)).unwrap();
            cases.extend(
                [full, shared, equivariant]
                    .map(|(what, config)| (what, ScaleGmnConfig { n_rounds: 2, ..config })),
            );
        }
    }
    for (what, config) in cases {
        let specs = mixed_mlps(config.scalings, 1);
        let error = gradient_error(&ModelConfig::ScaleGmn(config.clone()), &specs[..2]);
        let case =
            format!("{what}: {:?} {:?} {:?}", config.scalings, config.direction, config.reversed_scale);
        println!("{case}: {error:.1e}");
        assert!(error < GRADIENT, "{case}: {error:e}");
    }
}

/// Names of the variables for which backpropagation found nothing.
fn without_gradient(vars: &VarStore, grads: &GradStore) -> BTreeSet<String> {
    vars.iter().filter(|(_, var)| grads.get(var).is_none()).map(|(name, _)| name.to_owned()).collect()
}

/// Compares the variables that get no gradient with those that the model says may get none: for a model of each
/// architecture alone exactly, and for one of all of them together with the union.
fn check_coverage(config: &ScaleGmnConfig, specs: &[Arc<NetSpec>]) {
    let (model, vars, _) = build(config, specs, Normalization::none(), DType::F64);
    let nets = nets(Seed::new(4), specs, 2);
    let may_lack: BTreeSet<String> = vars
        .iter()
        .filter(|(name, _)| model.may_lack_gradient(name))
        .map(|(name, _)| name.to_owned())
        .collect();
    let mut missing_somewhere = BTreeSet::new();
    for spec in specs {
        let members: Vec<Net> = nets.iter().filter(|net| net.spec() == spec).cloned().collect();
        let missing = without_gradient(&vars, &loss(&*model, &batch_of(specs, &members)).backward().unwrap());
        missing_somewhere.extend(missing);
    }
    let case = format!("{:?} {:?} {:?}", config.scalings, config.direction, config.compatibility);
    let unexpected: Vec<_> = missing_somewhere.difference(&may_lack).collect();
    assert!(unexpected.is_empty(), "{case}: no gradient for {unexpected:?}");
    let excused: Vec<_> = may_lack.difference(&missing_somewhere).collect();
    assert!(excused.is_empty(), "{case}: excused although reached: {excused:?}");
    // One batch of everything: what the optimizer demands.
    let grads = loss(&*model, &batch_of(specs, &nets)).backward().unwrap();
    Gradients::of(&vars, &*model, &grads).unwrap();
}

#[test]
fn exactly_the_variables_that_the_model_excuses_get_no_gradient() {
    for symmetry in SCALINGS {
        for direction in DIRECTIONS {
            for (i, (_, config)) in variants(symmetry, direction).into_iter().enumerate() {
                // Kernels change nothing about what is reached.
                let specs = if i % 2 == 0 { mixed_mlps(symmetry, 1) } else { mixed_cnns(symmetry) };
                check_coverage(&config, &specs);
                let compatibility = Compatibility::Published;
                let published = ScaleGmnConfig { compatibility, n_sines: 0, ..config };
                check_coverage(&published, &plain_mlps(Activation::Sine { omega: 30.0 }));
                check_coverage(&published, &plain_mlps(Activation::Relu));
            }
        }
    }
}

#[test]
fn a_variable_that_is_cut_off_is_reported_by_name() {
    /// A model that forgets one of its variables.
    struct Forgetful {
        used: Tensor,
        excused: &'static str,
    }
    impl Model for Forgetful {
        fn forward(&self, batch: &Batch, _pass: &Pass) -> Result<Output> {
            let rows = batch.buckets[0].graphs.nodes[1].squeeze(2)?;
            Ok(Output::PerGraph(rows.broadcast_mul(&self.used)?))
        }
        fn may_lack_gradient(&self, name: &str) -> bool {
            name == self.excused
        }
    }
    let builder = sgmn_nn::VarBuilder::new(Seed::new(0), DType::F64, &device());
    let used = builder.var("used", &[5], sgmn_nn::Init::Normal).unwrap();
    builder.at("layers").at(3).var("forgotten", &[2], sgmn_nn::Init::Normal).unwrap();
    let vars = builder.finish();
    let specs = plain_mlps(Activation::Tanh);
    let batch = batch_of(&specs, &nets(Seed::new(1), &specs, 2));
    for (excused, expected) in [
        (
            "nothing",
            Err("no gradient reached 1 of the variables, first of all layers.3.forgotten".to_owned()),
        ),
        ("layers.3.forgotten", Ok(())),
    ] {
        let model = Forgetful { used: used.clone(), excused };
        let grads = loss(&model, &batch).backward().unwrap();
        let found = Gradients::of(&vars, &model, &grads).map(drop).map_err(|error| error.to_string());
        assert_eq!(found, expected);
    }
}

#[test]
fn a_layer_whose_gradient_is_cut_inside_a_real_model_is_reported() {
    let config = ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, 4, 2);
    let specs = plain_mlps(Activation::Tanh);
    let (model, vars, _) = build(&config, &specs, Normalization::none(), DType::F64);
    let batch = batch_of(&specs, &nets(Seed::new(1), &specs, 2));
    let mut grads = loss(&*model, &batch).backward().unwrap();
    assert!(Gradients::of(&vars, &*model, &grads).is_ok());
    let cut: &Var = vars.get("gnn.fw_layers.1.w_e.weight").unwrap();
    grads.remove(cut);
    let message = Gradients::of(&vars, &*model, &grads).unwrap_err().to_string();
    assert!(message.contains("gnn.fw_layers.1.w_e.weight"), "{message}");
}
