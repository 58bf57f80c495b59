//! What happens to places: pooling, padding, moving, mixing, turning them into units.

use crate::flow::{
    Combination, Cumulate, Function, Pad, Pool, Pooling, Reduction, Slice,
    testing::draft::{Draft, Form, Stream},
};

fn a_place_axis(draft: &mut Draft, x: Stream) -> (usize, usize) {
    let axis = draft.one_of(&x.form.places());
    (axis, draft.shape(x.value)[axis])
}

/// Maxima and means over windows.
pub(super) fn pooled(draft: &mut Draft, x: Stream) -> Stream {
    let n = x.form.places().len();
    let by = draft.one_of(&[
        Pooling::Maximum,
        Pooling::Maximum,
        Pooling::Mean { counts_padding: true },
        Pooling::Mean { counts_padding: false },
    ]);
    let (window, stride, ceil) = (draft.number(1, 2) + 1, draft.number(1, 2), draft.chance(0.3));
    let (padding, dilation) = (vec![(1, 1); n], vec![if window == 2 { draft.number(1, 2) } else { 1 }; n]);
    let op = Pool { by, window: vec![window; n], stride: vec![stride; n], padding, dilation, ceil };
    Stream { value: draft.step(op, &[x.value]), ..x }
}

fn a_reduction(draft: &mut Draft) -> Reduction {
    use Reduction::*;
    draft.one_of(&[Mean, Mean, Sum, Maximum, Minimum, Norm, AbsoluteSum, SquareSum, LogSumExp, Product])
}

/// One number for all places: what stands before the head of most nets.
pub(super) fn reduced(draft: &mut Draft, x: Stream) -> Stream {
    let by = a_reduction(draft);
    let value = draft.reduce(by, x.value, &x.form.places(), false);
    let root = draft.chance(0.2) && by == Reduction::SquareSum;
    let value = if root { draft.point(Function::Power { exponent: 0.5 }, value) } else { value };
    Stream { value, form: Form::Row }
}

/// x less, or beside, or times one number for all places.
pub(super) fn less_their_reduction(draft: &mut Draft, x: Stream) -> Stream {
    let by = a_reduction(draft);
    let one = draft.reduce(by, x.value, &x.form.places(), true);
    let value = match draft.number(0, 2) {
        0 => draft.combine(Combination::Subtract, x.value, one),
        1 => draft.multiply(x.value, one),
        _ => {
            let all = draft.expand(one, &draft.shape(x.value));
            draft.concat(x.form.units(), &[x.value, all])
        }
    };
    Stream { value, ..x }
}

/// Places and units become units.
pub(super) fn flattened(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.shape(x.value).iter().product();
    let y = Stream { value: draft.reshape(x.value, &[1, n]), form: Form::Row };
    let width = draft.width();
    draft.mix(y, width)
}

/// A map of places, the same for each unit.
pub(super) fn mixed(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, n) = a_place_axis(draft, x);
    let n_out = if draft.wide || draft.chance(0.6) { n } else { draft.number(1, 3) };
    let rank = draft.shape(x.value).len();
    let weight = draft.weight(&[n_out, n], n);
    // The new places come last; then they go where the old ones were.
    let mut y = draft.contract(x.value, weight, &[], &[(axis, 1)]);
    if draft.chance(0.4) {
        let bias = draft.bias(&[n_out]);
        y = draft.add(y, bias);
    }
    let order: Vec<usize> = (0..rank)
        .map(|at| match at.cmp(&axis) {
            std::cmp::Ordering::Less => at,
            std::cmp::Ordering::Equal => rank - 1,
            std::cmp::Ordering::Greater => at - 1,
        })
        .collect();
    Stream { value: draft.permute(y, &order), ..x }
}

/// A parameter with places, or a fixed table of them, added.
pub(super) fn positions(draft: &mut Draft, x: Stream) -> Stream {
    let shape = draft.shape(x.value);
    let table = match draft.number(0, 3) {
        0 => draft.constant(&shape[1..], |i| ((i as f64 + 1.0) * 0.7).sin()),
        1 => {
            let mut some = shape.clone();
            some[x.form.units()] = 1;
            draft.bias(&some[1..])
        }
        2 => {
            // More places than are used.
            let (axis, n) = a_place_axis(draft, x);
            let mut more = shape.clone();
            more[axis] += 1;
            let table = draft.bias(&more);
            draft.slice(table, axis, 0, n)
        }
        _ => draft.bias(&shape[1..]),
    };
    Stream { value: draft.add(x.value, table), ..x }
}

/// Some places are set to a constant.
pub(super) fn masked(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, n) = a_place_axis(draft, x);
    let mut shape = vec![1; draft.shape(x.value).len()];
    shape[axis] = n;
    let mask = draft.constant(&shape, |i| f64::from(u8::from(i % 3 != 1)));
    let other = draft.one_of(&[0.0, 0.0, 0.6]);
    let other = draft.scalar(other);
    let value =
        if draft.chance(0.7) { draft.select(mask, x.value, other) } else { draft.multiply(x.value, mask) };
    Stream { value, ..x }
}

/// The places beyond the edge are those before it.
pub(super) fn mirrored(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, n) = a_place_axis(draft, x);
    let edge = draft.chance(0.5);
    let (before, after) = if edge || n == 1 { (0, n - 1) } else { (1, n - 2) };
    let index = [before].into_iter().chain(0..n).chain([after]).collect();
    Stream { value: draft.take(x.value, axis, index), ..x }
}

