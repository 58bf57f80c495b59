//! Learned probes: nets answer as the interpreter says, in order of their layers, and probes get their gradients.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use sgmn_graph::{
    Activation, GraphBatch, LayerMap, LayerSpec, Lowering, Net, NetSpec, Reading, Seed, eval, testing,
};
use sgmn_nn::{
    Error, Generator, ProbeConfig, Probes, VarBuilder, VarStore, ops::plainly, render::COORDINATES,
    tolerance::SAME,
};

use crate::setup::{device, nets};

/// Height and width of the images that all CNNs here can read.
const IMAGE: [usize; 2] = [4, 4];

fn config(image: Option<[usize; 2]>, is_free: bool) -> ProbeConfig {
    let linear = Generator::Linear { d_code: 6, d_hidden: vec![5] };
    ProbeConfig {
        n: 7,
        image,
        coordinates: COORDINATES,
        generator: if is_free { Generator::Free {} } else { linear },
    }
}

fn build(config: &ProbeConfig, specs: &[Arc<NetSpec>], dtype: DType) -> (sgmn_nn::Result<Probes>, VarStore) {
    let vars = VarBuilder::new(Seed::new(3), dtype, &device());
    (Probes::new(config, &Lowering::new(specs).unwrap(), &vars.at("probes")), vars.finish())
}

fn bucket(lowering: &Lowering, nets: &[Net], dtype: DType) -> GraphBatch {
    let graphs: Vec<_> = nets.iter().map(|net| lowering.lower(net).unwrap()).collect();
    GraphBatch::collate(&graphs, dtype, &device()).unwrap()
}

/// A net that ends after some of another one's layers.
fn beginning(net: &Net, n_layers: usize) -> Net {
    let spec = NetSpec::new(net.spec().layers()[..n_layers].to_vec(), 0.0).unwrap();
    let params = net.params()[..spec.n_params()].to_vec();
    Net::new(Arc::new(spec), params).unwrap()
}

/// A CNN with another stride, padding, kernel and image height along each axis, and a flatten.
fn uneven_cnn(activation: Activation) -> Arc<NetSpec> {
    let conv = |n_in, n_out, kernel, stride, padding| {
        LayerSpec::new(LayerMap::Conv { n_in, n_out, kernel, stride, padding }, activation)
    };
    let reading = Reading::Flatten { positions: 6 };
    Arc::new(
        NetSpec::new(
            vec![
                conv(2, 3, [3, 2], [1, 2], [1, 0]),
                conv(3, 4, [2, 2], [2, 1], [0, 1]),
                LayerSpec::new(LayerMap::Linear { n_in: 4, n_out: 3, reading }, Activation::Identity),
            ],
            0.25,
        )
        .unwrap(),
    )
}

