//! Products number by number: by one number for all units, by a gain, by the table of a rotary code.

use sgmn_graph::flow::{Array, Step, ValueId};

use super::{
    super::{
        marks::{Mark, ONE},
        tag::{Form, Term, advance},
        twist::{Factor, Twist},
    },
    Inference, Tag, aligned, size_along,
};

/// `power` is −1 for a quotient.
pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, power: i32) -> Vec<Tag> {
    let flow = inference.flow;
    let shape = flow.shape(step.to);
    let sides = [step.from[0], step.from[1]];
    if power < 0 {
        for tag in inference.of(sides[1]) {
            inference.fix(&tag);
        }
    }
    let [mut lefts, mut rights] = sides.map(|value| {
        let (of, tags) = (flow.shape(value), inference.of(value));
        inference.moved(tags, of, &aligned(of, shape), shape)
    });
    if power < 0 {
        rights.clear();
    }
    // Where both are moved along one axis, the one that is a gain is fixed; if none is, both are.
    for axis in 0..shape.len() {
        let left = lefts.iter().position(|tag| tag.unit == axis);
        let right = rights.iter().position(|tag| tag.unit == axis);
        if let (Some(left), Some(right)) = (left, right) {
            let gain = [is_gain(inference, sides[0], sides[1]), is_gain(inference, sides[1], sides[0])];
            if gain != [false, true] {
                inference.fix(&lefts.remove(left));
            }
            if gain != [true, false] {
                inference.fix(&rights.remove(right));
            }
        }
    }
    let clear = [rights.is_empty(), lefts.is_empty()];
    let mut out = Vec::new();
    for (tags, other, clear, power) in [(lefts, sides[1], clear[0], power), (rights, sides[0], clear[1], 1)] {
        for tag in tags {
            match by(inference, &tag, other, clear, power, step) {
                Some(tag) => out.push(tag),
                None => inference.fix(&tag),
            }
        }
    }
    out
}

/// Whether the first value is a gain for the second: made of parameters alone, and the second is not or has more.
fn is_gain(inference: &Inference<'_>, value: ValueId, other: ValueId) -> bool {
    let count = |value| inference.flow.shape(value).iter().product::<usize>();
    let [own, too] = [value, other].map(|value| inference.is_own[value.index()]);
    own && (!too || count(value) < count(other))
}

/// A tag times a value that is not moved along its axes; `clear`: not moved at all.
fn by(
    inference: &mut Inference<'_>,
    tag: &Tag,
    other: ValueId,
    clear: bool,
    power: i32,
    step: &Step,
) -> Option<Tag> {
    let flow = inference.flow;
    let shape = flow.shape(step.to);
    let sizes: Vec<usize> = (0..shape.len()).map(|axis| size_along(flow.shape(other), shape, axis)).collect();
    let constant = flow.constant(other);
    if let Some(number) = constant.and_then(Array::uniform) {
        let by = if power < 0 { number.recip() } else { number };
        return (by.is_finite() && by != 0.0).then(|| super::times(tag, by));
    }
    if sizes[tag.unit] == 1 && shape[tag.unit] > 1 {
        return inference.settled(tag, shape, step.to.index());
    }
    let over_places = (0..shape.len()).any(|axis| sizes[axis] > 1 && !tag.axes.contains(&axis));
    match constant {
        Some(constant) if over_places => {
            (power > 0).then(|| tabled(inference, tag, constant, &sizes, shape)).flatten()
        }
        Some(constant) if constant.data().iter().any(|number| *number == 0.0 || !number.is_finite()) => None,
        _ if clear && !over_places && inference.is_own[other.index()] => {
            gained(inference, tag, other, &sizes, power, step)
        }
        _ => None,
    }
}

