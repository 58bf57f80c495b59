//! What happens to units themselves: order, copies, parts, scales.

use crate::flow::{
    Combination, Cumulate, Function, Pad, Reduction, Slice,
    testing::draft::{Draft, Stream},
};

fn shape_along_units(draft: &Draft, x: Stream) -> Vec<usize> {
    let mut shape = vec![1; draft.shape(x.value).len()];
    shape[x.form.units()] = draft.n_units(x);
    shape
}

/// Turned around, or by a fixed list.
pub(super) fn reordered(draft: &mut Draft, x: Stream) -> Stream {
    let (axis, n) = (x.form.units(), draft.n_units(x));
    let value = if draft.chance(0.5) {
        draft.step(Slice { axis, start: n - 1, step: -1, len: n }, &[x.value])
    } else {
        draft.take(x.value, axis, (0..n).map(|i| (i + 1) % n).collect())
    };
    let beside = draft.chance(0.3);
    Stream { value: if beside { draft.add(x.value, value) } else { value }, ..x }
}

/// Channels of two groups in turn.
pub(super) fn shuffled(draft: &mut Draft, x: Stream) -> Stream {
    let y = draft.mix(x, 4);
    let shape = draft.shape(y.value);
    let area: usize = shape[2..].iter().product();
    let split = draft.reshape(y.value, &[1, 2, 2, area]);
    let turned = draft.permute(split, &[0, 2, 1, 3]);
    Stream { value: draft.reshape(turned, &shape), ..x }
}

/// One part goes one way and the other part another.
pub(super) fn halves(draft: &mut Draft, x: Stream) -> Stream {
    let (n, axis) = (draft.n_units(x), x.form.units());
    if n < 2 {
        return x;
    }
    let cut = draft.number(1, n - 1);
    let (left, right) = (draft.slice(x.value, axis, 0, cut), draft.slice(x.value, axis, cut, n - cut));
    let left = draft.mix(Stream { value: left, ..x }, cut);
    let left = draft.activate(left).value;
    let right = if draft.chance(0.3) { draft.point(Function::Relu, right) } else { right };
    let parts = if draft.chance(0.5) { [left, right] } else { [right, left] };
    Stream { value: draft.concat(axis, &parts), ..x }
}

/// The largest of each two units.
pub(super) fn maxout(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.width();
    let wide = draft.mix(x, 2 * n).value;
    let mut shape = draft.shape(wide);
    shape.pop();
    let last = shape.len();
    let pairs_inside = draft.chance(0.5);
    shape.extend(if pairs_inside { [n, 2] } else { [2, n] });
    let split = draft.reshape(wide, &shape);
    let by = draft.one_of(&[Reduction::Maximum, Reduction::Sum, Reduction::Norm, Reduction::Product]);
    Stream { value: draft.reduce(by, split, &[if pairs_inside { last + 1 } else { last }], false), ..x }
}

/// Less the mean of all units, or that mean beside them.
pub(super) fn centred(draft: &mut Draft, x: Stream) -> Stream {
    let by = draft.one_of(&[Reduction::Mean, Reduction::Sum, Reduction::Maximum, Reduction::LogSumExp]);
    let one = draft.reduce(by, x.value, &[x.form.units()], true);
    let value = if draft.chance(0.6) {
        draft.combine(Combination::Subtract, x.value, one)
    } else {
        draft.concat(x.form.units(), &[x.value, one])
    };
    Stream { value, ..x }
}

/// Each unit twice.
pub(super) fn copied(draft: &mut Draft, x: Stream) -> Stream {
    let (n, shape) = (draft.n_units(x), draft.shape(x.value));
    let last = shape.len() - 1;
    let outside = draft.chance(0.5);
    let [mut one, mut two, mut flat] = [(); 3].map(|()| shape.clone());
    one.insert(if outside { last } else { last + 1 }, 1);
    two.insert(if outside { last } else { last + 1 }, 2);
    flat[last] = 2 * n;
    let y = draft.reshape(x.value, &one);
    let y = draft.expand(y, &two);
    Stream { value: draft.reshape(y, &flat), ..x }
}

/// Sums of all units so far.
pub(super) fn cumulated(draft: &mut Draft, x: Stream) -> Stream {
    let y = draft.mix(x, draft.n_units(x));
    let op = Cumulate { axis: x.form.units(), exclusive: draft.chance(0.2), reverse: draft.chance(0.3) };
    Stream { value: draft.step(op, &[y.value]), ..x }
}

/// A fixed number for each unit, all different or in pairs.
pub(super) fn fixed_scales(draft: &mut Draft, x: Stream) -> Stream {
    let shape = shape_along_units(draft, x);
    let each = draft.number(1, 2);
    let table = draft.constant(&shape, |i| 0.8 + 0.3 * (i / each) as f64);
    let by =
        draft.one_of(&[Combination::Multiply, Combination::Add, Combination::Divide, Combination::Subtract]);
    Stream { value: draft.combine(by, x.value, table), ..x }
}

/// A learned number for each unit, or its exponential.
pub(super) fn learned_scales(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.n_units(x);
    let mut scale = draft.gain(&[n]);
    if draft.chance(0.3) {
        scale = draft.point(Function::Exponential, scale);
    }
    let scale = draft.along_units(scale, x.form);
    let by = draft.one_of(&[Combination::Multiply, Combination::Multiply, Combination::Divide]);
    let value = draft.combine(by, x.value, scale);
    Stream { value: draft.maybe_bias(value, x.form, 0.3), ..x }
}

/// One learned number for all: a temperature, a shift, a mixture of two.
pub(super) fn scalar_parameters(draft: &mut Draft, x: Stream) -> Stream {
    let shape: &[usize] = if draft.chance(0.5) { &[] } else { &[1] };
    let scalar = draft.gain(shape);
    let value = match draft.number(0, 3) {
        0 => draft.multiply(x.value, scalar),
        1 => draft.add(x.value, scalar),
        2 => {
            let temperature = draft.point(Function::Exponential, scalar);
            draft.combine(Combination::Divide, x.value, temperature)
        }
        _ => {
            let share = draft.point(Function::Sigmoid, scalar);
            let one = draft.scalar(1.0);
            let rest = draft.combine(Combination::Subtract, one, share);
            let other = draft.mix(x, draft.n_units(x)).value;
            let (a, b) = (draft.multiply(x.value, share), draft.multiply(other, rest));
            draft.add(a, b)
        }
    };
    Stream { value, ..x }
}

/// Zeros beside the units, as in shortcuts without parameters.
pub(super) fn padded_units(draft: &mut Draft, x: Stream) -> Stream {
    let mut amounts = vec![(0, 0); draft.shape(x.value).len()];
    amounts[x.form.units()] = draft.one_of(&[(1, 0), (0, 1), (1, 1)]);
    let padded = draft.step(Pad { amounts, value: 0.0 }, &[x.value]);
    let padded = Stream { value: padded, ..x };
    let other = draft.mix(x, draft.n_units(padded)).value;
    Stream { value: draft.add(padded.value, other), ..x }
}

/// Fixed units are left out.
pub(super) fn some_masked(draft: &mut Draft, x: Stream) -> Stream {
    let shape = shape_along_units(draft, x);
    let mask = draft.constant(&shape, |i| f64::from(u8::from(i != 0)));
    let other = draft.mix(x, draft.n_units(x)).value;
    let value =
        if draft.chance(0.6) { draft.select(mask, x.value, other) } else { draft.multiply(x.value, mask) };
    Stream { value, ..x }
}
