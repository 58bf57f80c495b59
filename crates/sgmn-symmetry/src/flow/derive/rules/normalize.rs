//! Operations over sets of units that return a value for each unit: normalization and softmax.

use sgmn_graph::flow::{Normalize, Softmax, ValueId};

use super::super::{
    Deriver, State,
    motion::Motion,
    scales::{ONE, Side},
};

/// Magnitudes are equal over the set, and 1 where an ε stands beside them. Signs pass; with a mean to subtract they are
/// equal over the set.
pub(in super::super) fn apply(deriver: &mut Deriver<'_>, op: &Normalize, from: &[ValueId]) -> State {
    let motion = deriver.motion(from[0]);
    tie_sets(deriver, &motion, &op.axes);
    if op.centre {
        level(deriver, &motion, &op.axes, Side::Sign);
    }
    if op.epsilon > 0.0 {
        motion.demand_one(&mut deriver.scales, Side::Log);
        return State::Moving(motion);
    }
    level(deriver, &motion, &op.axes, Side::Log);
    // Only the sign is left of each scalar.
    let scales = &mut deriver.scales;
    let sign_only = motion.map_scales(|scale| scales.sign_only(scale));
    State::Moving(sign_only)
}

/// Scalars are 1; units keep their order among their set.
pub(in super::super) fn softmax(deriver: &mut Deriver<'_>, op: &Softmax, from: &[ValueId]) -> State {
    let motion = deriver.motion(from[0]);
    motion.demand_one(&mut deriver.scales, Side::Both);
    tie_sets(deriver, &motion, &[op.axis]);
    State::Moving(motion.map_scales(|_| ONE))
}

/// Units of one set stay together.
fn tie_sets(deriver: &mut Deriver<'_>, motion: &Motion, axes: &[usize]) {
    for group in &motion.groups {
        let keep: Vec<usize> = group.axes.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        if keep.len() < group.axes.len() {
            let blocks = group.quotient(&keep, &mut deriver.units);
            if keep.is_empty() {
                deriver.units.freeze(&blocks.labels);
            }
        }
    }
}

fn level(deriver: &mut Deriver<'_>, motion: &Motion, axes: &[usize], side: Side) {
    for group in &motion.groups {
        let keep: Vec<usize> = group.axes.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        if keep.len() < group.axes.len() {
            group.level(&keep, &mut deriver.scales, side);
        }
    }
}