/// Conjugation by a gain: `g ∘ (A x) = (G A G⁻¹)(g ∘ x)`.
fn gained(
    inference: &mut Inference<'_>,
    tag: &Tag,
    gain: ValueId,
    sizes: &[usize],
    power: i32,
    step: &Step,
) -> Option<Tag> {
    let shape = inference.flow.shape(step.to);
    let lines = inference.lines(tag, shape);
    let others: Vec<usize> = tag.axes.iter().copied().filter(|axis| *axis != tag.unit).collect();
    let counts: Vec<usize> = others.iter().map(|axis| shape[*axis]).collect();
    let mut places = vec![0; others.len()];
    let mut index = vec![0; shape.len()];
    let mut moved = Vec::with_capacity(lines.len());
    for line in lines {
        for (axis, i) in others.iter().zip(&places) {
            index[*axis] = *i;
        }
        let mut gained = Vec::with_capacity(line.len());
        for mut bunch in line {
            let mut of = vec![0; bunch.at.len()];
            for (position, at) in bunch.positions.iter().zip(&bunch.at) {
                index[tag.unit] = *position as usize;
                of[*at as usize] = flat(&index, sizes);
            }
            let factor = Factor { value: gain, places: of.into(), power };
            bunch.twist = Twist::by(vec![factor]).after(&bunch.twist);
            gained.push(bunch);
        }
        moved.push(gained);
        advance(&mut places, &counts);
    }
    inference.tag_of(&tag.axes, tag.unit, &moved, shape, step.to.index())
}

/// The place in a value of `sizes` that repeats along axes of size 1.
fn flat(index: &[usize], sizes: &[usize]) -> u32 {
    let place =
        index.iter().zip(sizes).fold(0, |flat, (i, size)| flat * size + if *size == 1 { 0 } else { *i });
    u32::try_from(place).expect("values are limited to fewer numbers")
}

/// Forms times the columns of a table that differs between places.
fn tabled(
    inference: &mut Inference<'_>,
    tag: &Tag,
    table: &Array,
    sizes: &[usize],
    shape: &[usize],
) -> Option<Tag> {
    let elsewhere: Vec<usize> =
        (0..shape.len()).map(|axis| if tag.axes.contains(&axis) { 1 } else { sizes[axis] }).collect();
    let n_places: usize = elsewhere.iter().product();
    let mut index = vec![0; shape.len()];
    // The columns, each once; other axes of the table repeat along the tag's.
    let mut known: Vec<Option<(Mark, f64)>> = vec![None; table.data().len()];
    Tag::build(tag.axes.clone(), tag.unit, shape, |at| {
        for (axis, i) in tag.axes.iter().zip(at) {
            index[*axis] = *i;
        }
        let first = flat(&index, sizes) as usize;
        let (mark, number) = *known[first].get_or_insert_with(|| {
            let mut places = vec![0; shape.len()];
            let mut column = Vec::with_capacity(n_places);
            for _ in 0..n_places {
                let mut here = index.clone();
                for (axis, i) in places.iter().enumerate().filter(|(axis, _)| !tag.axes.contains(axis)) {
                    here[axis] = *i;
                }
                column.push(table.data()[flat(&here, sizes) as usize]);
                advance(&mut places, &elsewhere);
            }
            column_mark(inference, column, &elsewhere)
        });
        let form = tag.form(shape, &index);
        if number == 0.0 {
            return Form::zero();
        }
        form.map(|term| Term {
            table: inference.marks.product(term.table, mark),
            scale: term.scale * number,
            ..term
        })
    })
}

/// A column as a table and a number: the number alone if all are equal, else its sign.
fn column_mark(inference: &mut Inference<'_>, mut column: Vec<f64>, shape: &[usize]) -> (Mark, f64) {
    let first = column.iter().copied().find(|number| *number != 0.0);
    let Some(first) = first else { return (ONE, 0.0) };
    if column.iter().all(|number| *number == first) {
        return (ONE, first);
    }
    if first < 0.0 {
        column.iter_mut().for_each(|number| *number = -*number);
    }
    let array = Array::new(shape.to_vec(), column).expect("a column has a number for each place");
    (inference.marks.table(&array), first.signum())
}
