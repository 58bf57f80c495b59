//! Nets without biases: every model reads them, no edit gives them one, and every activation is drawn.

use std::sync::Arc;

use candle_core::{DType, Tensor, Var};
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed, eval, testing};
use sgmn_nn::{
    Normalization, Pass,
    equivariance::symmetry_error,
    layers::Scalings,
    models::{Direction, ModelConfig, Output, ScaleGmnConfig},
    render::{Grid, NetTensors, Renderer},
    testing::{Example, Nets, examples},
    tolerance::SAME,
};
use sgmn_symmetry::{check::Trials, tolerance};

use crate::{
    gradients::loss,
    setup::{build, build_any, device, nets},
};

/// The nets of an example, without any bias and without some.
fn specs(kind: Nets, activation: Activation) -> Vec<Vec<Arc<NetSpec>>> {
    let plain = kind.specs(activation);
    let none = plain.iter().map(|spec| Arc::new(spec.without_biases())).collect();
    let some = plain.iter().map(|spec| testing::without_some_biases(Seed::new(1), spec)).collect();
    vec![none, some]
}

#[test]
fn every_model_reads_nets_without_biases_and_changes_no_more_numbers_than_they_have() {
    for Example { name, config, nets: kind } in examples() {
        for specs in specs(kind, Activation::Tanh) {
            let nets = nets(Seed::new(5), &specs, 2);
            let (model, vars, lowering) = build_any(&config, &specs, Normalization::fit(&nets), DType::F64);
            let graphs: Vec<_> = nets.iter().map(|net| lowering.lower(net).unwrap()).collect();
            let batch = Batch::collate(&graphs, DType::F64, &device()).unwrap();
            let output = model.forward(&batch, &Pass::eval()).unwrap();
            let rows = output.of_nets(&batch).unwrap();
            assert!(rows.iter().flatten().all(|value| value.is_finite()), "{name}");
            if let Output::PerParam(deltas) = &output {
                for (row, net) in rows.iter().zip(&nets) {
                    assert_eq!(row.len(), net.params().len() * output.n_copies(), "{name}");
                }
                for (bucket, copies) in batch.buckets.iter().zip(deltas) {
                    let spec = bucket.graphs.topology.spec().unwrap();
                    for (l, layer) in spec.layers().iter().enumerate() {
                        let change = |copy: &sgmn_nn::models::ParamDeltas| largest(&copy.biases[l]);
                        let all_still = copies.iter().all(|copy| change(copy) == 0.0);
                        assert_eq!(all_still, !layer.bias, "{name}, layer {l}");
                    }
                }
            }
            // No variable misses its gradient, even if nothing but an absent bias would have needed it.
            let grads = loss(&*model, &batch).backward().unwrap();
            let forgotten: Vec<&str> = vars
                .iter()
                .filter(|(name, var)| grads.get(var).is_none() && !model.may_lack_gradient(name))
                .map(|(name, _)| name)
                .collect();
            assert!(forgotten.is_empty(), "{name}: no gradient for {forgotten:?}");
        }
    }
}

