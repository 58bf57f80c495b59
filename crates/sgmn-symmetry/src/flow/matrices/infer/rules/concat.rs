//! Values side by side: along a tag's unit a longer line, along other axes more lines.

use std::collections::{BTreeMap, BTreeSet};

use sgmn_graph::flow::{Concat, Step};

use super::{
    super::{
        marks::{Mark, ONE},
        tag::{Form, Term},
    },
    Inference, Tag,
};

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, op: &Concat) -> Vec<Tag> {
    let flow = inference.flow;
    let new_shape = flow.shape(step.to);
    let mut all: Vec<Vec<Tag>> = step.from.iter().map(|from| inference.of(*from)).collect();
    // For each place along the axis its operand and the place there.
    let sizes = step.from.iter().map(|from| flow.shape(*from)[op.axis]).enumerate();
    let owner: Vec<(usize, usize)> =
        sizes.flat_map(|(operand, size)| (0..size).map(move |i| (operand, i))).collect();
    let units: BTreeSet<usize> = all.iter().flatten().map(|tag| tag.unit).collect();
    let mut joined = Vec::new();
    for unit in units {
        if unit != op.axis {
            if let Some(tag) = alike(inference, &all, step, unit, op.axis) {
                joined.push(tag);
                continue;
            }
            // What was a place along the axis is now a line of its own.
            for (tags, from) in all.iter_mut().zip(&step.from) {
                for tag in tags.iter_mut().filter(|tag| tag.unit == unit && !tag.axes.contains(&op.axis)) {
                    *tag = by_place(inference, tag, flow.shape(*from), op.axis);
                }
            }
        }
        let of: Vec<Option<&Tag>> = all.iter().map(|tags| tags.iter().find(|tag| tag.unit == unit)).collect();
        let mut axes: BTreeSet<usize> =
            of.iter().flatten().flat_map(|tag| tag.axes.iter().copied()).collect();
        axes.insert(op.axis);
        // A unit of one tag that is an axis of another would mix two matrices.
        let clear = all.iter().flatten().all(|tag| tag.unit == unit || !axes.contains(&tag.unit));
        let axes: Vec<usize> = axes.into_iter().collect();
        let mut old = vec![0; new_shape.len()];
        let found = Tag::build(axes.clone(), unit, new_shape, |index| {
            for (axis, i) in axes.iter().zip(index) {
                old[*axis] = *i;
            }
            let (operand, place) = owner[old[op.axis]];
            old[op.axis] = place;
            of[operand].map_or(Form::Fixed, |tag| tag.form(flow.shape(step.from[operand]), &old).clone())
        });
        match found.filter(|_| clear) {
            Some(found) => joined.push(found.reduced(new_shape)),
            None => of.iter().flatten().for_each(|tag| inference.fix(tag)),
        }
    }
    joined
}

/// If all operands hold the same coordinates of one vector a line, the result does so too.
fn alike(
    inference: &mut Inference<'_>,
    all: &[Vec<Tag>],
    step: &Step,
    unit: usize,
    axis: usize,
) -> Option<Tag> {
    let mut of = all.iter().map(|tags| tags.iter().find(|tag| tag.unit == unit));
    let first = of.next()??;
    let place = |form: &Form| form.map(|term| Term { vector: ONE, ..term });
    let single = |tag: &Tag| {
        let mut vectors = tag.forms.iter().flat_map(Form::terms).map(|term| term.vector);
        let first = vectors.next();
        !tag.is_mixed() && tag.axes == [unit] && vectors.all(|vector| Some(vector) == first)
    };
    let same = |tag: &Tag| {
        single(tag) && tag.forms.iter().zip(first.forms.iter()).all(|(a, b)| place(a) == place(b))
    };
    if axis == unit || !single(first) || !of.all(|tag| tag.is_some_and(same)) {
        return None;
    }
    let vector = inference.marks.value(step.to.index(), unit, inference.flow.shape(step.to));
    let forms = first.forms.iter().map(|form| form.map(|term| Term { vector, ..term })).collect();
    Some(Tag { forms, ..first.clone() })
}

/// The tag with a line for each place along an axis, if its vectors differ there.
fn by_place(inference: &mut Inference<'_>, tag: &Tag, shape: &[usize], axis: usize) -> Tag {
    let marks = &mut inference.marks;
    let mut all = tag.forms.iter().flat_map(Form::terms);
    if !all.any(|term| marks.differs_along(term.vector, axis) || marks.differs_along(term.table, axis)) {
        return tag.clone();
    }
    let mut axes = tag.axes.clone();
    axes.push(axis);
    axes.sort_unstable();
    let mut known: BTreeMap<(Mark, usize), Mark> = BTreeMap::new();
    let mut index = vec![0; shape.len()];
    let built = Tag::build(axes.clone(), tag.unit, shape, |places| {
        for (axis, i) in axes.iter().zip(places) {
            index[*axis] = *i;
        }
        let place = index[axis];
        let mut at = |mark| *known.entry((mark, place)).or_insert_with(|| marks.at(mark, &[axis], place));
        tag.form(shape, &index).map(|term| Term { vector: at(term.vector), table: at(term.table), ..term })
    });
    built.unwrap_or_else(|| {
        inference.fix(tag);
        Tag { forms: tag.forms.iter().map(|_| Form::Fixed).collect(), ..tag.clone() }
    })
}
