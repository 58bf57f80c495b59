//! Nets moved near each other: twins come back, trained nets have lower barriers, means and lines are shown.

use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::Value;
use sgmn_data::{
    any_net::{self, ReadOptions},
    fit::Images,
};
use sgmn_exp::{
    any_net::{
        batch_norms::BatchNorms,
        judge::Judge,
        merge::{Moved, merge, moved},
        path::{Pixels, Questions, answers_apart, barrier, image_inputs, walk},
        twin,
    },
    data::datasets::{MINI_NAME, image_sets},
};
use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers, Role, random_inputs},
};
use sgmn_symmetry::flow::align::{AlignOptions, Method};

use super::{
    Place,
    any_net::file,
    refuse, succeed,
    trained::{Training, trained},
};

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
        let inputs: Vec<_> = (0..16).map(|at| random_inputs(net.flow(), Seed::new(at))).collect();
        for method in [Method::Weights, Method::Activations(&inputs)] {
            let Moved { alignment, net: back } =
                moved(&net, &twin, method, &AlignOptions::default()).unwrap();
            let found = apart(&back, &net);
            let by = if matches!(method, Method::Weights) { "weights" } else { "activations" };
            assert!(
                found <= 1e-6,
                "{name} by {by}: {found:e}, {:?} from {}",
                alignment.starts,
                alignment.before
            );
        }
    }
}

/// Two small perceptrons that were trained apart.
fn trained_apart(images: &Images, norms: bool) -> [FlowNet; 2] {
    let training = Training { widths: &[784, 16, 16, 10], norms, n_images: 300, steps: 60 };
    [1, 2].map(|seed| trained(images, &training, Seed::new(seed)).unwrap())
}

const PIXELS: Pixels = Pixels { mean: 0.0, std: 1.0 };

#[test]
fn nets_that_were_trained_apart_have_a_lower_barrier_after_alignment() {
    let (train, test) = image_sets(MINI_NAME, Path::new("")).unwrap();
    let [a, b] = trained_apart(&train, false);
    let questions = Questions::images(a.flow(), &test, 60, PIXELS).unwrap();
    let seen = image_inputs(a.flow(), &train, 100, PIXELS).unwrap();
    let before = walk(&a, &b, 7, &questions, None).unwrap();
    assert!(before[0].accuracy.unwrap() > 0.5, "it has learned something: {before:?}");
    assert!(barrier(&before) > 0.1, "{before:?}");
    for method in [Method::Weights, Method::Activations(&seen)] {
        let Moved { alignment, net } = moved(&a, &b, method, &AlignOptions::default()).unwrap();
        assert!(alignment.after < alignment.before, "{method:?}: {alignment:?}");
        let after = walk(&a, &net, 7, &questions, None).unwrap();
        assert!((before[6].loss - after[6].loss).abs() < 1e-9, "the same function");
        assert!(barrier(&after) <= barrier(&before), "{method:?}: {before:?} {after:?}");
    }
}

#[test]
fn statistics_are_estimated_for_nets_between_the_ends_and_not_for_the_ends() {
    let (train, test) = image_sets(MINI_NAME, Path::new("")).unwrap();
    let [a, b] = trained_apart(&train, true);
    let questions = Questions::images(a.flow(), &test, 60, PIXELS).unwrap();
    let norms = BatchNorms::new(a.flow(), image_inputs(a.flow(), &train, 300, PIXELS).unwrap()).unwrap();
    let line = |norms: Option<&BatchNorms>| walk(&a, &b, 3, &questions, norms).unwrap();
    let (plain, estimated) = (line(None), line(Some(&norms)));
    assert_eq!((plain[0], plain[2]), (estimated[0], estimated[2]));
    assert_ne!(plain[1], estimated[1]);
    // The nets were trained on these images, so nothing is to be estimated of the ends.
    let again = norms.estimated(&a).unwrap();
    for param in 0..a.flow().params().len() {
        let (x, y) = (a.numbers(param), again.numbers(param));
        assert!(x.iter().zip(y.iter()).all(|(x, y)| (x - y).abs() <= 1e-9 * (1.0 + x.abs())));
    }
}

#[test]
fn a_net_whose_statistics_were_destroyed_regains_its_answers() {
    for (name, of) in
        [("resnet_basic", "unfused.onnx"), ("vgg_bn", "export.pt2"), ("mobilenet_relu", "unfused.onnx")]
    {
        let net = any_net::open(Path::new(&file(name, of)), &ReadOptions::default()).unwrap().net;
        let inputs: Vec<_> = (0..3).map(|at| random_inputs(net.flow(), Seed::new(at))).collect();
        let norms = BatchNorms::new(net.flow(), inputs.clone()).unwrap();
        assert!(norms.n_norms() > 1 && norms.left().is_empty(), "{name}: {norms:?}");
        let right = net.with(&norms.estimated(&net).unwrap()).unwrap();
        let mut destroyed = right.stored().to_vec();
        for (param, numbers) in destroyed.iter_mut().enumerate() {
            if net.flow().params()[param].role == Role::Statistic {
                *numbers = (0..numbers.len()).map(|at| 0.5 + at as f64).collect::<Vec<f64>>().into();
            }
        }
        let destroyed = FlowNet::new(net.flow().clone(), destroyed).unwrap();
        let judge = Judge::new(&right, inputs).unwrap();
        assert!(judge.change(&destroyed).unwrap() > 1e-2, "{name}: it was destroyed");
        let again = judge.change(&norms.estimated(&destroyed).unwrap()).unwrap();
        assert!(again < 1e-9, "{name}: {again:e}");
    }
}

