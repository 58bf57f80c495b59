//! Products of what a net computes: gates, experts, memories, choices.

use crate::flow::{
    Combination, Function, InputKind, Lookup, Pick, Reduction, Softmax,
    testing::draft::{Draft, Form, Stream},
};

fn gate_function(draft: &mut Draft) -> Option<Function> {
    use Function::*;
    if draft.wide {
        return draft.one_of(&[Some(Sigmoid), Some(Silu), Some(Gelu), Some(Tanh), None]);
    }
    draft.one_of(&[Some(Sigmoid), Some(Silu), Some(Gelu), Some(Relu), Some(Tanh), None])
}

fn opened(draft: &mut Draft, function: Option<Function>, x: crate::flow::ValueId) -> crate::flow::ValueId {
    function.map_or(x, |function| draft.point(function, x))
}

/// One map to twice as many units, the one half gating the other (GLU).
pub(super) fn gated_units(draft: &mut Draft, x: Stream) -> Stream {
    let (n, axis) = (draft.width(), x.form.units());
    let both = draft.mix(x, 2 * n).value;
    let (up, gate) = (draft.slice(both, axis, 0, n), draft.slice(both, axis, n, n));
    let function = gate_function(draft);
    let gate = opened(draft, function, gate);
    Stream { value: draft.multiply(up, gate), ..x }
}

/// Up, gate and down, each a map of its own (SwiGLU).
pub(super) fn gated_mlp(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_hidden) = (draft.n_units(x), draft.width());
    let [up, gate] = [(); 2].map(|()| draft.mix(x, n_hidden).value);
    let function = gate_function(draft);
    let gate = opened(draft, function, gate);
    let hidden = draft.multiply(gate, up);
    draft.mix(Stream { value: hidden, ..x }, n)
}

/// Each unit times a number computed from the means of all.
pub(super) fn squeeze_excitation(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_hidden) = (draft.n_units(x), draft.number(1, 3));
    let means = Stream { value: draft.reduce(Reduction::Mean, x.value, &x.form.places(), true), ..x };
    let hidden = draft.mix(means, n_hidden);
    let hidden = draft.activate(hidden);
    let gate = draft.mix(hidden, n).value;
    let function = draft.function_of(&[Function::Sigmoid, Function::HardSigmoid { alpha: 0.2, beta: 0.5 }]);
    let gate = draft.point(function, gate);
    Stream { value: draft.multiply(x.value, gate), ..x }
}

/// Each place times a number computed from mean and maximum over units.
pub(super) fn spatial_gate(draft: &mut Draft, x: Stream) -> Stream {
    let [mean, most] = [Reduction::Mean, Reduction::Maximum].map(|by| draft.reduce(by, x.value, &[1], true));
    let both = Stream { value: draft.concat(1, &[mean, most]), ..x };
    let gate = draft.mix(both, 1).value;
    let gate = draft.point(Function::Sigmoid, gate);
    Stream { value: draft.multiply(x.value, gate), ..x }
}

/// Half of the units gates the other half after a map of places (gMLP).
pub(super) fn places_gated(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_places) = (draft.width(), draft.shape(x.value)[1]);
    let both = draft.mix(x, 2 * n).value;
    let (up, gate) = (draft.slice(both, 2, 0, n), draft.slice(both, 2, n, n));
    let gate = draft.normalize(gate, &[2], true);
    let weight = draft.weight(&[n_places, n_places], n_places);
    let gate = draft.contract(weight, gate, &[], &[(1, 1)]);
    let gate = draft.permute(gate, &[1, 0, 2]);
    let bias = draft.gain(&[n_places, 1]);
    let gate = draft.add(gate, bias);
    Stream { value: draft.multiply(up, gate), ..x }
}

/// Gains and shifts computed from a second input.
pub(super) fn film(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.n_units(x);
    let condition = draft.input(&[1, 2], InputKind::Real);
    let mut shape = vec![1; draft.shape(x.value).len()];
    shape[x.form.units()] = n;
    let [gain, shift] = [(); 2].map(|()| {
        let vector = draft.linear(condition, n);
        draft.reshape(vector, &shape)
    });
    let scaled = draft.multiply(x.value, gain);
    Stream { value: draft.add(scaled, shift), ..x }
}

