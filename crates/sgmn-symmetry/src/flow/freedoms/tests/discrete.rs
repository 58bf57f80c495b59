//! Phases of sines and flips of sigmoids.

use sgmn_graph::flow::Function;

use super::{super::Rule, Sketch, proven};

fn rules(found: &[super::Freedom]) -> Vec<Rule> {
    found.iter().map(|freedom| freedom.rule).collect()
}

#[test]
fn sines_have_phases_whatever_stands_before() {
    let mut s = Sketch::new();
    let x = s.input(&[4, 2]);
    let omega = s.constant(&[], &[30.0]);
    let x = s.linear(x, "a", 3);
    let x = s.multiply(x, omega);
    let x = s.apply(Function::Sine, x);
    let x = s.linear(x, "b", 4);
    let x = s.apply(Function::Sine, x);
    let x = s.linear(x, "c", 1);
    let half = s.constant(&[], &[0.5]);
    let x = s.add(x, half);
    let found = proven(s.output(x));
    assert_eq!(rules(&found), [Rule::Phase, Rule::Phase]);
    assert_eq!(found[0].words, "a.bias may move by half periods of a sine, π/30: b.weight take up the signs");
}

#[test]
fn a_phase_goes_through_a_flatten_but_not_into_an_output() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 1, 4, 4]);
    let x = s.conv(x, "a", 3, 1);
    let x = s.apply(Function::Sine, x);
    let x = s.reshape(x, &[1, 48]);
    let x = s.linear(x, "b", 2);
    let x = s.apply(Function::Sine, x);
    assert_eq!(rules(&proven(s.output(x))), [Rule::Phase]);
}

#[test]
fn sigmoids_flip() {
    let mut s = Sketch::new();
    let x = s.input(&[4, 2]);
    let x = s.linear(x, "a", 3);
    let x = s.apply(Function::Sigmoid, x);
    let x = s.linear(x, "b", 4);
    let x = s.apply(Function::Sigmoid, x);
    let x = s.linear(x, "c", 2);
    let found = proven(s.output(x));
    assert_eq!(rules(&found), [Rule::Flip, Rule::Flip]);
}

#[test]
fn sigmoids_of_channels_flip_unless_zeros_are_padded_behind_them() {
    let with = |padding| {
        let mut s = Sketch::new();
        let x = s.input(&[1, 2, 5, 5]);
        let x = s.filter(x, "a", 3, 1);
        let x = s.batch_norm(x, "bn");
        let x = s.apply(Function::Sigmoid, x);
        let x = s.conv(x, "b", 2, padding);
        rules(&proven(s.output(x)))
    };
    assert_eq!(with(0), [Rule::Flip, Rule::Shift]);
    assert_eq!(with(1), [Rule::Shift]);
}

#[test]
fn a_sigmoid_that_gates_does_not_flip() {
    let mut s = Sketch::new();
    let x = s.input(&[4, 2]);
    let z = s.linear(x, "a", 3);
    let gate = s.apply(Function::Sigmoid, z);
    let y = s.multiply(z, gate);
    let y = s.linear(y, "b", 2);
    assert!(proven(s.output(y)).is_empty());
}
