//! Rows of a table: what they hold goes on, which row stands where is fixed.

use sgmn_graph::flow::{Lookup, Step};

use super::{Inference, Tag};

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, op: &Lookup) -> Vec<Tag> {
    let flow = inference.flow;
    let (table, new_shape) = (flow.shape(step.from[0]), flow.shape(step.to));
    for tag in inference.of(step.from[1]) {
        inference.fix(&tag);
    }
    let n_ids = flow.shape(step.from[1]).len();
    let from: Vec<Option<usize>> = (0..new_shape.len())
        .map(|axis| match axis.checked_sub(op.axis) {
            None => Some(axis),
            Some(beyond) => beyond.checked_sub(n_ids).map(|after| op.axis + 1 + after),
        })
        .collect();
    let mut out = Vec::new();
    for tag in inference.of(step.from[0]) {
        match (tag.unit != op.axis).then(|| inference.tied(&tag, table, op.axis)).flatten() {
            Some(tied) => out.push(tied),
            None => inference.fix(&tag),
        }
    }
    let out = inference.moved(out, table, &from, new_shape);
    inference.settle_all(out, step)
}
