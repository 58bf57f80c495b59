//! Nets moved near each other: twins come back, trained nets have lower barriers, means and lines are shown.

use std::{path::Path, sync::Arc};

use candle_core::{D, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use serde_json::Value;
use sgmn_data::{
    any_net::{self, ReadOptions},
    fit::Images,
};
use sgmn_exp::{
    any_net::{
        merge::{Moved, merge, moved},
        path::{Pixels, Questions, answers_apart, barrier, walk},
        twin,
    },
    data::datasets::{MINI_NAME, image_sets},
};
use sgmn_graph::{
    Activation, Net, NetSpec, Seed,
    flow::{FlowNet, Numbers},
    normal,
};
use sgmn_symmetry::flow::align::AlignOptions;

use super::{Place, any_net::file, refuse, succeed};

/// The largest difference, relative to the largest number of its parameter in either net.
fn apart(a: &FlowNet, b: &FlowNet) -> f64 {
    let of = |param: usize| {
        let (x, y) = (a.numbers(param), b.numbers(param));
        let most = x.iter().chain(y.iter()).fold(1e-300, |most, y| f64::max(most, y.abs()));
        x.iter().zip(y.iter()).fold(0.0, |worst, (x, y)| f64::max(worst, (x - y).abs() / most))
    };
    (0..a.flow().params().len()).map(of).fold(0.0, f64::max)
}

#[test]
fn every_net_with_a_known_truth_comes_back_from_its_twin() {
    const NETS: [&str; 15] = [
        "cnn_flatten",
        "fourier_inr",
        "gpt",
        "llama",
        "lstm",
        "mlp_mixer",
        "mlp_sigmoid",
        "mlp_tanh",
        "mobilenet_relu",
        "resmlp_ln",
        "resmlp_plain",
        "resnet_basic",
        "siren",
        "vgg_bn",
        "vit",
    ];
    for name in NETS {
        let net = any_net::open(Path::new(&file(name, "dynamo.onnx")), &ReadOptions::default()).unwrap().net;
        let twin = twin::drawn(&net, Seed::new(4)).unwrap();
        let Moved { alignment, net: back } = moved(&net, &twin, &AlignOptions::default()).unwrap();
        let found = apart(&back, &net);
        assert!(
            found <= 1e-6,
            "{name}: {found:e}, distances {:?} from {}",
            alignment.starts,
            alignment.before
        );
    }
}

/// A perceptron trained on digits.
fn trained(images: &Images, n_images: usize, seed: Seed) -> FlowNet {
    let widths = [784, 16, 16, 10];
    let spec = Arc::new(NetSpec::mlp(&widths, Activation::Relu, 0.0).unwrap());
    let device = Device::Cpu;
    let mut rng = seed.rng();
    let vars: Vec<[Var; 2]> = widths
        .windows(2)
        .map(|pair| {
            let (n_in, n_out) = (pair[0], pair[1]);
            let by = (2.0 / n_in as f64).sqrt();
            let weight: Vec<f64> = (0..n_in * n_out).map(|_| by * normal(&mut rng)).collect();
            [
                Tensor::from_vec(weight, (n_out, n_in), &device),
                Tensor::zeros(n_out, candle_core::DType::F64, &device),
            ]
            .map(|tensor| Var::from_tensor(&tensor.unwrap()).unwrap())
        })
        .collect();
    let pixels: Vec<f64> =
        (0..n_images).flat_map(|i| images.image(i)).map(|pixel| f64::from(*pixel)).collect();
    let x = Tensor::from_vec(pixels, (n_images, 784), &device).unwrap();
    let labels: Vec<u32> = (0..n_images).map(|i| images.label(i).unwrap()).collect();
    let labels = Tensor::from_vec(labels, n_images, &device).unwrap();
    let params = ParamsAdamW { lr: 0.01, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(vars.iter().flatten().cloned().collect(), params).unwrap();
    for _ in 0..60 {
        let mut y = x.clone();
        for (at, [weight, bias]) in vars.iter().enumerate() {
            y = y.matmul(&weight.t().unwrap()).unwrap().broadcast_add(bias).unwrap();
            y = if at + 1 < vars.len() { y.relu().unwrap() } else { y };
        }
        let logs = candle_nn::ops::log_softmax(&y, D::Minus1).unwrap();
        optimizer.backward_step(&candle_nn::loss::nll(&logs, &labels).unwrap()).unwrap();
    }
    let mut params = vec![0.0; spec.n_params()];
    for (layer, [weight, bias]) in vars.iter().enumerate() {
        for (range, var) in [(spec.weight_range(layer), weight), (spec.bias_range(layer), bias)] {
            params[range].copy_from_slice(&var.flatten_all().unwrap().to_vec1::<f64>().unwrap());
        }
    }
    Net::new(spec, params).unwrap().into_flow([1, 1]).unwrap()
}

#[test]
fn nets_that_were_trained_apart_have_a_lower_barrier_after_alignment() {
    let (train, test) = image_sets(MINI_NAME, Path::new("")).unwrap();
    let [a, b] = [1, 2].map(|seed| trained(&train, 300, Seed::new(seed)));
    let Moved { alignment, net } = moved(&a, &b, &AlignOptions::default()).unwrap();
    assert!(alignment.after < alignment.before, "{alignment:?}");
    let questions = Questions::images(a.flow(), &test, 60, Pixels { mean: 0.0, std: 1.0 }).unwrap();
    let [before, after] = [&b, &net].map(|end| walk(&a, end, 7, &questions).unwrap());
    let ends = [before[6].loss - after[6].loss, before[0].accuracy.unwrap() - 0.5];
    assert!(
        ends[0].abs() < 1e-9 && ends[1] > 0.0,
        "the same function, which has learned something: {ends:?}"
    );
    assert!(barrier(&before) > 0.1, "{before:?}");
    assert!(barrier(&after) <= barrier(&before), "{before:?} {after:?}");
}

#[test]
fn the_mean_of_twins_is_the_net_whatever_the_weights() {
    let net =
        any_net::open(Path::new(&file("mlp_tanh", "dynamo.onnx")), &ReadOptions::default()).unwrap().net;
    let twins = [1, 2].map(|seed| twin::drawn(&net, Seed::new(seed)).unwrap());
    let merged = merge(&[&net, &twins[0], &twins[1]], &[2.0, 1.0, 4.0], 2, &AlignOptions::default()).unwrap();
    assert!(apart(&merged.net, &net) < 1e-9);
    assert_eq!(merged.moved.len(), 2);
    assert!(answers_apart(&merged.net, &net, 2, Seed::new(0)).unwrap() < 1e-9);
    let sum = merge(&[&net, &twins[0]], &[1.0, -1.0], 1, &AlignOptions::default()).unwrap_err().to_string();
    assert!(sum.contains("sum to 0"), "{sum}");
}

#[test]
fn files_are_aligned_merged_and_walked_between() {
    let place = Place::new();
    let a = file("vit", "dynamo.onnx");
    let [b, near, mean, element, again, figure, json] =
        ["b.onnx", "near.onnx", "mean.onnx", "element.json", "again.onnx", "line.svg", "line.jsonl"]
            .map(|name| place.path(name));
    succeed(&["twin", &a, "--seed", "3", "--out", &b]);
    let out = succeed(&["align", &a, &b, "--out", &near, "--element", &element]);
    assert!(out.contains("distance before") && out.contains("units came to another place"), "{out}");
    assert!(succeed(&["equal", &a, &near]).contains("nothing: their numbers are the same up to rounding"));
    succeed(&["twin", &b, "--element", &element, "--out", &again]);
    assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&near).unwrap());
    let out = succeed(&["merge", &a, &b, "--weights", "3,1", "--out", &mean]);
    assert!(out.contains("differ from those of") && out.contains("by 0.000"), "{out}");
    let out = succeed(&[
        "interpolate",
        &a,
        &b,
        "--steps",
        "3",
        "--n-inputs",
        "2",
        "--figure",
        &figure,
        "--json",
        &json,
    ]);
    assert!(out.contains("| departure, aligned |") || out.contains("departure, aligned"), "{out}");
    assert!(std::fs::read_to_string(&figure).unwrap().contains("B aligned to A"));
    let line: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let barrier = |when: &str| line["barrier"][when].as_f64().unwrap();
    assert!(barrier("before") > 0.05 && barrier("after") < 1e-3, "{line}");
    assert_eq!(line["before"].as_array().unwrap().len(), 3);
}

#[test]
fn what_cannot_be_aligned_is_refused_in_one_line() {
    let place = Place::new();
    let [a, other, out] =
        [file("mlp_tanh", "dynamo.onnx"), file("siren", "dynamo.onnx"), place.path("out.onnx")];
    assert!(refuse(&["align", &a, &other, "--out", &out]).contains("expected"));
    assert!(!Path::new(&out).exists());
    assert!(
        refuse(&["merge", &a, &a, "--weights", "1", "--out", &out]).contains("--weights: expected 2 numbers")
    );
    assert!(refuse(&["align", &a, &a, "--out", &a]).contains("--force"));
    assert!(refuse(&["interpolate", &a, &a, "--images", "mini"]).contains("pixels"));
    std::fs::copy(&a, &out).unwrap();
    let line = refuse(&["align", &a, &out, "--out", &out, "--force"]);
    assert!(line.contains("another file than the nets"), "{line}");
}
