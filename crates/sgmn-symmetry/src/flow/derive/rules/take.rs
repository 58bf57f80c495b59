//! Parts of a value: slices, fixed lists of places, rows of tables.

use sgmn_graph::flow::{Lookup, Slice, Take, ValueId};

use super::super::{
    Deriver, State,
    birth::View,
    motion::{Group, Motion},
};
use super::places::without_places;

/// Units that are taken are told apart from those that are left.
/// A place of a stack is a parameter of its own.
pub(in super::super) fn slice(deriver: &mut Deriver<'_>, op: &Slice, from: &[ValueId]) -> State {
    if let State::View(view) = &deriver.states[from[0].index()]
        && let Some(part) = deriver.part(view.param, op.start)
    {
        // Others may read the same place.
        return State::View(View::whole(part, view.axes.len(), false));
    }
    let motion = deriver.motion(from[0]);
    let index: Vec<usize> = op.places().collect();
    State::Moving(taken(deriver, motion, op.axis, &index))
}

/// As a slice; a unit that is taken several times becomes several copies.
pub(in super::super) fn take(deriver: &mut Deriver<'_>, op: &Take, from: &[ValueId]) -> State {
    let motion = deriver.motion(from[0]);
    State::Moving(taken(deriver, motion, op.axis, &op.index))
}

/// Rows by computed numbers: the axis they name is one of places.
pub(in super::super) fn lookup(deriver: &mut Deriver<'_>, op: &Lookup, from: &[ValueId]) -> State {
    let table = deriver.flow.shape(from[0]).to_vec();
    let ids = deriver.flow.shape(from[1]).len();
    let mut by = deriver.motion(from[1]);
    by.stop(&mut deriver.units, &mut deriver.scales);
    if let Some(view) = deriver.unborn(from[0]) {
        let large: Vec<usize> =
            (0..table.len()).filter(|axis| *axis != op.axis && table[*axis] > 1).collect();
        let groups = deriver.own_groups(&large, &table);
        let motion = deriver.with_scalar(groups);
        let name: Vec<usize> = (0..table.len()).collect();
        deriver.bear(&view, &name, motion);
    }
    let motion = deriver.motion(from[0]);
    let motion = without_places(deriver, motion, &[op.axis]);
    State::Moving(motion.renamed(|axis| Some(if axis < op.axis { axis } else { axis + ids - 1 })))
}

fn taken(deriver: &mut Deriver<'_>, mut motion: Motion, axis: usize, index: &[usize]) -> Motion {
    let Some(at) = motion.groups.iter().position(|group| group.axes.contains(&axis)) else {
        // Along copies every choice is the same; along places everything is known by its place.
        if index.len() <= 1 {
            motion.copies.retain(|copies| *copies != axis);
        }
        return motion;
    };
    let group = motion.groups.remove(at);
    let mut group = pick(&group, axis, index, deriver);
    if index.len() == 1 {
        // An axis of size 1 is in no group.
        let keep: Vec<usize> = group.axes.iter().copied().filter(|other| *other != axis).collect();
        group = group.quotient(&keep, &mut deriver.units);
    }
    motion.insert(at, group, &mut deriver.units, &mut deriver.scales);
    motion.tidy(&mut deriver.units, &mut deriver.scales);
    motion
}

/// The group at some indices along one of its axes.
fn pick(group: &Group, axis: usize, index: &[usize], deriver: &mut Deriver<'_>) -> Group {
    let k = group.axes.iter().position(|of| *of == axis).expect("the group holds the axis");
    let (size, inner) = (group.dims[k], group.dims[k + 1..].iter().product::<usize>());
    let outer = group.len() / (size * inner).max(1);
    let from: Vec<usize> = (0..outer)
        .flat_map(|o| index.iter().flat_map(move |i| (0..inner).map(move |n| (o * size + i) * inner + n)))
        .collect();
    group.mark(&from, &mut deriver.units);
    let mut sorted = index.to_vec();
    sorted.sort_unstable();
    let repeats = sorted.windows(2).any(|pair| pair[0] == pair[1]);
    let labels = if repeats {
        group.copied(&from, &mut deriver.units)
    } else {
        from.iter().map(|at| group.labels[*at]).collect()
    };
    let mut dims = group.dims.clone();
    dims[k] = index.len();
    Group {
        axes: group.axes.clone(),
        dims,
        labels: labels.into(),
        places: from.iter().map(|at| group.places[*at]).collect(),
        scales: from.iter().map(|at| group.scales[*at]).collect(),
    }
}
