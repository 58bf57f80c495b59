//! Weights that are computed of parameters, shared, cut out and put together.

use crate::flow::{
    Combination, Function, Normalize, Reduction, Softmax, ValueId,
    testing::draft::{Draft, Stream},
};

/// `x Wᵀ` for a weight `[n_out, n_in]`, with a bias at times.
fn read(draft: &mut Draft, x: Stream, weight: ValueId) -> Stream {
    let y = draft.contract(x.value, weight, &[], &[(x.form.units(), 1)]);
    Stream { value: draft.maybe_bias(y, x.form, 0.5), ..x }
}

/// Each row a direction and a length (weight normalization), or rows of mean zero and size one.
pub(super) fn normalized_weight(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_out) = (draft.n_units(x), draft.width());
    let direction = draft.weight(&[n_out, n], n);
    let weight = match draft.number(0, 2) {
        0 => {
            let length = draft.reduce(Reduction::Norm, direction, &[1], true);
            let unit = draft.combine(Combination::Divide, direction, length);
            let gain = draft.gain(&[n_out, 1]);
            draft.multiply(unit, gain)
        }
        1 => draft.step(Normalize { axes: vec![1], centre: true, epsilon: 1e-4 }, &[direction]),
        _ => {
            let length = draft.reduce(Reduction::Norm, direction, &[0, 1], true);
            draft.combine(Combination::Divide, direction, length)
        }
    };
    read(draft, x, weight)
}

/// A weight and a product of two thin ones, or the product alone.
pub(super) fn low_rank(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_out, rank) = (draft.n_units(x), draft.width(), draft.number(1, 2));
    let (up, down) = (draft.weight(&[n_out, rank], rank), draft.weight(&[rank, n], n));
    let mut weight = draft.contract(up, down, &[], &[(1, 0)]);
    if draft.chance(0.6) {
        let base = draft.weight(&[n_out, n], n);
        weight = draft.add(base, weight);
    }
    read(draft, x, weight)
}

/// A weight whose numbers above the diagonal are left out.
pub(super) fn masked_weight(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_out) = (draft.n_units(x), draft.width());
    let weight = draft.weight(&[n_out, n], n);
    let mask = draft.constant(&[n_out, n], |i| f64::from(u8::from(i % n <= i / n)));
    let weight = draft.multiply(weight, mask);
    read(draft, x, weight)
}

/// A weight that is kept positive, or whose rows are shares.
pub(super) fn positive_weight(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_out) = (draft.n_units(x), draft.width());
    let free = draft.weight(&[n_out, n], n);
    let weight = match draft.number(0, 2) {
        0 => draft.point(Function::Softplus, free),
        1 => draft.point(Function::Exponential, free),
        _ => draft.step(Softmax { axis: 1, log: false }, &[free]),
    };
    read(draft, x, weight)
}

/// A weight times one number for all, or a number for each column.
pub(super) fn scaled_weight(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_out) = (draft.n_units(x), draft.width());
    let weight = draft.weight(&[n_out, n], n);
    let scale = if draft.chance(0.5) { draft.gain(&[]) } else { draft.gain(&[n]) };
    let weight = draft.multiply(weight, scale);
    read(draft, x, weight)
}

/// Numbers that lie in one long vector.
pub(super) fn of_one_vector(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_out) = (draft.n_units(x), draft.width());
    let vector = draft.weight(&[n_out * n + n_out], n);
    let (weight, bias) = (draft.slice(vector, 0, 0, n_out * n), draft.slice(vector, 0, n_out * n, n_out));
    let weight = draft.reshape(weight, &[n_out, n]);
    let y = draft.contract(x.value, weight, &[], &[(x.form.units(), 1)]);
    Stream { value: draft.add(y, bias), ..x }
}

/// One fused weight, cut into the weights of two maps.
pub(super) fn sliced_weight(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_out) = (draft.n_units(x), draft.width_of(1, 2));
    let fused = draft.weight(&[2 * n_out, n], n);
    let [a, b] = [0, 1].map(|i| {
        let weight = draft.slice(fused, 0, i * n_out, n_out);
        read(draft, x, weight)
    });
    let a = draft.activate(a).value;
    Stream { value: draft.multiply(a, b.value), ..x }
}

/// One weight put together of two parameters.
pub(super) fn put_together(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.n_units(x);
    let parts = [draft.weight(&[1, n], n), draft.weight(&[2, n], n)];
    let weight = draft.concat(0, &parts);
    read(draft, x, weight)
}

/// A map, and the same weight turned around on the way back.
pub(super) fn tied_back(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_hidden, last) = (draft.n_units(x), draft.width(), x.form.units());
    let weight = draft.weight(&[n_hidden, n], n);
    let hidden = read(draft, x, weight);
    let hidden = draft.activate(hidden).value;
    let value = if draft.chance(0.5) {
        draft.contract(hidden, weight, &[], &[(last, 0)])
    } else {
        let turned = draft.permute(weight, &[1, 0]);
        draft.contract(hidden, turned, &[], &[(last, 1)])
    };
    Stream { value: draft.maybe_bias(value, x.form, 0.5), ..x }
}

/// The same layer again and again.
pub(super) fn repeated_layer(draft: &mut Draft, x: Stream) -> Stream {
    let (n, last) = (draft.n_units(x), x.form.units());
    let (weight, bias) = (draft.weight(&[n, n], n), draft.bias(&[n]));
    let function = draft.function_of(&[Function::Tanh, Function::Relu, Function::Sine]);
    let sums = draft.chance(0.5);
    let mut value = x.value;
    for _ in 0..2 {
        let product = draft.contract(value, weight, &[], &[(last, 1)]);
        let sum = draft.add(product, bias);
        let next = draft.point(function, sum);
        value = if sums { draft.add(value, next) } else { next };
    }
    Stream { value, ..x }
}

/// A map of its own for each place.
pub(super) fn weight_of_places(draft: &mut Draft, x: Stream) -> Stream {
    let (shape, n_out) = (draft.shape(x.value), draft.width_of(1, 2));
    let weight = draft.weight(&[shape[1], n_out, shape[2]], shape[2]);
    let y = draft.contract(x.value, weight, &[(1, 0)], &[(2, 2)]);
    Stream { value: draft.permute(y, &[1, 0, 2]), ..x }
}
