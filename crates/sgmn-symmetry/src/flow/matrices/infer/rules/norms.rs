//! Norms and sums over units: invariant under orthogonal matrices, means under those that keep (1, …, 1).

use sgmn_graph::flow::{Normalize, Op, Reduce, Reduction, Step};

use super::{super::kind::Group, Inference, Tag, fixed};

/// A normalization over the unit, and over places.
pub(super) fn normalize(inference: &mut Inference<'_>, step: &Step, op: &Normalize) -> Vec<Tag> {
    let shape = inference.flow.shape(step.to);
    let mut out = Vec::new();
    for tag in inference.of(step.from[0]) {
        if op.axes.contains(&tag.unit) {
            let lines = inference.lines(&tag, shape);
            inference.lower(&lines, if op.centre { &Group::KeepsOnes } else { &Group::Orthogonal });
            out.push(tag);
        } else {
            inference.fix(&tag);
        }
    }
    // Two matrices at once are not seen through.
    if out.len() > 1 {
        return fixed(inference, step);
    }
    inference.settle_all(out, step)
}

/// Sums, means and norms.
pub(super) fn reduce(inference: &mut Inference<'_>, step: &Step, op: &Reduce) -> Vec<Tag> {
    let flow = inference.flow;
    let (shape, new_shape) = (flow.shape(step.from[0]), flow.shape(step.to));
    let (linear, square) = match op.by {
        Reduction::Sum | Reduction::Mean => (true, false),
        Reduction::Norm | Reduction::SquareSum => (false, true),
        _ => return fixed(inference, step),
    };
    let all = inference.of(step.from[0]);
    if square && all.len() > 1 {
        return fixed(inference, step);
    }
    // Where each axis of the result comes from; axes that were summed over are the same for all.
    let stays = |axis: &usize| op.keep || !op.axes.contains(axis);
    let from: Vec<Option<usize>> =
        (0..shape.len()).filter(stays).map(|axis| (!op.axes.contains(&axis)).then_some(axis)).collect();
    let mut out = Vec::new();
    for tag in all {
        if op.axes.contains(&tag.unit) {
            let lines = inference.lines(&tag, shape);
            inference.lower(&lines, if square { &Group::Orthogonal } else { &Group::KeepsOnes });
        } else if linear {
            match op.axes.iter().try_fold(tag.clone(), |tag, axis| inference.tied(&tag, shape, *axis)) {
                Some(tied) => out.push(tied),
                None => inference.fix(&tag),
            }
        } else {
            inference.fix(&tag);
        }
    }
    let out = inference.moved(out, shape, &from, new_shape);
    inference.settle_all(out, step)
}

/// Squares, as a norm that is written out begins: free to pass if all that reads them is a sum over the units.
pub(super) fn square(inference: &mut Inference<'_>, step: &Step) -> Vec<Tag> {
    let flow = inference.flow;
    let tags = inference.of(step.from[0]);
    let [tag] = tags.as_slice() else { return fixed(inference, step) };
    let sums = |reader: &usize| match &flow.steps()[*reader].op {
        Op::Reduce(op) => matches!(op.by, Reduction::Sum | Reduction::Mean) && op.axes.contains(&tag.unit),
        _ => false,
    };
    let is_output = flow.outputs().iter().any(|output| output.value == step.to);
    if is_output || !inference.readers[step.to.index()].iter().all(sums) {
        return fixed(inference, step);
    }
    let lines = inference.lines(tag, flow.shape(step.from[0]));
    inference.lower(&lines, &Group::Orthogonal);
    Vec::new()
}
