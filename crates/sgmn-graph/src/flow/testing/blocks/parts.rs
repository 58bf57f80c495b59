//! Ways to put blocks together.

use crate::flow::{
    Function, InputKind,
    testing::{
        blocks::{apply, norms::gains_and_shifts, random_block},
        draft::{Draft, Stream},
    },
};

/// Blocks inside of blocks stop here.
const DEEPEST: usize = 3;

fn inner(draft: &mut Draft, x: Stream) -> Stream {
    if draft.depth >= DEEPEST {
        return draft.mix(x, draft.n_units(x));
    }
    let block = random_block(draft, x.form);
    apply(draft, block, x)
}

/// The result of some block in the shape of x, if one map of units can bring it there.
fn inner_of_same_shape(draft: &mut Draft, x: Stream) -> Stream {
    let y = inner(draft, x);
    let (shape, n) = (draft.shape(x.value), draft.n_units(x));
    let mut found = draft.shape(y.value);
    if y.form == x.form && found.len() == shape.len() {
        found[x.form.units()] = n;
        if found == shape {
            return if draft.n_units(y) == n { y } else { draft.mix(y, n) };
        }
    }
    draft.mix(x, n)
}

/// `x + f(x)`, with a gain for each unit of the branch at times.
pub(super) fn residual(draft: &mut Draft, x: Stream) -> Stream {
    let mut branch = x;
    if draft.chance(0.4) {
        let centre = draft.chance(0.5);
        let normed = draft.normalize(x.value, &[x.form.units()], centre);
        branch.value = gains_and_shifts(draft, normed, x.form, true);
    }
    let mut branch = inner_of_same_shape(draft, branch);
    if draft.chance(0.2) {
        let gain = draft.gain(&[draft.flow.shape(x.value)[x.form.units()]]);
        let gain = draft.along_units(gain, x.form);
        branch.value = draft.multiply(branch.value, gain);
    }
    Stream { value: draft.add(x.value, branch.value), ..x }
}

/// The norm behind the sum, as in the first transformers.
pub(super) fn post_norm(draft: &mut Draft, x: Stream) -> Stream {
    let branch = inner_of_same_shape(draft, x);
    let sum = draft.add(branch.value, x.value);
    let value = draft.normalize(sum, &[x.form.units()], true);
    Stream { value: gains_and_shifts(draft, value, x.form, true), ..x }
}

/// x beside what is computed of it.
pub(super) fn dense_connection(draft: &mut Draft, x: Stream) -> Stream {
    let y = inner_of_same_shape(draft, x);
    let parts = if draft.chance(0.5) { [x.value, y.value] } else { [y.value, x.value] };
    Stream { value: draft.concat(x.form.units(), &parts), ..x }
}

/// Two blocks on one x, added or side by side.
pub(super) fn branches(draft: &mut Draft, x: Stream) -> Stream {
    let [a, b] = [(); 2].map(|()| inner_of_same_shape(draft, x).value);
    // Side by side, two maps of one x depend on each other.
    let value =
        if draft.wide || draft.chance(0.5) { draft.add(a, b) } else { draft.concat(x.form.units(), &[a, b]) };
    Stream { value, ..x }
}

/// Two maps and what stands between, each of another width.
pub(super) fn mlp(draft: &mut Draft, x: Stream) -> Stream {
    let (n, n_hidden) = (draft.width(), draft.width());
    let hidden = draft.mix(x, n_hidden);
    let hidden = if draft.chance(0.9) { draft.activate(hidden) } else { hidden };
    draft.mix(hidden, n)
}

/// A value on the way becomes an output too.
pub(super) fn aside(draft: &mut Draft, x: Stream) -> Stream {
    let head = draft.mix(x, draft.width_or(2));
    let other = if draft.chance(0.5) { head.value } else { x.value };
    draft.others.push(other);
    Stream { value: draft.point(Function::Tanh, x.value), ..x }
}

/// Another input of the same shape, added, multiplied or put beside.
pub(super) fn second_input(draft: &mut Draft, x: Stream) -> Stream {
    let shape = draft.shape(x.value);
    let other = Stream { value: draft.input(&shape, InputKind::Real), ..x };
    let n = draft.n_units(x);
    let other = if draft.chance(0.7) { draft.mix(other, n) } else { other };
    let value = match draft.number(0, if draft.wide { 1 } else { 2 }) {
        0 => draft.add(x.value, other.value),
        1 => draft.multiply(x.value, other.value),
        _ => draft.concat(x.form.units(), &[x.value, other.value]),
    };
    Stream { value, ..x }
}
