//! The same numbers with other axes: units stand at places, or in blocks, or come back.

use std::sync::Arc;

use sgmn_graph::flow::ValueId;

use super::super::{
    Deriver, State,
    birth::View,
    motion::{Group, Motion, transposed},
    scales::{ONE, ScaleId},
    units::{Label, LinkKind},
};

/// The rule.
pub(in super::super) fn apply(deriver: &mut Deriver<'_>, from: &[ValueId], shape: &[usize]) -> State {
    let old = deriver.flow.shape(from[0]).to_vec();
    if let State::View(view) = deriver.states[from[0].index()].clone()
        && let Some(axes) = same_but_for_ones(&view, &old, shape)
    {
        let lone = view.lone && deriver.n_readers[from[0].index()] == 1;
        return State::View(View { axes, lone, ..view });
    }
    let motion = deriver.motion(from[0]);
    State::Moving(reshaped(deriver, &motion, &old, shape))
}

/// The axes of a view after a reshape that adds or takes away axes of size 1 only.
fn same_but_for_ones(view: &View, old: &[usize], new: &[usize]) -> Option<Vec<Option<usize>>> {
    let mut large = (0..old.len()).filter(|axis| old[*axis] != 1);
    let axes = new.iter().map(|size| {
        if *size == 1 {
            Some(None)
        } else {
            large.next().filter(|at| old[*at] == *size).map(|at| view.axes[at])
        }
    });
    let axes: Vec<Option<usize>> = axes.collect::<Option<_>>()?;
    large.next().is_none().then_some(axes)
}

/// A stretch of axes that holds the same numbers before and after.
struct Stretch {
    before: Vec<usize>,
    after: Vec<usize>,
}

/// How a value moves after a reshape.
pub(super) fn reshaped(deriver: &mut Deriver<'_>, motion: &Motion, old: &[usize], new: &[usize]) -> Motion {
    let mut result = Motion { scalar: motion.scalar, groups: Vec::new(), copies: Vec::new() };
    let stretches = stretches(old, new);
    for stretch in &stretches {
        let large = |axes: &[usize], shape: &[usize]| -> Vec<usize> {
            axes.iter().copied().filter(|axis| shape[*axis] > 1).collect()
        };
        let (before, after) = (large(&stretch.before, old), large(&stretch.after, new));
        if before.len() == 1 && after.len() == 1 && motion.copies.contains(&before[0]) {
            result.copies.push(after[0]);
        }
    }
    let mut left = motion.groups.clone();
    while !left.is_empty() {
        // The groups that come to share an axis.
        let mut touched: Vec<usize> = Vec::new();
        let mut together = vec![left.remove(0)];
        loop {
            let touches = |group: &Group| {
                (0..stretches.len())
                    .filter(|at| stretches[*at].before.iter().any(|axis| group.axes.contains(axis)))
                    .collect::<Vec<_>>()
            };
            touched.extend(together.iter().flat_map(touches));
            touched.sort_unstable();
            touched.dedup();
            let Some(at) = left.iter().position(|group| touches(group).iter().any(|at| touched.contains(at)))
            else {
                break;
            };
            together.push(left.remove(at));
        }
        let before: Vec<usize> = touched
            .iter()
            .flat_map(|at| &stretches[*at].before)
            .copied()
            .filter(|axis| old[*axis] > 1)
            .collect();
        let after: Vec<usize> = touched
            .iter()
            .flat_map(|at| &stretches[*at].after)
            .copied()
            .filter(|axis| new[*axis] > 1)
            .collect();
        let group = product_of(deriver, together);
        let group = spread(deriver, &group, &before, old, &motion.copies);
        let dims = after.iter().map(|axis| new[*axis]).collect();
        let group = without_idle_axes(Group { axes: after, dims, ..group });
        result.groups.push(group);
    }
    result
}

/// Cuts both shapes into stretches of equal counts, as short as they can be.
fn stretches(old: &[usize], new: &[usize]) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        let mut stretch = Stretch { before: Vec::new(), after: Vec::new() };
        let (mut a, mut b) = (1, 1);
        loop {
            if i < old.len() && (a < b || stretch.before.is_empty()) {
                a *= old[i];
                stretch.before.push(i);
                i += 1;
            } else if j < new.len() && (b < a || stretch.after.is_empty()) {
                b *= new[j];
                stretch.after.push(j);
                j += 1;
            } else {
                break;
            }
        }
        stretches.push(stretch);
    }
    stretches
}

/// Groups on different axes as one: its units are pairs.
fn product_of(deriver: &mut Deriver<'_>, groups: Vec<Group>) -> Group {
    let mut groups = groups.into_iter();
    let mut product = groups.next().expect("at least one group came to an axis");
    for group in groups {
        let mut axes = [&product.axes[..], &group.axes].concat();
        axes.sort_unstable();
        let dims: Vec<usize> = axes
            .iter()
            .map(|axis| {
                let of = |group: &Group| {
                    group.axes.iter().position(|other| other == axis).map(|at| group.dims[at])
                };
                of(&product).or_else(|| of(&group)).expect("each axis is of one of the two")
            })
            .collect();
        let n = dims.iter().product();
        let mut all = Group::new(axes, dims, deriver.units.fresh(n), vec![ONE; n]);
        let mut scales = vec![ONE; n];
        for factor in [&product, &group] {
            let kind = LinkKind::Factor(deriver.units.new_tag());
            let fibers = all.fibers(&factor.axes);
            for (row, fiber) in fibers.from.chunks(fibers.over).enumerate() {
                for at in fiber {
                    deriver.units.link(all.labels[*at], factor.labels[row], kind);
                    scales[*at] = deriver.scales.product(scales[*at], factor.scales[row]);
                }
            }
            deriver.pairs.push((all.clone(), factor.clone()));
        }
        all.scales = scales.into();
        product = all;
    }
    product
}

