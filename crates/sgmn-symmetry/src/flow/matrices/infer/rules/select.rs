//! One of two values by a condition that all units share: both are moved by one matrix, or one of them is 0.

use sgmn_graph::flow::{Step, ValueId};

use super::{Inference, Tag, aligned, size_along};

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step) -> Vec<Tag> {
    let flow = inference.flow;
    let shape = flow.shape(step.to);
    let [condition, a, b] = [step.from[0], step.from[1], step.from[2]];
    for tag in inference.of(condition) {
        inference.fix(&tag);
    }
    let [lefts, rights] = [a, b].map(|value| {
        let (shape, tags) = (flow.shape(value), inference.of(value));
        inference.moved(tags, shape, &aligned(shape, flow.shape(step.to)), flow.shape(step.to))
    });
    let is_zero = |value: ValueId| flow.constant(value).and_then(|constant| constant.uniform()) == Some(0.0);
    let mut out = Vec::new();
    let units = |tags: &[Tag]| tags.iter().map(|tag| tag.unit).collect::<Vec<_>>();
    let mut all = [units(&lefts), units(&rights)].concat();
    all.sort_unstable();
    all.dedup();
    for unit in all {
        let left = lefts.iter().find(|tag| tag.unit == unit);
        let right = rights.iter().find(|tag| tag.unit == unit);
        let shared = size_along(flow.shape(condition), shape, unit) == 1 && shape[unit] > 1;
        let found = match (left, right) {
            (Some(left), Some(right)) if shared => inference.united(left, right, shape, false),
            (Some(left), None) if shared && is_zero(b) => Some(left.clone()),
            (None, Some(right)) if shared && is_zero(a) => Some(right.clone()),
            _ => None,
        };
        match found {
            Some(tag) => out.push(tag),
            None => left.into_iter().chain(right).for_each(|tag| inference.fix(tag)),
        }
    }
    inference.settle_all(out, step)
}
