//! Products: what is summed over must be dual on both sides, what runs along is blocks, all else goes on.

use sgmn_graph::flow::{Contract, Step};

use super::{Inference, Tag};

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step, op: &Contract) -> Vec<Tag> {
    let flow = inference.flow;
    let (left_shape, right_shape) = (flow.shape(step.from[0]), flow.shape(step.from[1]));
    let (of_left, of_right) = op.free(left_shape.len(), right_shape.len());
    // Axes of both operands together, in the order of the result, and those summed over last.
    let n_batch = op.batch.len();
    let n_out = n_batch + of_left.len() + of_right.len();
    let pairs = |side: fn(&(usize, usize)) -> usize| {
        (op.batch.iter().map(side).collect::<Vec<_>>(), op.sum.iter().map(side).collect::<Vec<_>>())
    };
    let (left_batch, left_sum) = pairs(|pair| pair.0);
    let (right_batch, right_sum) = pairs(|pair| pair.1);
    let some = |axes: &[usize]| axes.iter().copied().map(Some).collect::<Vec<_>>();
    let left = [some(&left_batch), some(&of_left), vec![None; of_right.len()], some(&left_sum)].concat();
    let right = [some(&right_batch), vec![None; of_left.len()], some(&of_right), some(&right_sum)].concat();
    let size = |(l, r): (&Option<usize>, &Option<usize>)| {
        l.map_or_else(|| r.map_or(1, |r| right_shape[r]), |l| left_shape[l])
    };
    let shape: Vec<usize> = left.iter().zip(&right).map(size).collect();

    let tags = inference.of(step.from[0]);
    let lefts = inference.moved(tags, left_shape, &left, &shape);
    let tags = inference.of(step.from[1]);
    let rights = inference.moved(tags, right_shape, &right, &shape);

    let on = |tags: &[Tag], axis: usize| tags.iter().find(|tag| tag.unit == axis).cloned();
    for axis in (0..n_batch).chain(n_out..shape.len()) {
        match (on(&lefts, axis), on(&rights, axis)) {
            (Some(left), Some(right)) if axis >= n_out => {
                inference.united(&left, &right, &shape, true);
            }
            (left, right) => left.iter().chain(&right).for_each(|tag| inference.fix(tag)),
        }
    }
    let mut out = Vec::new();
    for tag in lefts.into_iter().chain(rights).filter(|tag| (n_batch..n_out).contains(&tag.unit)) {
        // A sum over blocks asks for one matrix in all of them.
        let tied = (n_out..shape.len()).try_fold(tag.clone(), |tag, axis| inference.tied(&tag, &shape, axis));
        match tied {
            Some(tied) => out.push(tied),
            None => inference.fix(&tag),
        }
    }
    inference.settle_all(out, step)
}