#[test]
fn every_model_keeps_the_symmetries_that_it_claims_on_nets_without_biases_and_of_every_activation() {
    for Example { name, config, nets: kind } in examples() {
        let claimed = config.blueprint().respected();
        for activation in [Activation::Tanh, Activation::Relu, Activation::Gaussian] {
            for specs in specs(kind, activation).into_iter().chain([kind.specs(activation)]) {
                let nets = nets(Seed::new(5), &specs, 2);
                let (model, _, lowering) = build_any(&config, &specs, Normalization::fit(&nets), DType::F64);
                for symmetry in claimed.iter().filter(|symmetry| symmetry.applies(activation)) {
                    let trials = Trials::new(Seed::new(6), &[*symmetry], 2);
                    let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &device());
                    let report = report.unwrap();
                    assert!(
                        report.within(tolerance::MODEL_F64),
                        "{name}, {activation}, {symmetry}: {report}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_mixture_takes_the_group_of_every_activation() {
    for activation in testing::ACTIVATIONS {
        for direction in [Direction::Forward, Direction::Bidirectional] {
            let config = ScaleGmnConfig::new(Scalings::Own, direction, 6, 2);
            for specs in [Nets::Mlps, Nets::Cnns].into_iter().flat_map(|kind| specs(kind, activation)) {
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

#[test]
fn an_edited_net_without_biases_has_none() {
    let spec = testing::without_some_biases(
        Seed::new(1),
        &NetSpec::mlp(&[2, 4, 3, 1], Activation::Mish, 0.5).unwrap(),
    );
    assert!(spec.layers().iter().any(|layer| layer.bias), "one with and one without");
    let edit =
        examples().into_iter().find(|example| example.name == "flat_mlp edits on perceptrons").unwrap();
    let nets = nets(Seed::new(3), std::slice::from_ref(&spec), 2);
    let (model, _, lowering) =
        build_any(&edit.config, std::slice::from_ref(&spec), Normalization::none(), DType::F64);
    let batch = collate(&lowering, &nets);
    let output = model.forward(&batch, &Pass::eval()).unwrap();
    let graphs = &batch.buckets[0].graphs;
    let Output::PerParam(deltas) = &output else { panic!("expected changes") };
    let changed = NetTensors::changed(graphs, &deltas[0][0]).unwrap();
    let renderer = Renderer::new(&spec, &Grid::new([3, 4])).unwrap();
    let picture = renderer.render(&changed).unwrap().to_vec3::<f64>().unwrap();
    for (i, (net, delta)) in nets.iter().zip(output.of_nets(&batch).unwrap()).enumerate() {
        let params = net.params().iter().zip(&delta).map(|(old, delta)| old + delta).collect();
        let edited = Net::new(spec.clone(), params).unwrap();
        assert_eq!(changed.net(i, &spec).unwrap(), edited);
        // The picture is that of the net that is written, so nothing moved but its own numbers.
        let corner = eval::run(&edited, &[1.0, -1.0]).unwrap()[0];
        assert!((picture[i][3][0] - corner).abs() < SAME);
    }
}

#[test]
fn nets_of_every_activation_are_drawn_as_the_interpreter_says_with_gradients() {
    const STEP: f64 = 1e-6;
    for activation in testing::ACTIVATIONS {
        let plain = NetSpec::mlp(&[2, 5, 4, 1], activation, 0.25).unwrap();
        for spec in [testing::without_some_biases(Seed::new(2), &plain), Arc::new(plain)] {
            let net = testing::random_net(Seed::new(7), &spec);
            let lowering = Lowering::new([&spec]).unwrap();
            let batch = collate(&lowering, std::slice::from_ref(&net));
            let mut tensors = NetTensors::of(&batch.buckets[0].graphs).unwrap();
            let weight = Var::from_tensor(&tensors.weights[0]).unwrap();
            tensors.weights[0] = weight.as_tensor().clone();
            // No pixel stands at 0, where some functions have a kink.
            let renderer = Renderer::new(&spec, &Grid::new([2, 4])).unwrap();
            let picture = renderer.render(&tensors).unwrap();
            let values = picture.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            let coordinates =
                (0..8).map(|i| [2.0 * f64::from(i % 4) / 3.0 - 1.0, 2.0 * f64::from(i / 4) - 1.0]);
            let run = |net: &Net| -> Vec<f64> {
                coordinates.clone().map(|at| eval::run(net, &at).unwrap()[0]).collect()
            };
            let expected = run(&net);
            let apart = values.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < SAME, "{activation}: {apart:e}");
            let grads = picture.sum_all().unwrap().backward().unwrap();
            let slope = grads.get(&weight).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            for (at, slope) in slope.iter().enumerate() {
                let sum = |step: f64| -> f64 {
                    let mut params = net.params().to_vec();
                    params[at] += step;
                    run(&Net::new(spec.clone(), params).unwrap()).iter().sum()
                };
                let difference = (sum(STEP) - sum(-STEP)) / (2.0 * STEP);
                assert!(
                    (slope - difference).abs() < 1e-5 * (1.0 + slope.abs()),
                    "{activation}: {slope} {difference}"
                );
            }
        }
    }
}

#[test]
fn an_absent_bias_is_normalized_by_nothing() {
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Tanh, 0.0).unwrap().without_biases());
    let nets = nets(Seed::new(1), std::slice::from_ref(&spec), 3);
    let lowering = Lowering::new([&spec]).unwrap();
    let scales = Normalization::fit(&nets).scales(&lowering.topologies()[0]).unwrap();
    assert!(scales.iter().all(|scale| scale.bias == 1.0 && scale.weight > 0.0), "{scales:?}");
}

fn collate(lowering: &Lowering, nets: &[Net]) -> Batch {
    let graphs: Vec<_> = nets.iter().map(|net| lowering.lower(net).unwrap()).collect();
    Batch::collate(&graphs, DType::F64, &device()).unwrap()
}

fn largest(tensor: &Tensor) -> f64 {
    tensor.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

#[test]
fn configurations_do_not_depend_on_biases() {
    // A checkpoint knows nets by their text, and one without biases is another architecture.
    let plain = Nets::Mlps.specs(Activation::Tanh);
    let config = ModelConfig::ScaleGmn(ScaleGmnConfig::new(Scalings::Sign, Direction::Forward, 4, 1));
    let names = |specs: &[Arc<NetSpec>]| -> Vec<String> {
        let (_, vars, _) = build_any(&config, specs, Normalization::none(), DType::F32);
        vars.iter().map(|(name, var)| format!("{name} {:?}", var.dims())).collect()
    };
    assert_eq!(names(&plain), names(&specs(Nets::Mlps, Activation::Tanh)[0]));
}
