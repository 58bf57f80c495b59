//! Soundness on random graphs, and completeness on the architectures that people train, small but not narrow.

use sgmn_graph::{
    Seed,
    flow::{
        Combination, Combine, Contract, Function, Normalize, Reduce, Reduction, ValueId, testing::random_flow,
    },
};

use super::{Completeness, completeness, redrawn};
use crate::flow::freedoms::tests::{net, sketch::Sketch};

#[test]
fn what_is_derived_lies_in_the_kernel_of_random_graphs() {
    for number in 0..8 {
        let seed = Seed::new(number);
        let found = completeness(&random_flow(seed, 60), seed).unwrap();
        assert!(found.loudest < 1e-6, "random flow {number}: {:.1e}", found.loudest);
        assert!(found.derived <= found.kernel, "random flow {number}: {} of {}", found.derived, found.kernel);
    }
}

/// Judges a net of a sketch; where some unit is dead, the next numbers.
fn judged(sketch: Sketch) -> Completeness {
    let net = net(sketch, Seed::new(0));
    let of = |again: u64| completeness(&redrawn(&net, Seed::new(again)).unwrap(), Seed::new(again)).unwrap();
    let all: Vec<Completeness> = (0..3).map(of).collect();
    all.into_iter().min_by_key(|found| found.kernel - found.derived).unwrap()
}

fn complete(name: &str, sketch: Sketch) {
    let found = judged(sketch);
    assert!(found.loudest < 1e-6, "{name}: {:.1e}", found.loudest);
    let (derived, kernel) = (found.derived, found.kernel);
    assert!(derived == kernel, "{name}: {derived} of {kernel}, gap {:.0e}", found.gap);
}

/// Layers of 4 inputs, 4 units twice, 3 outputs; units that are fewer inputs' linear images would not all be seen.
fn mlp(activation: impl Fn(&mut Sketch, ValueId, &str) -> ValueId) -> Sketch {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4]);
    let x = s.linear(x, "one", 4);
    let x = activation(&mut s, x, "first");
    let x = s.linear(x, "two", 4);
    let x = activation(&mut s, x, "second");
    let y = s.linear(x, "head", 3);
    s.output(y)
}

#[test]
fn nothing_is_missed_in_layers_with_activations() {
    let of = |function| mlp(move |s: &mut Sketch, x, _: &str| s.apply(function, x));
    complete("tanh", of(Function::Tanh));
    complete("sine", of(Function::Sine));
    complete("sigmoid", of(Function::Sigmoid));
    complete("gelu", of(Function::Gelu));
    complete("leaky", of(Function::LeakyRelu { slope: 0.1 }));
    complete("linear", mlp(|_, x, _| x));
    complete(
        "gated",
        mlp(|s, x, name| {
            let gate = s.linear(x, name, 4);
            let gate = s.apply(Function::Silu, gate);
            s.multiply(x, gate)
        }),
    );
}

#[test]
fn nothing_is_missed_in_layers_with_norms() {
    complete(
        "layer norm",
        mlp(|s, x, name| {
            // With a small epsilon, magnitudes before the norm are seen too little to be told from a symmetry.
            let x = s.step(Normalize { axes: vec![1], centre: true, epsilon: 0.3 }, &[x]);
            let gain = s.param(&format!("{name}.gain"), &[4]);
            let x = s.multiply(x, gain);
            let shift = s.param(&format!("{name}.shift"), &[4]);
            let x = s.add(x, shift);
            s.apply(Function::Tanh, x)
        }),
    );
    complete("softmax", mlp(|s, x, _| s.softmax(x)));
}

#[test]
fn nothing_is_missed_in_convolutions_with_batch_norm() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 4, 4]);
    let x = s.conv(x, "one", 3, 1);
    let x = s.batch_norm(x, "first");
    let x = s.apply(Function::Gelu, x);
    let y = s.conv(x, "two", 3, 0);
    let y = s.batch_norm(y, "second");
    let y = s.apply(Function::Gelu, y);
    let y = s.mean(y, &[2, 3]);
    let y = s.linear(y, "head", 3);
    complete("convolutions", s.output(y));
}

/// A stream that two blocks add to, with a norm in front of each and of the head.
fn stream(block: impl Fn(&mut Sketch, ValueId, &str) -> ValueId) -> Sketch {
    let mut s = Sketch::new();
    let x = s.input(&[1, 3, 3]);
    let mut x = s.linear(x, "embed", 4);
    let normed = s.layer_norm(x, "norm");
    let change = block(&mut s, normed, "block");
    x = s.add(x, change);
    let x = s.layer_norm(x, "last");
    let y = s.linear(x, "head", 3);
    s.output(y)
}