/// A constant around the places.
pub(super) fn padded(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, _) = a_place_axis(draft, x);
    let mut amounts = vec![(0, 0); draft.shape(x.value).len()];
    amounts[axis] = draft.one_of(&[(1, 0), (0, 1), (1, 1)]);
    let value = draft.one_of(&[0.0, 0.0, -0.4]);
    Stream { value: draft.step(Pad { amounts, value }, &[x.value]), ..x }
}

/// Each place twice: the nearest one of a larger grid.
pub(super) fn repeated(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, n) = a_place_axis(draft, x);
    Stream { value: draft.take(x.value, axis, (0..2 * n).map(|i| i / 2).collect()), ..x }
}

/// A fixed matrix along one axis: a linear interpolation.
pub(super) fn interpolated(draft: &mut Draft, x: Stream) -> Stream {
    let last = draft.shape(x.value).len() - 1;
    let n = draft.shape(x.value)[last];
    let table = draft.constant(&[n + 1, n], |i| {
        let (to, from) = ((i / n) as f64 * n as f64 / (n + 1) as f64, (i % n) as f64);
        (1.0 - (to - from).abs()).max(0.0)
    });
    Stream { value: draft.contract(x.value, table, &[], &[(last, 1)]), ..x }
}

/// Turned around, rolled, or cut.
pub(super) fn shifted(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, n) = a_place_axis(draft, x);
    let value = match draft.number(0, 2) {
        0 => draft.step(Slice { axis, start: n - 1, step: -1, len: n }, &[x.value]),
        1 if n > 1 => {
            let (front, back) = (draft.slice(x.value, axis, 0, 1), draft.slice(x.value, axis, 1, n - 1));
            draft.concat(axis, &[back, front])
        }
        _ => draft.step(Slice { axis, start: 0, step: 2, len: n.div_ceil(2) }, &[x.value]),
    };
    Stream { value, ..x }
}

/// Sums of all places so far.
pub(super) fn accumulated(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, _) = a_place_axis(draft, x);
    let (exclusive, reverse) = (draft.chance(0.3), draft.chance(0.3));
    Stream { value: draft.step(Cumulate { axis, exclusive, reverse }, &[x.value]), ..x }
}

/// Channels become places.
pub(super) fn pixel_shuffle(draft: &mut Draft, x: Stream) -> Stream {
    let n = 4 * draft.number(1, 2);
    let y = draft.mix(x, n).value;
    let shape = draft.shape(y);
    let (c, [h, w]) = (shape[1] / 4, [shape[2], shape[3]]);
    let split = draft.reshape(y, &[1, c, 2, 2, h, w]);
    let turned = draft.permute(split, &[0, 1, 4, 2, 5, 3]);
    Stream { value: draft.reshape(turned, &[1, c, 2 * h, 2 * w]), ..x }
}

/// Places become channels, or tokens of patches.
pub(super) fn patches(draft: &mut Draft, x: Stream) -> Stream {
    let shape = draft.shape(x.value);
    let (c, h, w) = (shape[1], shape[2] / 2 * 2, shape[3] / 2 * 2);
    if h == 0 || w == 0 {
        return to_other_form(draft, x);
    }
    let cut = draft.slice(x.value, 2, 0, h);
    let cut = draft.slice(cut, 3, 0, w);
    let split = draft.reshape(cut, &[1, c, h / 2, 2, w / 2, 2]);
    if draft.chance(0.5) {
        let turned = draft.permute(split, &[0, 2, 4, 1, 3, 5]);
        let tokens = draft.reshape(turned, &[1, h / 2 * (w / 2), 4 * c]);
        let y = Stream { value: tokens, form: Form::Tokens };
        return draft.mix(y, 2);
    }
    let turned = draft.permute(split, &[0, 1, 3, 5, 2, 4]);
    let y = Stream { value: draft.reshape(turned, &[1, 4 * c, h / 2, w / 2]), ..x };
    draft.mix(y, 2)
}

/// A learned token in front.
pub(super) fn class_token(draft: &mut Draft, x: Stream) -> Stream {
    let token = draft.bias(&[1, 1, draft.flow.shape(x.value)[2]]);
    Stream { value: draft.concat(1, &[token, x.value]), ..x }
}

/// The same numbers, their axes meant in another way.
pub(super) fn to_other_form(draft: &mut Draft, x: Stream) -> Stream {
    let shape = draft.shape(x.value);
    match x.form {
        Form::Row => {
            let (n, places) = (draft.number(1, 3), draft.number(2, 3));
            let wide = draft.mix(x, n * places);
            let batch = shape[0];
            if batch != 1 {
                return wide;
            }
            let form = draft.one_of(&[Form::Tokens, Form::Signal]);
            let split = if form == Form::Tokens { [1, places, n] } else { [1, n, places] };
            Stream { value: draft.reshape(wide.value, &split), form }
        }
        Form::Tokens if draft.chance(0.5) => {
            let place = draft.number(0, shape[1] - 1);
            let one = draft.slice(x.value, 1, place, 1);
            Stream { value: draft.reshape(one, &[1, shape[2]]), form: Form::Row }
        }
        Form::Tokens => Stream { value: draft.permute(x.value, &[0, 2, 1]), form: Form::Signal },
        Form::Signal => Stream { value: draft.permute(x.value, &[0, 2, 1]), form: Form::Tokens },
        Form::Image if draft.chance(0.6) => {
            let lines = draft.reshape(x.value, &[1, shape[1], shape[2] * shape[3]]);
            Stream { value: draft.permute(lines, &[0, 2, 1]), form: Form::Tokens }
        }
        Form::Image => {
            Stream { value: draft.reduce(Reduction::Mean, x.value, &[3], false), form: Form::Signal }
        }
    }
}
