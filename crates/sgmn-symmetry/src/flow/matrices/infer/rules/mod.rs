//! What each operation demands of the matrices that reach it: a rule a file, all in one list.

mod concat;
mod contract;
mod convolve;
mod expand;
mod lookup;
mod multiply;
mod norms;
mod pad;
mod permute;
mod places;
mod reshape;
mod select;
mod sum;

use sgmn_graph::flow::{Combination, Function, Op, Pooling, Step};

use super::{
    Inference,
    lines::Lines,
    tag::{Form, Tag},
};

/// The tags of a step's result.
pub(super) fn apply(inference: &mut Inference<'_>, at: usize) -> Vec<Tag> {
    let flow = inference.flow;
    let step = &flow.steps()[at];
    if step.from.iter().all(|from| inference.of(*from).is_empty()) {
        return Vec::new();
    }
    match &step.op {
        Op::Combine(op) => match op.by {
            Combination::Add => sum::tags(inference, step, 1.0),
            Combination::Subtract => sum::tags(inference, step, -1.0),
            Combination::Multiply if step.from[0] == step.from[1] => norms::square(inference, step),
            Combination::Multiply => multiply::tags(inference, step, 1),
            Combination::Divide => multiply::tags(inference, step, -1),
            _ => fixed(inference, step),
        },
        Op::Concat(op) => concat::tags(inference, step, op),
        Op::Contract(op) => contract::tags(inference, step, op),
        Op::Convolve(op) => convolve::tags(inference, step, op),
        Op::Cumulate(op) => elsewhere(inference, step, &[op.axis]),
        Op::Expand(_) => expand::tags(inference, step),
        Op::Lookup(op) => lookup::tags(inference, step, op),
        Op::Normalize(op) => norms::normalize(inference, step, op),
        Op::Pad(op) => pad::tags(inference, step, op),
        Op::Permute(op) => permute::tags(inference, step, op),
        Op::Pointwise(op) => match op.function {
            Function::Negate => scaled(inference, step, -1.0),
            Function::Power { exponent: 2.0 } => norms::square(inference, step),
            _ => fixed(inference, step),
        },
        Op::Pool(op) if matches!(op.by, Pooling::Mean { .. }) => {
            let rank = flow.shape(step.from[0]).len();
            let axes: Vec<usize> = (rank - op.window.len()..rank).collect();
            elsewhere(inference, step, &axes)
        }
        Op::Reduce(op) => norms::reduce(inference, step, op),
        Op::Reshape(_) => reshape::tags(inference, step),
        Op::Select(_) => select::tags(inference, step),
        Op::Slice(op) => places::tags(inference, step, op.axis, &op.places().collect::<Vec<_>>()),
        Op::Take(op) => places::tags(inference, step, op.axis, &op.index),
        // Nothing may move before any other operation.
        _ => fixed(inference, step),
    }
}

/// Fixes all that reaches a step; its result is not moved then.
fn fixed(inference: &mut Inference<'_>, step: &Step) -> Vec<Tag> {
    for from in &step.from {
        for tag in inference.of(*from) {
            inference.fix(&tag);
        }
    }
    Vec::new()
}

/// A linear operation along some axes of one value, the same for all units: what stands along these axes is fixed,
/// all else goes on. No axis moves.
fn elsewhere(inference: &mut Inference<'_>, step: &Step, axes: &[usize]) -> Vec<Tag> {
    let shape = inference.flow.shape(step.to);
    let mut tags = Vec::new();
    for tag in inference.of(step.from[0]) {
        if tag.axes.iter().any(|axis| axes.contains(axis)) {
            inference.fix(&tag);
        } else {
            tags.extend(inference.settled(&tag, shape, step.to.index()));
        }
    }
    tags
}

/// The same forms times a number.
fn scaled(inference: &mut Inference<'_>, step: &Step, by: f64) -> Vec<Tag> {
    inference.of(step.from[0]).iter().map(|tag| times(tag, by)).collect()
}

fn times(tag: &Tag, by: f64) -> Tag {
    let forms = tag
        .forms
        .iter()
        .map(|form| form.map(|term| super::Term { scale: term.scale * by, ..term }))
        .collect();
    Tag { forms, ..tag.clone() }
}