#[test]
fn nothing_is_missed_in_residual_streams() {
    complete(
        "mlp",
        stream(|s, x, name| {
            let x = s.linear(x, &format!("{name}.up"), 5);
            let x = s.apply(Function::Gelu, x);
            s.linear(x, &format!("{name}.down"), 4)
        }),
    );
}

#[test]
fn nothing_is_missed_in_attention() {
    complete(
        "attention",
        stream(|s, x, name| {
            let [q, k, v] = ["q", "k", "v"].map(|which| {
                let x = s.linear(x, &format!("{name}.{which}"), 4);
                let x = s.reshape(x, &[3, 2, 2]);
                s.permute(x, &[1, 0, 2])
            });
            let scores = s.step(Contract { batch: vec![(0, 0)], sum: vec![(2, 2)] }, &[q, k]);
            let shares = s.softmax(scores);
            let y = s.step(Contract { batch: vec![(0, 0)], sum: vec![(2, 1)] }, &[shares, v]);
            let y = s.permute(y, &[1, 0, 2]);
            let y = s.reshape(y, &[1, 3, 4]);
            s.linear(y, &format!("{name}.out"), 4)
        }),
    );
}

#[test]
fn nothing_is_missed_in_recurrences() {
    let mut s = Sketch::new();
    let x = s.input(&[3, 2]);
    let (own, back) = (s.param("own", &[4, 2]), s.param("back", &[4, 4]));
    let biases = [s.param("own.bias", &[4]), s.param("back.bias", &[4])];
    let mut state = None;
    for time in 0..3 {
        let now = s.slice(x, 0, time, 1);
        let mut sum = s.step(Contract { batch: vec![], sum: vec![(1, 1)] }, &[now, own]);
        if let Some(state) = state {
            let kept = s.step(Contract { batch: vec![], sum: vec![(1, 1)] }, &[state, back]);
            sum = s.add(sum, kept);
        }
        for bias in biases {
            sum = s.add(sum, bias);
        }
        state = Some(s.apply(Function::Tanh, sum));
    }
    let y = s.linear(state.unwrap(), "head", 3);
    complete("recurrence", s.output(y));
}

/// An input, something, tanh and a layer behind it.
fn before_a_layer(front: impl Fn(&mut Sketch, ValueId) -> ValueId) -> Sketch {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4]);
    let x = front(&mut s, x);
    let x = s.apply(Function::Tanh, x);
    let y = s.linear(x, "head", 3);
    s.output(y)
}

#[test]
fn factors_beside_inputs_keep_their_scalars() {
    let sketch = || {
        before_a_layer(|s, x| {
            let (gain, divisor) = (s.param("gain", &[4]), s.param("var.divisor", &[4]));
            let x = s.multiply(x, gain);
            s.step(Combine { by: Combination::Divide }, &[x, divisor])
        })
    };
    complete("gain and divisor", sketch());
    assert_eq!(judged(sketch()).derived, 4);
}

#[test]
fn exponentials_of_parameters_take_up_scalars() {
    let sketch = || {
        before_a_layer(|s, x| {
            let x = s.linear(x, "one", 4);
            let slope = s.param("slope", &[4]);
            let slope = s.apply(Function::Exponential, slope);
            s.step(Combine { by: Combination::Divide }, &[x, slope])
        })
    };
    complete("divided by an exponential", sketch());
    assert_eq!(judged(sketch()).derived, 4);
}

#[test]
fn functions_behind_what_is_never_negative_let_positive_scalars_through() {
    let elu = Function::Elu { alpha: 1.0, gamma: 1.0 };
    let of = |first: Function| {
        let sketch = mlp(move |s: &mut Sketch, x, _: &str| {
            let x = s.apply(first, x);
            s.apply(elu, x)
        });
        judged(sketch).derived
    };
    assert_eq!((of(Function::Relu), of(Function::Absolute), of(Function::Tanh)), (8, 8, 0));
}

#[test]
fn what_is_added_to_all_before_they_are_centred_is_not_seen() {
    for by in [Reduction::LogSumExp, Reduction::Mean, Reduction::Maximum] {
        let sketch = || {
            before_a_layer(|s, x| {
                let x = s.linear(x, "one", 4);
                let one = s.step(Reduce { by, axes: vec![1], keep: true }, &[x]);
                s.subtract(x, one)
            })
        };
        complete(&format!("less {by:?}"), sketch());
        assert_eq!(judged(sketch()).derived, 5, "{by:?}");
    }
}

#[test]
fn what_no_rule_knows_is_seen_as_missing() {
    // Two copies of each unit are read: only the sum of both weights is seen.
    let mut s = Sketch::new();
    let x = s.input(&[1, 3]);
    let x = s.apply(Function::Tanh, x);
    let x = s.concat(&[x, x], 1);
    let y = s.matrix(x, "reader", 2);
    let found = judged(s.output(y));
    assert_eq!((found.derived, found.kernel, found.missing.len()), (0, 6, 6));
}
