//! One net in one file: what is known of it, what is asked, what is done with it.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use sgmn_data::{
    Sample, Target,
    formats::folder,
    nets::{self, NetOptions},
};
use sgmn_graph::{Activation, NetSpec, Seed, eval, testing};

use super::{Place, Ran, refuse, sgmn, succeed};

#[test]
fn a_lone_state_dict_is_a_net() {
    let place = Place::new();
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let drawn = testing::random_net(Seed::new(3), &spec);
    let values = |range: std::ops::Range<usize>, shape: &[usize]| {
        let values: Vec<f32> = drawn.params()[range].iter().map(|value| *value as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let tensors: Vec<(String, Tensor)> = (0..2)
        .flat_map(|l| {
            let [weight, bias] = [spec.weight_range(l), spec.bias_range(l)];
            let n_out = bias.len();
            [
                (format!("seq.{l}.weight"), values(weight, &spec.weight_shape(l))),
                (format!("seq.{l}.bias"), values(bias, &[n_out])),
            ]
        })
        .collect();
    let [archive, net] = ["net.pth", "net.safetensors"].map(|name| place.path(name));
    super::torch::write(archive.as_ref(), &[], &tensors);
    let Ran { code, err, .. } = sgmn(&["convert", &archive, &net]);
    assert_eq!(code, Some(1), "{err}");
    assert!(
        err.contains("the file does not say the activation of its hidden layers (--activation WORD"),
        "{err}"
    );
    let shown = succeed(&["inspect", &archive]);
    assert!(
        shown.contains("the file does not say:") && shown.contains("seq.1") && shown.contains("[1, 3]"),
        "{shown}"
    );
    succeed(&["convert", &archive, &net, "--activation", "sine:30", "--output-offset", "0.5"]);
    let read = nets::open(net.as_ref(), &NetOptions::default()).unwrap().net().unwrap();
    assert_eq!(read.spec(), &spec);
    assert!(read.params().iter().zip(drawn.params()).all(|(a, b)| *a == f64::from(*b as f32)));

    let said = succeed(&["inspect", &archive, "--activation", "tanh", "--output-offset", "0"]);
    assert!(said.contains("tanh") && !said.contains("shifted"), "{said}");
}

#[test]
fn a_net_without_biases_is_shown_canonicalized_and_counted_as_it_is() {
    let place = Place::new();
    let [before, after] = ["before.safetensors", "after.safetensors"].map(|name| place.path(name));
    let spec = Arc::new(NetSpec::mlp(&[2, 6, 1], Activation::Gaussian, 0.0).unwrap().without_biases());
    let net = testing::random_net(Seed::new(3), &spec);
    let sample = Sample { id: "net".into(), net, target: Target::None };
    folder::write_net(before.as_ref(), &sample).unwrap();
    let said = succeed(&["inspect", &before]);
    assert!(said.contains("18 parameters, Gaussian, no biases") && said.contains("no bias |"), "{said}");
    assert!(said.contains("mirror, permutation") && !said.contains("NaN"), "{said}");
    succeed(&["canonicalize", &before, &after]);
    let read = nets::open(after.as_ref(), &NetOptions::default()).unwrap().net().unwrap();
    assert_eq!(read.spec(), &spec);
    let largest =
        |row: &[f64]| row.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
    assert!(read.weight(0).chunks(2).all(|row| largest(row) > 0.0), "{read:?}");
    for at in [[0.3, -0.7], [0.0, 0.0]] {
        let [a, b] = [&sample.net, &read].map(|net| eval::run(net, &at).unwrap()[0]);
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
    let said = succeed(&["stats", &before]);
    assert!(!said.contains("NaN"), "{said}");
}

#[test]
fn activations_are_words_in_any_case_and_one_for_each_layer() {
    let place = Place::new();
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 3, 1], Activation::Tanh, 0.0).unwrap());
    let net = testing::random_net(Seed::new(3), &spec);
    let tensors: Vec<(String, Tensor)> = (0..3)
        .flat_map(|l| {
            let tensor = |values: &[f64], shape: Vec<usize>| {
                let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                Tensor::from_vec(values, shape, &Device::Cpu)
            };
            let bias = net.bias(l);
            [
                (format!("{l}.weight"), tensor(net.weight(l), spec.weight_shape(l)).unwrap()),
                (format!("{l}.bias"), tensor(bias, vec![bias.len()]).unwrap()),
            ]
        })
        .collect();
    let archive = place.path("net.pth");
    super::torch::write(archive.as_ref(), &[], &tensors);
    let inspect = |word: &str| succeed(&["inspect", &archive, "--output-offset", "0", "--activation", word]);
    assert!(inspect("LeakyReLU(0.1)").contains("leaky ReLU 0.1"));
    assert!(inspect("SIREN").contains("sine 30"));
    assert!(inspect("sine:30,sine:1").contains("sine 30 and sine 1"));
    let three = refuse(&["inspect", &archive, "--activation", "sine:30,sine:1,sine:1"]);
    assert!(
        three.contains("expected 2 words, one for each hidden layer, or one for all, found 3"),
        "{three}"
    );
    let Ran { code, err, .. } = sgmn(&["inspect", &archive, "--activation", "cubic"]);
    assert!(code != Some(0) && err.contains("expected one of elu:1, gaussian, gauss, gelu"), "{err}");
}