impl Inference<'_> {
    /// The tags of a value after its axes moved: new axis i was old axis `from[i]`. What cannot follow is fixed.
    fn moved(
        &mut self,
        tags: Vec<Tag>,
        shape: &[usize],
        from: &[Option<usize>],
        new_shape: &[usize],
    ) -> Vec<Tag> {
        let mut moved = Vec::new();
        for tag in tags {
            match tag.moved(&mut self.marks, shape, from, new_shape) {
                Some(tag) => moved.push(tag),
                None => self.fix(&tag),
            }
        }
        moved
    }

    /// Both tags over the axes of both, or both fixed if that is too much.
    fn spread(&mut self, a: &Tag, b: &Tag, shape: &[usize]) -> Option<(Tag, Tag)> {
        let mut axes: Vec<usize> = a.axes.iter().chain(&b.axes).copied().collect();
        axes.sort_unstable();
        axes.dedup();
        match (over(a, &axes, shape), over(b, &axes, shape)) {
            (Some(a), Some(b)) => Some((a, b)),
            _ => {
                self.fix(a);
                self.fix(b);
                None
            }
        }
    }

    /// Unites two tags with one unit, wherever both stand; returns one of them over the axes of both.
    fn united(&mut self, a: &Tag, b: &Tag, shape: &[usize], dual: bool) -> Option<Tag> {
        let (a, b) = self.spread(a, b, shape)?;
        self.unify(&a, &b, shape, dual);
        Some(a)
    }

    /// Demands that lines are moved alike along an axis, which the tag has no more then.
    fn tied(&mut self, tag: &Tag, shape: &[usize], axis: usize) -> Option<Tag> {
        if !tag.axes.contains(&axis) {
            return Some(tag.clone());
        }
        let axes: Vec<usize> = tag.axes.iter().copied().filter(|a| *a != axis).collect();
        let at = |place: usize| {
            let mut index = vec![0; shape.len()];
            index[axis] = place;
            Tag::build(axes.clone(), tag.unit, shape, |places| {
                for (axis, i) in axes.iter().zip(places) {
                    index[*axis] = *i;
                }
                tag.form(shape, &index).clone()
            })
        };
        let first = at(0)?;
        for place in 1..shape[axis] {
            self.unify(&first, &at(place)?, shape, false);
        }
        Some(first)
    }

    /// Tags that went through a linear operation as they are: new vectors, those of the step's result.
    fn settle_all(&mut self, tags: Vec<Tag>, step: &Step) -> Vec<Tag> {
        let shape = self.flow.shape(step.to);
        tags.iter().filter_map(|tag| self.settled(tag, shape, step.to.index())).collect()
    }

    /// Lowers all nodes of a tag.
    fn lower(&mut self, lines: &Lines, group: &super::kind::Group) {
        for bunch in lines.iter().flatten() {
            self.nodes.lower(bunch.node, &bunch.twist, group.clone());
        }
    }
}

/// A tag over more axes.
fn over(tag: &Tag, axes: &[usize], shape: &[usize]) -> Option<Tag> {
    if tag.axes == axes {
        return Some(tag.clone());
    }
    let mut index = vec![0; shape.len()];
    Tag::build(axes.to_vec(), tag.unit, shape, |places| -> Form {
        for (axis, i) in axes.iter().zip(places) {
            index[*axis] = *i;
        }
        tag.form(shape, &index).clone()
    })
}

/// For each axis of a larger shape the axis that stands there, if it is not repeated; shapes end at the same axis.
fn aligned(shape: &[usize], to: &[usize]) -> Vec<Option<usize>> {
    let shift = to.len() - shape.len();
    (0..to.len()).map(|axis| axis.checked_sub(shift).filter(|old| shape[*old] == to[axis])).collect()
}

/// The size of a value along an axis of a larger shape.
fn size_along(shape: &[usize], to: &[usize], axis: usize) -> usize {
    axis.checked_sub(to.len() - shape.len()).map_or(1, |old| shape[old])
}
