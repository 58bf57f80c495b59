//! Products with a sum: index by index a product, then a sum over the common axes.

use sgmn_graph::flow::{Contract, ValueId};

use super::super::{
    Deriver, State,
    meet::{self, Guest, Is},
    motion::{Group, Motion},
    scales::ONE,
    unify::unify,
};
use super::{combine::product, reduce};

/// The rule. The common space has the axes of the batch, of the sum, and those that stay of each side.
pub(in super::super) fn apply(deriver: &mut Deriver<'_>, op: &Contract, from: &[ValueId]) -> State {
    let ranks = [deriver.flow.shape(from[0]).len(), deriver.flow.shape(from[1]).len()];
    let (free_left, free_right) = op.free(ranks[0], ranks[1]);
    let (n_batch, n_sum) = (op.batch.len(), op.sum.len());
    let rank = n_batch + n_sum + free_left.len() + free_right.len();
    let mut names = [vec![0; ranks[0]], vec![0; ranks[1]]];
    for (at, (left, right)) in op.batch.iter().chain(&op.sum).enumerate() {
        (names[0][*left], names[1][*right]) = (at, at);
    }
    for (at, axis) in free_left.iter().enumerate() {
        names[0][*axis] = n_batch + n_sum + at;
    }
    for (at, axis) in free_right.iter().enumerate() {
        names[1][*axis] = n_batch + n_sum + free_left.len() + at;
    }
    let sum: Vec<usize> = (n_batch..n_batch + n_sum).collect();
    let batch: Vec<usize> = (0..n_batch).collect();
    bear_operands(deriver, from, &names, rank, &batch, &sum);
    let mut guests = [deriver.guest(from[0], &names[0], rank), deriver.guest(from[1], &names[1], rank)];
    let motion = multiply_and_sum(deriver, &mut guests, &sum);
    // The axes of the sum are gone.
    State::Moving(motion.renamed(|axis| Some(if axis < n_batch { axis } else { axis - n_sum })))
}

/// The motion of `Σ left · right` over some axes of the common space, which keep their numbers.
pub(super) fn multiply_and_sum(
    deriver: &mut Deriver<'_>,
    guests: &mut [Guest<'_>; 2],
    sum: &[usize],
) -> Motion {
    let clusters = meet::meet(guests, &mut deriver.units, &mut deriver.scales);
    let shape: Vec<usize> =
        (0..guests[0].shape.len()).map(|axis| guests[0].shape[axis].max(guests[1].shape[axis])).collect();
    let mut copies = meet::copies(guests, &shape);
    copies.retain(|axis| !sum.contains(axis));
    let motion = product(deriver, guests, &clusters, 1);
    let motion = reduce::sum_over(deriver, &motion, sum);
    Motion { copies, ..motion }
}

/// Bears weights that nothing has met yet.
fn bear_operands(
    deriver: &mut Deriver<'_>,
    from: &[ValueId],
    names: &[Vec<usize>; 2],
    rank: usize,
    batch: &[usize],
    sum: &[usize],
) {
    if let (Some(left), Some(_)) = (deriver.unborn(from[0]), deriver.unborn(from[1])) {
        deriver.bear_alone(&left);
    }
    for (at, id) in from.iter().enumerate() {
        let Some(view) = deriver.unborn(*id) else { continue };
        let other = deriver.guest(from[1 - at], &names[1 - at], rank);
        let mut shape = vec![1; rank];
        deriver.flow.shape(*id).iter().zip(&names[at]).for_each(|(size, axis)| shape[*axis] = *size);
        let stays = |axis: &usize| !batch.contains(axis) && !sum.contains(axis);
        let free: Vec<usize> = names[at].iter().copied().filter(stays).collect();
        match weight(deriver, &other, &shape, batch, sum, &free) {
            Some(motion) => deriver.bear(&view, &names[at], motion),
            None => deriver.bear_alone(&view),
        }
    }
}

/// How a weight moves that reads `other` along `sum`, for each index of `batch`, and writes `free`. Axes are those of the
/// common space; axes of the weight that are named nowhere are places. Absent if batch axes hold units of several groups.
pub(super) fn weight(
    deriver: &mut Deriver<'_>,
    other: &Guest<'_>,
    shape: &[usize],
    batch: &[usize],
    sum: &[usize],
    free: &[usize],
) -> Option<Motion> {
    let Is::Moving(read) = &other.is else { return None };
    let large = |axis: &&usize| shape[**axis] > 1;
    let mut groups: Vec<Group> = Vec::new();
    for group in &read.groups {
        let axes: Vec<usize> =
            group.axes.iter().copied().filter(|axis| batch.contains(axis) || sum.contains(axis)).collect();
        if !axes.iter().any(|axis| sum.contains(axis)) {
            continue;
        }
        // What is read is undone; what is left of the freedom is in the axes that are written.
        let mut adopted = deriver.adopt(group, &axes);
        if axes.len() == group.axes.len() {
            adopted.scales = group.scales.iter().map(|scale| deriver.scales.inverse(*scale)).collect();
        }
        groups.push(adopted);
    }
    let free: Vec<usize> = free.iter().filter(large).copied().collect();
    // Along a batch axis of units the weight has a part for each unit; along one that repeats, parts of its own.
    let units: Vec<usize> =
        batch.iter().filter(large).copied().filter(|axis| read.at(*axis).is_some()).collect();
    let own: Vec<usize> =
        batch.iter().filter(large).copied().filter(|axis| read.copies.contains(axis)).collect();
    let written: Vec<usize> = {
        let mut axes = [&units[..], &own, &free].concat();
        axes.sort_unstable();
        axes
    };
    if units.is_empty() {
        groups.extend(deriver.own_groups(&written, shape));
    } else {
        let above =
            read.at(units[0]).filter(|group| units.iter().all(|axis| group.axes.contains(axis)))?.clone();
        let above = above.quotient(&units, &mut deriver.units);
        if written.len() == units.len() {
            groups.push(deriver.adopt(&above, &units));
        } else {
            let dims = written.iter().map(|axis| shape[*axis]).collect();
            let group = deriver.fresh_group(written.clone(), dims);
            let mut blocks = group.quotient(&units, &mut deriver.units);
            unify(&mut blocks, &above, &mut deriver.units);
            groups.push(group);
        }
    }
    // A weight that writes a single number has a scalar of its own.
    let scalar = if written.is_empty() { deriver.scales.fresh(1)[0] } else { ONE };
    Some(Motion { scalar, groups, copies: Vec::new() })
}