/// A weighted sum of small nets, the weights computed by a router.
pub(super) fn experts(draft: &mut Draft, x: Stream) -> Stream {
    let (n, axis, n_experts) = (draft.n_units(x), x.form.units(), 2);
    let router = draft.mix(x, n_experts).value;
    let shares = draft.softmax(router, axis);
    let mut sum = None;
    for expert in 0..n_experts {
        let share = draft.slice(shares, axis, expert, 1);
        let out = draft.mix(x, n);
        let out = draft.activate(out).value;
        let part = draft.multiply(out, share);
        sum = Some(sum.map_or(part, |sum| draft.add(sum, part)));
    }
    sum.map_or(x, |value| Stream { value, ..x })
}

/// `y_o = Σ W_oij a_i b_j`.
pub(super) fn bilinear(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_in) = (draft.n_units(x), draft.width_or(2));
    let [a, b] = [(); 2].map(|()| draft.mix(x, n_in).value);
    let weight = draft.weight(&[n_in; 3], n_in * n_in);
    let half = draft.contract(a, weight, &[], &[(1, 1)]);
    let product = draft.contract(half, b, &[(0, 0)], &[(2, 1)]);
    draft.mix(Stream { value: product, ..x }, n)
}

/// Square of the sum less the sum of squares (factorization machine).
pub(super) fn factors(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, hidden) = (x.form.units(), draft.width());
    let y = draft.mix(x, hidden).value;
    let square = Function::Power { exponent: 2.0 };
    let sum = draft.reduce(Reduction::Sum, y, &[axis], true);
    let square_of_sum = draft.point(square, sum);
    let squares = if draft.chance(0.5) {
        draft.reduce(Reduction::SquareSum, y, &[axis], true)
    } else {
        let squares = draft.point(square, y);
        draft.reduce(Reduction::Sum, squares, &[axis], true)
    };
    let value = draft.combine(Combination::Subtract, square_of_sum, squares);
    Stream { value: draft.concat(axis, &[value, y]), ..x }
}

/// The row of a table that the largest unit names, added.
pub(super) fn hard_choice(draft: &mut Draft, x: Stream) -> Stream {
    let (n, axis) = (draft.n_units(x), x.form.units());
    let scores = draft.mix(x, 3).value;
    let by = draft.one_of(&[Reduction::ArgMaximum, Reduction::ArgMinimum]);
    let ids = draft.reduce(by, scores, &[axis], false);
    let table = draft.weight(&[3, n], 1);
    let rows = draft.step(Lookup { axis: 0 }, &[table, ids]);
    Stream { value: draft.add(x.value, rows), ..x }
}

/// Of each mixture the unit that another mixture names.
pub(super) fn largest_picked(draft: &mut Draft, x: Stream) -> Stream {
    let axis = x.form.units();
    let scores = draft.mix(x, 3).value;
    let ids = draft.reduce(Reduction::ArgMaximum, scores, &[axis], true);
    let from = draft.mix(x, 3).value;
    let picked = draft.step(Pick { axis }, &[from, ids]);
    Stream { value: draft.add(x.value, picked), ..x }
}

/// Learned values, weighted by products with learned keys.
pub(super) fn memory(draft: &mut Draft, x: Stream) -> Stream {
    let (n, axis) = (draft.n_units(x), x.form.units());
    // Shares of as many keys as units would lie in a plane.
    let n_keys = if draft.wide { n + 1 } else { 3 };
    let (keys, values) = (draft.weight(&[n_keys, n], n), draft.weight(&[n_keys, n], 1));
    let scores = draft.contract(x.value, keys, &[], &[(axis, 1)]);
    let log = draft.chance(0.2);
    let shares = draft.step(Softmax { axis, log }, &[scores]);
    let value = draft.contract(shares, values, &[], &[(axis, 0)]);
    Stream { value, form: if x.form == Form::Row { Form::Row } else { Form::Tokens } }
}
