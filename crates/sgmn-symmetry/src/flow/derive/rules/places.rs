//! Operations along places: pooling, padding, running sums. Units that stand along them become places.

use sgmn_graph::flow::{Cumulate, Pad, Pool, Pooling, ValueId};

use super::super::{Deriver, State, motion::Motion, scales::Side};

/// Windows over places; a maximum lets no sign through.
pub(in super::super) fn pool(deriver: &mut Deriver<'_>, op: &Pool, from: &[ValueId]) -> State {
    let rank = deriver.flow.shape(from[0]).len();
    let motion = deriver.motion(from[0]);
    let along: Vec<usize> = (rank - op.window.len()..rank).collect();
    let motion = without_places(deriver, motion, &along);
    if op.by == Pooling::Maximum {
        motion.demand_one(&mut deriver.scales, Side::Sign);
    }
    State::Moving(motion)
}

/// Zeros around places change nothing; other constants fix scalars.
pub(in super::super) fn pad(deriver: &mut Deriver<'_>, op: &Pad, from: &[ValueId]) -> State {
    let motion = deriver.motion(from[0]);
    let along: Vec<usize> = (0..op.amounts.len()).filter(|axis| op.amounts[*axis] != (0, 0)).collect();
    let motion = without_places(deriver, motion, &along);
    if op.value.is_infinite() {
        motion.demand_one(&mut deriver.scales, Side::Sign);
    } else if op.value != 0.0 {
        motion.demand_one(&mut deriver.scales, Side::Both);
    }
    State::Moving(motion)
}

/// Running sums along places.
pub(in super::super) fn cumulate(deriver: &mut Deriver<'_>, op: &Cumulate, from: &[ValueId]) -> State {
    let motion = deriver.motion(from[0]);
    State::Moving(without_places(deriver, motion, &[op.axis]))
}

/// Axes become places: units along them stand still, and the value no longer counts as repeating itself.
pub(super) fn without_places(deriver: &mut Deriver<'_>, mut motion: Motion, axes: &[usize]) -> Motion {
    motion.copies.retain(|axis| !axes.contains(axis));
    while let Some(group) =
        motion.groups.iter().find(|group| group.axes.iter().any(|axis| axes.contains(axis)))
    {
        let keep: Vec<usize> = group.axes.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        let of = group.axes.clone();
        motion.project(&of, &keep, &mut deriver.units, &mut deriver.scales);
    }
    motion.tidy(&mut deriver.units, &mut deriver.scales);
    motion
}
