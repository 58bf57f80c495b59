//! Sums: both sides are moved by one matrix. Sums of coordinates of one vector are noted down, as rotary codes need.

use sgmn_graph::flow::{Step, ValueId};

use super::{
    super::{
        kind::Group,
        tag::{Form, Term},
    },
    Inference, Tag, aligned, size_along, times,
};

/// Coordinates in one sum at most.
const MOST_TERMS: usize = 4;

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, sign: f64) -> Vec<Tag> {
    let flow = inference.flow;
    let new_shape = flow.shape(step.to);
    let [lefts, rights] = [step.from[0], step.from[1]].map(|value| {
        let (shape, tags) = (flow.shape(value), inference.of(value));
        inference.moved(tags, shape, &aligned(shape, new_shape), new_shape)
    });
    let rights: Vec<Tag> =
        if sign < 0.0 { rights.iter().map(|tag| times(tag, sign)).collect() } else { rights };
    let mut out = Vec::new();
    for left in &lefts {
        match rights.iter().find(|right| right.unit == left.unit) {
            Some(right) => out.extend(both(inference, left, right, step)),
            None => out.extend(alone(inference, left, step.from[1], step)),
        }
    }
    for right in rights.iter().filter(|right| lefts.iter().all(|left| left.unit != right.unit)) {
        out.extend(alone(inference, right, step.from[0], step));
    }
    out
}

/// Two tags with one unit.
fn both(inference: &mut Inference<'_>, left: &Tag, right: &Tag, step: &Step) -> Option<Tag> {
    let shape = inference.flow.shape(step.to);
    if (left.is_mixed() || right.is_mixed()) && left.axes == right.axes {
        let sums: Option<Vec<Form>> =
            left.forms.iter().zip(right.forms.iter()).map(|(a, b)| added(a, b)).collect();
        if let Some(sums) = sums {
            return Some(Tag { forms: sums.into(), ..left.clone() });
        }
    }
    let united = inference.united(left, right, shape, false)?;
    inference.settled(&united, shape, step.to.index())
}

/// A sum with a value that is not moved: nothing but 0, or for matrices that keep (1, …, 1) one number for all units.
fn alone(inference: &mut Inference<'_>, tag: &Tag, other: ValueId, step: &Step) -> Option<Tag> {
    let flow = inference.flow;
    let shape = flow.shape(step.to);
    if flow.constant(other).and_then(|constant| constant.uniform()) == Some(0.0) {
        return Some(tag.clone());
    }
    if shape[tag.unit] > 1 && size_along(flow.shape(other), shape, tag.unit) == 1 {
        let lines = inference.lines(tag, shape);
        inference.lower(&lines, &Group::KeepsOnes);
        return inference.settled(tag, shape, step.to.index());
    }
    inference.fix(tag);
    None
}

/// The sum of two forms of one vector, sorted by coordinate.
fn added(a: &Form, b: &Form) -> Option<Form> {
    match (a, b) {
        (Form::Sum(none), other) | (other, Form::Sum(none)) if none.is_empty() => return Some(other.clone()),
        _ => {}
    }
    let (first, second) = (a.terms().first()?, b.terms().first()?);
    if first.vector != second.vector {
        return None;
    }
    let mut terms: Vec<Term> = a.terms().to_vec();
    for term in b.terms() {
        let same = |known: &&mut Term| {
            (known.node, known.at, known.twist, known.vector, known.table)
                == (term.node, term.at, term.twist, term.vector, term.table)
        };
        match terms.iter_mut().find(same) {
            Some(known) => known.scale += term.scale,
            None => terms.push(*term),
        }
    }
    terms.retain(|term| term.scale != 0.0);
    terms.sort_by_key(|term| (term.node, term.at, term.twist, term.vector, term.table));
    match terms.as_slice() {
        [] => Some(Form::zero()),
        [term] => Some(Form::One(*term)),
        _ if terms.len() <= MOST_TERMS => Some(Form::Sum(terms.into())),
        _ => None,
    }
}