/// A CNN with a maximum before an activation, and a mean after one.
fn pooled_cnn(activation: Activation) -> Arc<NetSpec> {
    let conv = |n_in, n_out, kernel, pool: &str| {
        let map = LayerMap::Conv { n_in, n_out, kernel, stride: [1, 1], padding: [0, 0] };
        LayerSpec::new(map, activation).with_pool(pool.parse().unwrap())
    };
    let map = LayerMap::Linear { n_in: 4, n_out: 3, reading: Reading::Flatten { positions: 2 } };
    let layers = vec![
        conv(2, 3, [2, 2], "max:2:1:before"),
        conv(3, 4, [1, 1], "mean:2:1:after"),
        LayerSpec::new(map, Activation::Identity),
    ];
    Arc::new(NetSpec::new(layers, 0.0).unwrap())
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference between the responses to probes and the interpreter's, relative to the largest of a layer.
fn error(specs: &[Arc<NetSpec>], image: Option<[usize; 2]>, dtype: DType) -> f64 {
    let lowering = Lowering::new(specs).unwrap();
    let probes = build(&config(image, false), specs, dtype).0.unwrap();
    let inputs = probes.inputs().unwrap();
    let mut worst: f64 = 0.0;
    for spec in specs {
        let nets = nets(Seed::new(4), std::slice::from_ref(spec), 6);
        let responses = probes.responses(&bucket(&lowering, &nets, dtype)).unwrap();
        for (l, layer) in responses.iter().enumerate() {
            let width = spec.widths()[l];
            assert_eq!(layer.dims(), [nets.len(), width, probes.n()]);
            let (mut largest, mut apart) = (1e-300, 0.0f64);
            for (b, net) in nets.iter().enumerate() {
                let found = layer.get(b).unwrap();
                for p in 0..probes.n() {
                    let probe = values(&inputs.get(p).unwrap());
                    let signal = match l {
                        0 => probe,
                        l => eval::run_image(&beginning(net, l), &probe, image.unwrap_or([1, 1])).unwrap(),
                    };
                    for (unit, positions) in signal.chunks(signal.len() / width).enumerate() {
                        let mean = positions.iter().sum::<f64>() / positions.len() as f64;
                        let offset = if l == spec.layers().len() { spec.output_offset() } else { 0.0 };
                        let value = values(&found.get(unit).unwrap().get(p).unwrap())[0];
                        largest = f64::max(largest, mean.abs());
                        apart = apart.max((value - mean - offset).abs());
                    }
                }
            }
            worst = worst.max(apart / largest);
        }
    }
    worst
}

#[test]
fn every_unit_answers_as_the_interpreter_says() {
    for activation in testing::ACTIVATIONS {
        for seed in 0..4 {
            let seed = Seed::new(seed);
            let cases = [
                (testing::random_mlp(seed, activation), None),
                (testing::without_some_biases(seed, &testing::random_mlp(seed, activation)), None),
                (testing::without_some_biases(seed, &uneven_cnn(activation)), Some([4, 5])),
                (testing::random_cnn(seed, activation), Some(IMAGE)),
                (testing::with_some_pools(seed, &testing::random_cnn(seed, activation)), Some(IMAGE)),
                (pooled_cnn(activation), Some([4, 5])),
                (uneven_cnn(activation), Some([4, 5])),
                (Arc::new(NetSpec::cnn_zoo(&[1, 4, 3, 2], activation).unwrap()), Some([9, 7])),
            ];
            for (spec, image) in cases {
                for (dtype, tolerance) in [(DType::F64, SAME), (DType::F32, 3e-5)] {
                    let specs = [spec.clone()];
                    let errors = [error(&specs, image, dtype), plainly(|| error(&specs, image, dtype))];
                    assert!(errors.iter().all(|error| *error < tolerance), "{spec:?} {dtype:?}: {errors:?}");
                }
            }
        }
    }
}

#[test]
fn nets_of_several_forms_answer_to_the_same_probes() {
    let mlp = |widths: &[usize]| Arc::new(NetSpec::mlp(widths, Activation::Tanh, 0.5).unwrap());
    assert!(error(&[mlp(&[2, 5, 1]), mlp(&[2, 4, 3, 1])], None, DType::F64) < SAME);
    let zoo = Arc::new(NetSpec::cnn_zoo(&[2, 4, 3], Activation::Relu).unwrap());
    assert!(error(&[zoo, uneven_cnn(Activation::Tanh)], Some([4, 5]), DType::F64) < SAME);
}

#[test]
fn gradients_of_probes_agree_with_differences() {
    let step = 1e-5;
    for activation in testing::ACTIVATIONS {
        for (spec, image) in [
            (Arc::new(NetSpec::mlp(&[2, 5, 4, 1], activation, 0.5).unwrap()), None),
            (uneven_cnn(activation), Some([4, 5])),
            (pooled_cnn(activation), Some([4, 5])),
            (Arc::new(NetSpec::cnn_zoo(&[1, 4, 3], activation).unwrap()), Some(IMAGE)),
        ] {
            for is_free in [true, false] {
                let specs = [spec.clone()];
                let lowering = Lowering::new(&specs).unwrap();
                let (probes, vars) = build(&config(image, is_free), &specs, DType::F64);
                let probes = probes.unwrap();
                let graphs = bucket(&lowering, &nets(Seed::new(4), &specs, 6), DType::F64);
                let loss = || {
                    let responses = Tensor::cat(&probes.responses(&graphs).unwrap(), 1).unwrap();
                    let n = responses.elem_count();
                    let weights: Vec<f64> = (0..n).map(|i| ((i * i) as f64).sin()).collect();
                    let weights = Tensor::from_vec(weights, responses.shape(), responses.device()).unwrap();
                    (responses * weights).unwrap().sum_all().unwrap()
                };
                let grads = loss().backward().unwrap();
                for (name, var) in vars.iter() {
                    let grad = values(grads.get(var).unwrap());
                    let start = values(var);
                    let largest = grad.iter().fold(1e-3, |size: f64, value| size.max(value.abs()));
                    for at in (0..start.len()).step_by(start.len().div_ceil(6)) {
                        let moved = |by: f64| {
                            let mut values = start.clone();
                            values[at] += by;
                            var.set(&Tensor::from_vec(values, var.shape(), &device()).unwrap()).unwrap();
                            loss().to_scalar::<f64>().unwrap()
                        };
                        let difference = (moved(step) - moved(-step)) / (2.0 * step);
                        moved(0.0);
                        let apart = (difference - grad[at]).abs() / largest;
                        assert!(apart < 1e-5, "{activation:?} {name} {at}: {difference} {}", grad[at]);
                    }
                }
            }
        }
    }
}

#[test]
fn coordinates_start_spread_over_the_picture() {
    let spec = [Arc::new(NetSpec::mlp(&[2, 5, 1], Activation::Tanh, 0.5).unwrap())];
    for generator in [Generator::Free {}, Generator::Linear { d_code: 32, d_hidden: vec![32] }] {
        let config = ProbeConfig { n: 400, image: None, coordinates: COORDINATES, generator };
        let inputs = values(&build(&config, &spec, DType::F64).0.unwrap().inputs().unwrap());
        for axis in 0..2 {
            let squares = inputs.iter().skip(axis).step_by(2).map(|x| x * x).sum::<f64>() / 400.0;
            assert!((0.35..0.75).contains(&squares.sqrt()), "{config:?}: {squares}");
        }
        let inside = inputs.iter().filter(|x| x.abs() <= 1.0).count();
        assert!(inside > 700, "{config:?}: {inside} of 800");
    }
}

#[test]
fn probes_lie_among_the_coordinates_that_nets_read() {
    let spec = [Arc::new(NetSpec::mlp(&[2, 5, 1], Activation::Tanh, 0.5).unwrap())];
    for is_free in [true, false] {
        let [usual, unit] = [COORDINATES, [0.0, 1.0]].map(|coordinates| {
            let config = ProbeConfig { coordinates, ..config(None, is_free) };
            values(&build(&config, &spec, DType::F64).0.unwrap().inputs().unwrap())
        });
        for (usual, unit) in usual.iter().zip(&unit) {
            assert!((unit - (0.5 + 0.5 * usual)).abs() < 1e-15, "{usual} {unit}");
        }
    }
}

#[test]
fn probes_that_do_not_fit_the_nets_are_refused_by_field() {
    let mlp = |n_in| Arc::new(NetSpec::mlp(&[n_in, 5, 1], Activation::Tanh, 0.5).unwrap());
    let cnn = Arc::new(NetSpec::cnn_zoo(&[1, 4, 3], Activation::Tanh).unwrap());
    let none = ProbeConfig { n: 0, ..config(None, true) };
    let backwards = ProbeConfig { coordinates: [1.0, 0.0], ..config(None, true) };
    let of_images = ProbeConfig { coordinates: [0.0, 1.0], ..config(Some(IMAGE), true) };
    for (config, specs, expected) in [
        (none, vec![mlp(2)], "model.probes.n: expected from 1"),
        (backwards, vec![mlp(2)], "model.probes.coordinates: expected a number and a larger one"),
        (of_images, vec![cnn.clone()], "model.probes.coordinates: expected none"),
        (config(None, true), vec![mlp(2), mlp(3)], "same number of inputs"),
        (config(None, true), vec![cnn.clone()], "model.probes.image: expected the height"),
        (config(Some(IMAGE), true), vec![mlp(2)], "model.probes.image: expected none"),
        (config(Some([2, 4]), true), vec![cnn], "model.probes.image: expected a size"),
        (
            config(Some([2, 4]), true),
            vec![pooled_cnn(Activation::Tanh)],
            "image before pooling: expected at least 2×2",
        ),
    ] {
        let error: Error = build(&config, &specs, DType::F32).0.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
