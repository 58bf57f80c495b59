//! Values side by side: units side by side, or the same units at more places.

use sgmn_graph::flow::{Concat, ValueId};

use super::super::{
    Deriver, State,
    meet::{self, Guest, Is},
    motion::{Group, Motion},
    scales::ONE,
};
use super::combine::{guests, sum};

/// The rule.
pub(in super::super) fn apply(
    deriver: &mut Deriver<'_>,
    op: &Concat,
    from: &[ValueId],
    shape: &[usize],
) -> State {
    let rank = shape.len();
    let mut guests = guests(deriver, from, rank, false);
    let units_there =
        |guest: &Guest<'_>| matches!(&guest.is, Is::Moving(motion) if motion.at(op.axis).is_some());
    // Values of one unit each, of width 1: their scalars become those of units side by side.
    let no_groups = |guest: &Guest<'_>| matches!(&guest.is, Is::Moving(motion) if motion.groups.is_empty());
    let lone = guests.iter().all(|guest| no_groups(guest) && guest.shape[op.axis] == 1);
    if !lone && !guests.iter().any(units_there) {
        // Along places: all parts move alike in all other axes, as the terms of a sum do.
        for guest in &mut guests {
            if matches!(guest.is, Is::Moving(_)) {
                guest.shape[op.axis] = 1;
            }
        }
        let clusters = meet::meet(&mut guests, &mut deriver.units, &mut deriver.scales);
        let mut rest = shape.to_vec();
        rest[op.axis] = 1;
        let copies = meet::copies(&guests, &rest);
        let motion = sum(deriver, &guests, &clusters, None);
        return State::Moving(Motion { copies, ..motion });
    }
    beside(deriver, guests, op.axis, shape)
}

/// Units side by side. What is no unit of the net (inputs, constants) stands among them and does not move. In all other
/// axes the parts move alike.
fn beside(deriver: &mut Deriver<'_>, mut guests: Vec<Guest<'_>>, axis: usize, shape: &[usize]) -> State {
    let axes = guests.iter().find_map(|guest| group_at(guest, axis)).unwrap_or_else(|| vec![axis]);
    let mut parts: Vec<Group> = Vec::new();
    for guest in &mut guests {
        let dims: Vec<usize> = axes.iter().map(|axis| guest.shape[*axis]).collect();
        parts.push(part(deriver, guest, &axes, dims));
        if matches!(guest.is, Is::Moving(_)) {
            axes.iter().for_each(|axis| guest.shape[*axis] = 1);
        }
    }
    let clusters = meet::meet(&mut guests, &mut deriver.units, &mut deriver.scales);
    let rest = sum(deriver, &guests, &clusters, None);
    let mut groups = vec![side_by_side(&parts, axes, axis, shape)];
    groups.extend(rest.groups);
    State::Moving(Motion { scalar: ONE, groups, copies: Vec::new() })
}

fn group_at(guest: &Guest<'_>, axis: usize) -> Option<Vec<usize>> {
    match &guest.is {
        Is::Moving(motion) => motion.at(axis).map(|group| group.axes.clone()),
        Is::Constant(_) => None,
    }
}

/// What a guest brings along the common axes; its other groups stay with it.
fn part(deriver: &mut Deriver<'_>, guest: &mut Guest<'_>, axes: &[usize], dims: Vec<usize>) -> Group {
    let n: usize = dims.iter().product();
    let Is::Moving(motion) = &mut guest.is else {
        return Group::new(axes.to_vec(), dims, deriver.frozen_labels(n), vec![ONE; n]);
    };
    // Groups that have some of the axes only, or more than them, stand still.
    while let Some(of) = motion
        .groups
        .iter()
        .find(|group| group.axes != axes && group.axes.iter().any(|axis| axes.contains(axis)))
        .map(|group| group.axes.clone())
    {
        motion.project(&of, &[], &mut deriver.units, &mut deriver.scales);
    }
    motion.copies.retain(|axis| !axes.contains(axis));
    let scalar = std::mem::replace(&mut motion.scalar, ONE);
    match motion.groups.iter().position(|group| group.axes == axes) {
        Some(at) => {
            let group = motion.groups.remove(at);
            group.map_scales(|scale| deriver.scales.product(scale, scalar))
        }
        None => Group::new(axes.to_vec(), dims, deriver.frozen_labels(n), vec![scalar; n]),
    }
}

/// Groups of the same axes, one after the other along one of them.
fn side_by_side(parts: &[Group], axes: Vec<usize>, axis: usize, shape: &[usize]) -> Group {
    let k = axes.iter().position(|of| *of == axis).expect("the axis is one of them");
    let dims: Vec<usize> = axes.iter().map(|axis| shape[*axis]).collect();
    let inner: usize = dims[k + 1..].iter().product();
    let outer: usize = dims[..k].iter().product();
    let (mut labels, mut places, mut scales) = (Vec::new(), Vec::new(), Vec::new());
    for o in 0..outer {
        for part in parts {
            let row = part.dims[k] * inner;
            labels.extend_from_slice(&part.labels[o * row..(o + 1) * row]);
            places.extend_from_slice(&part.places[o * row..(o + 1) * row]);
            scales.extend_from_slice(&part.scales[o * row..(o + 1) * row]);
        }
    }
    Group { axes, dims, labels: labels.into(), places: places.into(), scales: scales.into() }
}
