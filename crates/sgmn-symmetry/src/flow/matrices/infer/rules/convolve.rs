//! Convolutions: channels read are dual to the kernel's, channels written are the kernel's.

use sgmn_graph::flow::{Convolve, Step};

use super::{Inference, Tag};

/// Axes of both operands together.
const READ: usize = 0;
const WRITTEN: usize = 1;
const BATCH: usize = 2;

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, op: &Convolve) -> Vec<Tag> {
    let flow = inference.flow;
    let (x, weight) = (flow.shape(step.from[0]), flow.shape(step.from[1]));
    let n = op.stride.len();
    let (reads, writes) = if op.transposed.is_some() { (0, 1) } else { (1, 0) };
    let spatial = || (2..n + 2).map(Some);
    let none = || std::iter::repeat_n(None, n);
    let of_x: Vec<Option<usize>> =
        [Some(1), None, Some(0)].into_iter().chain(spatial()).chain(none()).collect();
    let of_weight: Vec<Option<usize>> =
        [Some(reads), Some(writes), None].into_iter().chain(none()).chain(spatial()).collect();
    let mut shape = vec![x[1], weight[writes], x[0]];
    shape.extend_from_slice(&x[2..]);
    shape.extend_from_slice(&weight[2..]);

    let mut xs = inference.of(step.from[0]);
    let mut weights = inference.of(step.from[1]);
    if op.groups > 1 {
        // The kernel's axis of channels read stands for each group's channels.
        let of_read = |tag: &Tag, axis| tag.axes.contains(&axis);
        xs.iter().filter(|tag| of_read(tag, 1)).for_each(|tag| inference.fix(tag));
        weights.iter().filter(|tag| of_read(tag, reads)).for_each(|tag| inference.fix(tag));
        xs.retain(|tag| !of_read(tag, 1));
        weights.retain(|tag| !of_read(tag, reads));
        shape[READ] = weight[reads];
        if op.transposed.is_some() {
            weights.iter().for_each(|tag| inference.fix(tag));
            weights.clear();
        }
    }
    let xs = inference.moved(xs, x, &of_x, &shape);
    let weights = inference.moved(weights, weight, &of_weight, &shape);

    let on = |tags: &[Tag], axis: usize| tags.iter().find(|tag| tag.unit == axis).cloned();
    match (on(&xs, READ), on(&weights, READ)) {
        (Some(x), Some(weight)) => {
            inference.united(&x, &weight, &shape, true);
        }
        (x, weight) => x.iter().chain(&weight).for_each(|tag| inference.fix(tag)),
    }
    let mut out = Vec::new();
    for tag in xs.into_iter().chain(weights).filter(|tag| tag.unit != READ) {
        let kernel = [READ].into_iter().chain(BATCH + n + 1..shape.len());
        let tied = (tag.unit == WRITTEN).then(|| {
            kernel.into_iter().try_fold(tag.clone(), |tag, axis| inference.tied(&tag, &shape, axis))
        });
        match tied.flatten().filter(|tied| tied.axes == [WRITTEN]) {
            Some(tied) => {
                inference.cut_lines(&tied, &shape, shape[WRITTEN] / op.groups.max(1));
                out.push(Tag { axes: vec![1], unit: 1, ..tied });
            }
            None => inference.fix(&tag),
        }
    }
    inference.settle_all(out, step)
}

impl Inference<'_> {
    /// Cuts nodes so that each lies in one stretch of so many positions.
    fn cut_lines(&mut self, tag: &Tag, shape: &[usize], stretch: usize) {
        if stretch >= shape[tag.unit] {
            return;
        }
        for bunch in self.lines(tag, shape).into_iter().flatten() {
            let mut labels = vec![0; self.nodes.size(bunch.node)];
            for (position, at) in bunch.positions.iter().zip(&bunch.at) {
                labels[*at as usize] = position / stretch as u32;
            }
            self.nodes.cut(bunch.node, &labels);
        }
    }
}
