//! Axes in another order: tags follow.

use sgmn_graph::flow::{Permute, Step};

use super::{Inference, Tag};

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, op: &Permute) -> Vec<Tag> {
    let flow = inference.flow;
    let from: Vec<Option<usize>> = op.order.iter().copied().map(Some).collect();
    let tags = inference.of(step.from[0]);
    inference.moved(tags, flow.shape(step.from[0]), &from, flow.shape(step.to))
}
