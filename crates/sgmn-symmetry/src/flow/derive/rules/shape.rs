//! Axes in another order, and axes along which a value repeats itself.

use sgmn_graph::flow::{Permute, ValueId};

use super::super::{Deriver, State, birth::View};

/// Everything goes along.
pub(in super::super) fn permute(deriver: &mut Deriver<'_>, op: &Permute, from: &[ValueId]) -> State {
    if let State::View(view) = deriver.states[from[0].index()].clone() {
        let axes = op.order.iter().map(|axis| view.axes[*axis]).collect();
        let lone = view.lone && deriver.n_readers[from[0].index()] == 1;
        return State::View(View { axes, lone, ..view });
    }
    let motion = deriver.motion(from[0]);
    State::Moving(motion.renamed(|axis| op.order.iter().position(|old| *old == axis)))
}

/// Axes of size 1 that grow, and new axes, hold copies.
pub(in super::super) fn expand(deriver: &mut Deriver<'_>, from: &[ValueId], shape: &[usize]) -> State {
    let old = deriver.flow.shape(from[0]).to_vec();
    let shift = shape.len() - old.len();
    let mut motion = deriver.motion(from[0]).renamed(|axis| Some(axis + shift));
    for (axis, size) in shape.iter().enumerate() {
        let before = axis.checked_sub(shift).map_or(1, |axis| old[axis]);
        if before == 1 && *size > 1 {
            motion.copies.push(axis);
        }
    }
    State::Moving(motion)
}
