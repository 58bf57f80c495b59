//! Repeating along axes of size 1: the same vectors at more places, as the keys of grouped queries.

use sgmn_graph::flow::Step;

use super::{Inference, Tag, aligned};

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step) -> Vec<Tag> {
    let flow = inference.flow;
    let (shape, new) = (flow.shape(step.from[0]), flow.shape(step.to));
    let tags = inference.of(step.from[0]);
    inference.moved(tags, shape, &aligned(shape, new), new)
}