/// Units that stand several times along an axis that others joined are too much to follow: they stand still. Their pairs
/// do not remember where they stand, so those of different stands are told apart. Which units are one is known at the
/// end of a walk.
pub(in super::super) fn tell_pairs_apart(deriver: &mut Deriver<'_>) {
    for (all, factor) in std::mem::take(&mut deriver.pairs) {
        let stands = factor.stands(&deriver.units).into_iter();
        let stands: Vec<(u32, u32)> = stands.map(|(_, place, turn)| (place, turn)).collect();
        if stands.iter().all(|stand| *stand == (0, 0)) {
            continue;
        }
        deriver.units.freeze(&factor.labels);
        let mut stand = vec![(0, 0); all.len()];
        let fibers = all.fibers(&factor.axes);
        for (row, fiber) in fibers.from.chunks(fibers.over).enumerate() {
            fiber.iter().for_each(|at| stand[*at] = stands[row]);
        }
        all.tell_apart_by(stand, &mut deriver.units);
    }
}

/// The group on further axes: its units are repeated at places there, or as copies where the value repeats itself.
fn spread(
    deriver: &mut Deriver<'_>,
    group: &Group,
    axes: &[usize],
    shape: &[usize],
    copies: &[usize],
) -> Group {
    let dims: Vec<usize> = axes.iter().map(|axis| shape[*axis]).collect();
    let n: usize = dims.iter().product();
    let mut labels: Vec<Label> = vec![0; n];
    let mut places = vec![0u32; n];
    let mut scales: Vec<ScaleId> = vec![ONE; n];
    let kept: Vec<usize> = (0..axes.len()).filter(|at| group.axes.contains(&axes[*at])).collect();
    let repeated: Vec<usize> =
        (0..axes.len()).filter(|at| !kept.contains(at) && copies.contains(&axes[*at])).collect();
    let rest: Vec<usize> =
        (0..axes.len()).filter(|at| !kept.contains(at) && !repeated.contains(at)).collect();
    let order = [&kept[..], &repeated, &rest].concat();
    let size = |ats: &[usize]| ats.iter().map(|at| dims[*at]).product::<usize>();
    let (n_copies, n_rest) = (size(&repeated), size(&rest));
    let from = transposed(&dims, &order);
    let near: Vec<usize> = (0..group.len()).flat_map(|row| std::iter::repeat_n(row, n_copies)).collect();
    let near: Vec<Label> = if n_copies > 1 {
        group.copied(&near, &mut deriver.units)
    } else {
        near.iter().map(|row| group.labels[*row]).collect()
    };
    for (at_near, chunk) in from.chunks(n_rest).enumerate() {
        let row = at_near / n_copies;
        for (place, at) in chunk.iter().enumerate() {
            labels[*at] = near[at_near];
            places[*at] = group.places[row].saturating_mul(n_rest as u32).saturating_add(place as u32);
            scales[*at] = group.scales[row];
        }
    }
    Group { axes: axes.to_vec(), dims, labels: labels.into(), places: places.into(), scales: scales.into() }
}

/// Leaves out axes along which nothing changes but the place.
fn without_idle_axes(mut group: Group) -> Group {
    for k in (0..group.axes.len()).rev() {
        if group.axes.len() == 1 {
            break;
        }
        let keep: Vec<usize> = group.axes.iter().copied().filter(|axis| *axis != group.axes[k]).collect();
        let fibers = group.fibers(&keep);
        let rows = || fibers.from.chunks(fibers.over);
        let first: Vec<u32> =
            rows().next().map_or(Vec::new(), |fiber| fiber.iter().map(|at| group.places[*at]).collect());
        let steady = |fiber: &[usize]| {
            fiber.iter().all(|at| {
                group.labels[*at] == group.labels[fiber[0]] && group.scales[*at] == group.scales[fiber[0]]
            })
        };
        // Places are either the axis itself, the same in each row, or do not change along it.
        let are_axis =
            rows().all(|fiber| fiber.iter().zip(&first).all(|(at, place)| group.places[*at] == *place));
        let are_steady =
            rows().all(|fiber| fiber.iter().all(|at| group.places[*at] == group.places[fiber[0]]));
        if !(rows().all(steady) && (are_axis || are_steady)) {
            continue;
        }
        let heads: Vec<usize> = rows().map(|fiber| fiber[0]).collect();
        let places: Arc<[u32]> =
            heads.iter().map(|at| if are_steady { group.places[*at] } else { 0 }).collect();
        group = Group {
            axes: keep,
            dims: fibers.dims.clone(),
            labels: heads.iter().map(|at| group.labels[*at]).collect(),
            places,
            scales: heads.iter().map(|at| group.scales[*at]).collect(),
        };
    }
    group
}
