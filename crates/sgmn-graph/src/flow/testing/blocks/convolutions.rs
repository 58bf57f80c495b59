//! Convolutions of every kind, over one axis of places or two.

use crate::flow::{
    Convolve, Reduction, ValueId,
    testing::draft::{Draft, Form, Stream},
};

/// A kernel of one size along each axis of places.
fn weight(draft: &mut Draft, x: Stream, first: usize, second: usize, kernel: usize) -> ValueId {
    let places = x.form.places().len();
    let shape = [vec![first, second], vec![kernel; places]].concat();
    draft.weight(&shape, second * kernel.pow(places as u32))
}

/// The smallest axis of places.
fn room(draft: &Draft, x: Stream) -> usize {
    x.form.places().iter().map(|axis| draft.flow.shape(x.value)[*axis]).min().unwrap_or(1)
}

fn with_bias(draft: &mut Draft, value: ValueId, form: Form) -> Stream {
    Stream { value: draft.maybe_bias(value, form, 0.6), form }
}

/// Padded or not.
pub(super) fn plain(draft: &mut Draft, x: Stream) -> Stream {
    let n_out = draft.width();
    let kernel = draft.number(1, 3.min(room(draft, x)));
    let weight = weight(draft, x, n_out, draft.n_units(x), kernel);
    let padding = draft.one_of(&[(0, 0), (1, 1), (0, 1), (kernel / 2, kernel / 2)]);
    let value = draft.convolve(x.value, weight, 1, padding, 1);
    with_bias(draft, value, x.form)
}

/// In steps of two.
pub(super) fn strided(draft: &mut Draft, x: Stream) -> Stream {
    let n_out = draft.width();
    let kernel = draft.number(1, 2.min(room(draft, x)));
    let weight = weight(draft, x, n_out, draft.n_units(x), kernel);
    let value = draft.convolve(x.value, weight, 2, (1, 1), 1);
    with_bias(draft, value, x.form)
}

/// With holes in the kernel.
pub(super) fn dilated(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_axes) = (draft.n_units(x), x.form.places().len());
    let weight = weight(draft, x, n, n, 2);
    let op = Convolve {
        stride: vec![1; n_axes],
        padding: vec![(1, 1); n_axes],
        dilation: vec![2; n_axes],
        groups: 1,
        transposed: None,
    };
    let value = draft.step(op, &[x.value, weight]);
    with_bias(draft, value, x.form)
}

/// A kernel for each channel, perhaps two, and a mixture of channels behind it at times.
pub(super) fn depthwise(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.n_units(x);
    let copies = if draft.wide { 1 } else { draft.number(1, 2) };
    let kernel = draft.number(2, 3);
    let weight = weight(draft, x, n * copies, 1, kernel);
    let value = draft.convolve(x.value, weight, 1, (1, 1), n);
    let y = with_bias(draft, value, x.form);
    if draft.chance(0.5) { draft.mix(y, n) } else { y }
}

/// In two groups.
pub(super) fn grouped(draft: &mut Draft, x: Stream) -> Stream {
    let before = draft.mix(x, 4);
    let (per_group, kernel) = (draft.number(1, 2), draft.number(1, 2.min(room(draft, x))));
    let weight = weight(draft, before, 2 * per_group, 2, kernel);
    let value = draft.convolve(before.value, weight, 1, (0, 0), 2);
    with_bias(draft, value, x.form)
}

/// Transposed, in groups at times.
pub(super) fn transposed(draft: &mut Draft, x: Stream) -> Stream {
    let groups = draft.number(1, 2);
    let before = if groups == 2 { draft.mix(x, 4) } else { x };
    let (n_in, n_out, n_axes) = (draft.n_units(before), draft.number(1, 2), x.form.places().len());
    let kernel = draft.number(1, 3);
    let weight = weight(draft, x, n_in, n_out, kernel);
    let padding = draft.number(0, (kernel - 1) / 2);
    let stride = draft.number(1, 2);
    let op = Convolve {
        stride: vec![stride; n_axes],
        padding: vec![(padding, padding); n_axes],
        dilation: vec![1; n_axes],
        groups,
        transposed: Some(vec![draft.number(0, stride - 1); n_axes]),
    };
    let value = draft.step(op, &[before.value, weight]);
    with_bias(draft, value, x.form)
}

/// Wide inside: out, depthwise, back, and the sum with x.
pub(super) fn inverted_bottleneck(draft: &mut Draft, x: Stream) -> Stream {
    let (n, wide) = (draft.n_units(x), 3);
    let hidden = draft.mix(x, wide);
    let hidden = draft.activate(hidden);
    let kernel = weight(draft, hidden, wide, 1, 3);
    let value = draft.convolve(hidden.value, kernel, 1, (1, 1), wide);
    let hidden = with_bias(draft, value, x.form);
    let hidden = draft.activate(hidden);
    let back = draft.mix(hidden, n);
    Stream { value: draft.add(x.value, back.value), ..x }
}

/// Over tokens, with axes exchanged before and after; causal at times, by padding in front.
pub(super) fn token_convolution(draft: &mut Draft, x: Stream) -> Stream {
    let signal = Stream { value: draft.permute(x.value, &[0, 2, 1]), form: Form::Signal };
    let (n, depthwise) = (draft.n_units(x), draft.chance(0.5));
    let weight = if depthwise { weight(draft, signal, n, 1, 2) } else { weight(draft, signal, n, n, 2) };
    let y = draft.convolve(signal.value, weight, 1, (1, 0), if depthwise { n } else { 1 });
    let y = with_bias(draft, y, Form::Signal);
    let y = draft.activate(y).value;
    let mut value = draft.permute(y, &[0, 2, 1]);
    if draft.chance(0.3) {
        let mean = draft.reduce(Reduction::Mean, x.value, &[1], true);
        value = draft.add(value, mean);
    }
    Stream { value, ..x }
}