#[test]
fn nets_without_norms_and_without_inputs_are_refused() {
    let open = |name: &str| {
        any_net::open(Path::new(&file(name, "dynamo.onnx")), &ReadOptions::default()).unwrap().net
    };
    let net = open("mlp_tanh");
    let refused = BatchNorms::new(net.flow(), vec![random_inputs(net.flow(), Seed::new(0))]).unwrap_err();
    assert!(refused.to_string().contains("expected a net with batch norms"), "{refused}");
    let refused = BatchNorms::new(open("vgg_bn").flow(), vec![]).unwrap_err();
    assert!(refused.to_string().contains("expected inputs"), "{refused}");
}

#[test]
fn the_mean_of_twins_is_the_net_whatever_the_weights() {
    let net =
        any_net::open(Path::new(&file("mlp_tanh", "dynamo.onnx")), &ReadOptions::default()).unwrap().net;
    let twins = [1, 2].map(|seed| twin::drawn(&net, Seed::new(seed)).unwrap());
    let merged =
        merge(&[&net, &twins[0], &twins[1]], &[2.0, 1.0, 4.0], 2, Method::Weights, &AlignOptions::default())
            .unwrap();
    assert!(apart(&merged.net, &net) < 1e-9);
    assert_eq!(merged.moved.len(), 2);
    assert!(answers_apart(&merged.net, &net, 2, Seed::new(0)).unwrap() < 1e-9);
    let sum = merge(&[&net, &twins[0]], &[1.0, -1.0], 1, Method::Weights, &AlignOptions::default())
        .unwrap_err()
        .to_string();
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
    let refused = refuse(&["align", &a, &a, "--method", "activations", "--out", &out]);
    assert!(refused.contains("--method activations: expected images, found none"), "{refused}");
    assert!(refuse(&["merge", &a, &a, "--estimate", "--out", &out]).contains("required"));
    std::fs::copy(&a, &out).unwrap();
    let line = refuse(&["align", &a, &out, "--out", &out, "--force"]);
    assert!(line.contains("another file than the nets"), "{line}");
}

#[test]
fn nets_of_digits_are_aligned_by_activations_and_merged_with_new_statistics() {
    let place = Place::new();
    let [a, toml, b, near, mean] =
        ["a.safetensors", "net.toml", "b.safetensors", "near.safetensors", "mean.safetensors"]
            .map(|name| place.path(name));
    let text = "
        layers = [
            \"flatten\",
            { op = \"linear\", name = \"0\" },
            { op = \"batch_norm\", name = \"1\" },
            \"relu\",
            { op = \"linear\", name = \"2\" },
        ]
        [input]
        image = { shape = [\"batch\", 1, 28, 28] }
    ";
    std::fs::write(&toml, text).unwrap();
    let shapes: [(&str, &[usize]); 8] = [
        ("0.weight", &[5, 784]),
        ("0.bias", &[5]),
        ("1.weight", &[5]),
        ("1.bias", &[5]),
        ("1.running_mean", &[5]),
        ("1.running_var", &[5]),
        ("2.weight", &[10, 5]),
        ("2.bias", &[10]),
    ];
    let tensors = shapes.iter().enumerate().map(|(at, (name, shape))| {
        let n: usize = shape.iter().product();
        let numbers = (0..n).map(|i| ((i * i + 3 * i + 17 * at + 1) as f64).sin());
        let numbers: Vec<f64> =
            numbers.map(|x| if *name == "1.running_var" { x * x + 0.1 } else { x }).collect();
        ((*name).to_owned(), Tensor::from_vec(numbers, *shape, &Device::Cpu).unwrap())
    });
    candle_core::safetensors::save(&tensors.collect(), &a).unwrap();
    let with = |args: &[&str]| -> String {
        succeed(&[args, &["--architecture", &toml, "--size", "batch=4"]].concat())
    };
    with(&["twin", &a, "--out", &b]);
    let shown = ["--images", "mini", "--n-images", "40"];
    let by = [&["align", &a, &b, "--method", "activations", "--out", &near][..], &shown].concat();
    assert!(with(&by).contains("after 0.000"), "{}", with(&[&by[..], &["--force"]].concat()));
    let merged = with(&[&["merge", &a, &b, "--estimate", "--out", &mean][..], &shown].concat());
    assert!(merged.contains("statistics of 1 batch norms are estimated on training images"), "{merged}");
    let line = with(&[&["interpolate", &a, &b, "--steps", "3", "--estimate"][..], &shown].concat());
    assert!(line.contains("nats after alignment"), "{line}");
}
