//! Norms of every kind, with and without gains and shifts.

use crate::flow::{
    Combination, Function, Reduction, Role, ValueId,
    testing::{
        WIDE_EPSILON,
        draft::{Draft, Form, Stream},
    },
};

/// Gains and shifts for each unit, with some probability.
pub(super) fn gains_and_shifts(draft: &mut Draft, mut value: ValueId, form: Form, shifts: bool) -> ValueId {
    let n = draft.flow.shape(value)[form.units()];
    if draft.chance(0.8) {
        let gain = draft.gain(&[n]);
        let gain = draft.along_units(gain, form);
        value = if draft.chance(0.8) { draft.multiply(value, gain) } else { draft.multiply(gain, value) };
        if shifts {
            value = draft.maybe_bias(value, form, 0.8);
        }
    }
    value
}

/// Over the units of each place.
pub(super) fn layer_norm(draft: &mut Draft, x: Stream) -> Stream {
    let value = draft.normalize(x.value, &[x.form.units()], true);
    Stream { value: gains_and_shifts(draft, value, x.form, true), ..x }
}

/// The same without a mean.
pub(super) fn rms_norm(draft: &mut Draft, x: Stream) -> Stream {
    let value = draft.normalize(x.value, &[x.form.units()], false);
    Stream { value: gains_and_shifts(draft, value, x.form, false), ..x }
}

/// Layer or RMS norm in single steps, as older files hold it.
pub(super) fn norm_written_out(draft: &mut Draft, x: Stream) -> Stream {
    let axis = [x.form.units()];
    let mut centred = x.value;
    if draft.chance(0.5) {
        let mean = draft.reduce(Reduction::Mean, x.value, &axis, true);
        centred = draft.combine(Combination::Subtract, x.value, mean);
    }
    let squares = if draft.chance(0.5) {
        draft.point(Function::Power { exponent: 2.0 }, centred)
    } else {
        draft.multiply(centred, centred)
    };
    let mean = draft.reduce(Reduction::Mean, squares, &axis, true);
    let epsilon = draft.scalar(if draft.wide { WIDE_EPSILON } else { 1e-5 });
    let mean = draft.add(mean, epsilon);
    let value = if draft.chance(0.5) {
        let root = draft.point(Function::Power { exponent: 0.5 }, mean);
        draft.combine(Combination::Divide, centred, root)
    } else {
        let factor = draft.point(Function::Power { exponent: -0.5 }, mean);
        draft.multiply(centred, factor)
    };
    Stream { value: gains_and_shifts(draft, value, x.form, true), ..x }
}

/// Over groups of channels and all places.
pub(super) fn group_norm(draft: &mut Draft, x: Stream) -> Stream {
    let groups = draft.number(1, 2);
    let y = draft.mix(x, groups * 2);
    let shape = draft.shape(y.value);
    let numbers: usize = shape[1..].iter().product();
    let grouped = draft.reshape(y.value, &[1, groups, numbers / groups]);
    let value = draft.normalize(grouped, &[2], true);
    let value = draft.reshape(value, &shape);
    Stream { value: gains_and_shifts(draft, value, x.form, true), ..x }
}

/// Over the places of each unit.
pub(super) fn instance_norm(draft: &mut Draft, x: Stream) -> Stream {
    let value = draft.normalize(x.value, &x.form.places(), true);
    let y = Stream { value: gains_and_shifts(draft, value, x.form, true), ..x };
    // The mean over places of what is centred over places is 0, whatever stood before.
    if draft.wide { draft.activate(y) } else { y }
}

/// Over units and places together, with gains for each number or each unit.
pub(super) fn norm_of_all(draft: &mut Draft, x: Stream) -> Stream {
    let shape = draft.shape(x.value);
    let axes: Vec<usize> = (1..shape.len()).collect();
    let value = draft.normalize(x.value, &axes, true);
    if draft.chance(0.5) {
        return Stream { value: gains_and_shifts(draft, value, x.form, true), ..x };
    }
    let gain = draft.gain(&shape[1..]);
    Stream { value: draft.multiply(value, gain), ..x }
}

/// With running statistics: `(x − μ) · (γ (σ² + ε)^(−1/2)) + β`.
pub(super) fn batch_norm(draft: &mut Draft, x: Stream) -> Stream {
    let before = if draft.chance(0.7) { draft.mix(x, draft.n_units(x)) } else { x };
    let n = draft.n_units(x);
    let mean = draft.drawn("mean", &[n], Role::Statistic, |rng| 0.3 * crate::normal(rng));
    let variance = draft.positive("variance", &[n], Role::Statistic);
    let mean = draft.along_units(mean, x.form);
    let centred = draft.combine(Combination::Subtract, before.value, mean);
    let epsilon = draft.scalar(1e-5);
    let variance = draft.add(variance, epsilon);
    let mut factor = draft.point(Function::Power { exponent: -0.5 }, variance);
    let affine = draft.chance(0.8);
    if affine {
        let gain = draft.gain(&[n]);
        factor = draft.multiply(gain, factor);
    }
    let factor = draft.along_units(factor, x.form);
    let value = draft.multiply(centred, factor);
    Stream { value: draft.maybe_bias(value, x.form, if affine { 1.0 } else { 0.0 }), ..x }
}

/// Divided by the length over units, perhaps kept above a small number.
pub(super) fn length_one(draft: &mut Draft, x: Stream) -> Stream {
    let by =
        if draft.wide { Reduction::Norm } else { draft.one_of(&[Reduction::Norm, Reduction::AbsoluteSum]) };
    let y = draft.mix(x, draft.n_units(x)).value;
    let mut length = draft.reduce(by, y, &[x.form.units()], true);
    if !draft.wide && draft.chance(0.5) {
        let least = draft.scalar(1e-3);
        length = draft.combine(Combination::Maximum, length, least);
    }
    Stream { value: draft.combine(Combination::Divide, y, length), ..x }
}

/// Shares over units or over places.
pub(super) fn shares(draft: &mut Draft, x: Stream) -> Stream {
    let places = x.form.places();
    let axis = if places.is_empty() || draft.chance(0.5) { x.form.units() } else { places[0] };
    let log = draft.chance(0.3);
    Stream { value: draft.step(crate::flow::Softmax { axis, log }, &[x.value]), ..x }
}
