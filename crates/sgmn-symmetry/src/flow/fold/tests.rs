//! What can be folded is, what cannot stays, and the function is the same.

use sgmn_graph::{
    Seed,
    flow::{Contract, Function, Lookup, Normalize, Role},
};

use super::Fold;
use crate::flow::freedoms::tests::{difference, net, outputs, sketch::Sketch};

/// Names of the parameters of the folded net, whose function was compared.
fn folded(sketch: Sketch) -> Vec<String> {
    let net = net(sketch, Seed::new(2));
    let fold = Fold::new(net.flow()).unwrap();
    let other = fold.apply(&net).unwrap();
    let off = difference(&outputs(&net, &net), &outputs(&other, &other));
    assert!(off < 1e-12, "outputs differ by {off}");
    assert_eq!(fold.origins().len(), fold.flow().params().len());
    let again = Fold::new(fold.flow()).unwrap().apply(&other).unwrap();
    assert!(difference(&outputs(&other, &other), &outputs(&again, &again)) < 1e-12);
    assert_eq!(again.flow().params().len(), other.flow().params().len(), "folding twice is folding once");
    other.flow().params().iter().map(|param| param.name.clone()).collect()
}

#[test]
fn batch_normalization_goes_into_the_convolution_before() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 5, 5]);
    let x = s.conv(x, "a", 3, 1);
    let x = s.batch_norm(x, "bn");
    let x = s.relu(x);
    let x = s.filter(x, "b", 2, 1);
    assert_eq!(folded(s.output(x)), ["a.weight", "b.weight", "bn.bias"]);
}

#[test]
fn batch_normalization_before_an_activation_and_behind_none_becomes_a_gain_and_a_shift() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 5, 5]);
    let a = s.filter(x, "a", 3, 1);
    let y = s.batch_norm(a, "bn");
    let y = s.relu(y);
    let x = s.add(a, y);
    let s = s.output(x);
    let net = net(s, Seed::new(0));
    let fold = Fold::new(net.flow()).unwrap();
    let names: Vec<&str> = fold.flow().params().iter().map(|param| param.name.as_str()).collect();
    assert_eq!(names, ["a.weight", "bn.weight", "bn.bias"]);
    assert!(fold.flow().params().iter().all(|param| param.role == Role::Trained));
}

#[test]
fn a_norm_goes_into_all_its_readers() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let x = s.linear(x, "stem", 4);
    let y = s.layer_norm(x, "norm");
    let a = s.linear(y, "a", 5);
    let b = s.linear(y, "b", 5);
    let y = s.multiply(a, b);
    let y = s.linear(y, "out", 4);
    let x = s.add(x, y);
    let x = s.layer_norm(x, "last");
    let x = s.linear(x, "head", 2);
    let names = folded(s.output(x));
    assert!(names.iter().all(|name| !name.contains("norm") && !name.contains("last")), "{names:?}");
    assert_eq!(names.len(), 10);
}

#[test]
fn a_shift_that_a_reader_cannot_take_keeps_the_norm() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let y = s.layer_norm(x, "norm");
    let y = s.matrix(y, "a", 5);
    assert_eq!(folded(s.output(y)), ["norm.weight", "norm.bias", "a"]);
}

#[test]
fn an_rms_norm_goes_into_readers_without_biases() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3, 4]);
    let x = s.step(Normalize { axes: vec![2], centre: false, epsilon: 1e-6 }, &[x]);
    let gain = s.param("gain", &[4]);
    let x = s.multiply(x, gain);
    let x = s.mean(x, &[1]);
    let x = s.matrix(x, "head", 2);
    assert_eq!(folded(s.output(x)), ["head"]);
}

#[test]
fn a_tied_table_takes_no_gain() {
    let mut s = Sketch::new();
    let ids = s.tokens(&[1, 4]);
    let table = s.param("tokens", &[5, 3]);
    let x = s.step(Lookup { axis: 0 }, &[table, ids]);
    let x = s.step(Normalize { axes: vec![2], centre: false, epsilon: 1e-6 }, &[x]);
    let gain = s.param("gain", &[3]);
    let x = s.multiply(x, gain);
    let x = s.step(Contract { batch: vec![], sum: vec![(2, 1)] }, &[x, table]);
    assert_eq!(folded(s.output(x)).len(), 2);
}

#[test]
fn a_gain_behind_a_linear_layer_goes_into_it_and_a_constant_factor_stays() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let omega = s.constant(&[], &[30.0]);
    let x = s.linear(x, "a", 4);
    let x = s.multiply(x, omega);
    let gain = s.param("gain", &[4]);
    let x = s.multiply(x, gain);
    let x = s.apply(Function::Sine, x);
    assert_eq!(folded(s.output(x)), ["a.weight", "a.bias"]);
}

#[test]
fn two_gains_with_a_constant_between_do_not_lose_each_other() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 5, 5]);
    let x = s.conv(x, "a", 3, 1);
    let x = s.batch_norm(x, "bn");
    let half = s.constant(&[], &[0.5]);
    let x = s.multiply(x, half);
    let x = s.batch_norm(x, "other");
    let x = s.relu(x);
    let names = folded(s.output(x));
    assert!(names.iter().all(|name| !name.contains("var") && !name.contains("mean")), "{names:?}");
}

#[test]
fn a_shift_that_only_itself_could_take_back_keeps_the_norm() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 5, 5]);
    let x = s.normalize(x, &[2, 3]);
    let gain = s.channels("gain", 2);
    let x = s.multiply(x, gain);
    let shift = s.channels("shift", 2);
    let x = s.add(x, shift);
    let x = s.conv(x, "a", 2, 1);
    assert_eq!(folded(s.output(x)), ["gain", "shift", "a.weight", "a.bias"]);
}
