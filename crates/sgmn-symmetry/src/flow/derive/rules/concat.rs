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
    let mut guests = guests(deriver, from, rank);
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

/// Units side by side. What is no unit of the net (inputs, constants) stands among them and does not move.
fn beside(deriver: &mut Deriver<'_>, mut guests: Vec<Guest<'_>>, axis: usize, shape: &[usize]) -> State {
    let axes = guests
        .iter()
        .find_map(|guest| match &guest.is {
            Is::Moving(motion) => motion.at(axis).map(|group| group.axes.clone()),
            Is::Constant(_) => None,
        })
        .unwrap_or_else(|| vec![axis]);
    let mut parts: Vec<Group> = Vec::new();
    for guest in &mut guests {
        let dims: Vec<usize> = axes.iter().map(|axis| guest.shape[*axis]).collect();
        let n: usize = dims.iter().product();
        let part = match &mut guest.is {
            Is::Constant(_) => Group::new(axes.clone(), dims, deriver.frozen_labels(n), vec![ONE; n]),
            Is::Moving(motion) => {
                // Groups on other axes stand still: units of both kinds at once are rare.
                while let Some(other) = motion.groups.iter().find(|group| group.axes != axes) {
                    let of = other.axes.clone();
                    motion.project(&of, &[], &mut deriver.units, &mut deriver.scales);
                }
                let scalar = motion.scalar;
                match motion.groups.pop() {
                    Some(group) => {
                        let scales =
                            group.scales.iter().map(|scale| deriver.scales.product(*scale, scalar)).collect();
                        Group { scales, ..group }
                    }
                    None => Group::new(axes.clone(), dims, deriver.frozen_labels(n), vec![scalar; n]),
                }
            }
        };
        parts.push(part);
    }
    let k = axes.iter().position(|of| *of == axis).expect("the axis is one of them");
    let dims: Vec<usize> = axes.iter().map(|axis| shape[*axis]).collect();
    let inner: usize = dims[k + 1..].iter().product();
    let outer: usize = dims[..k].iter().product();
    let mut all = Group::new(axes, dims, Vec::new(), Vec::new());
    let (mut labels, mut places, mut scales) = (Vec::new(), Vec::new(), Vec::new());
    for o in 0..outer {
        for part in &parts {
            let row = part.dims[k] * inner;
            labels.extend_from_slice(&part.labels[o * row..(o + 1) * row]);
            places.extend_from_slice(&part.places[o * row..(o + 1) * row]);
            scales.extend_from_slice(&part.scales[o * row..(o + 1) * row]);
        }
    }
    (all.labels, all.places, all.scales) = (labels.into(), places.into(), scales.into());
    State::Moving(Motion { scalar: ONE, groups: vec![all], copies: Vec::new() })
}
