//! What happens when values meet index by index: their units are united, and what cannot be united stands still.

use std::{borrow::Cow, collections::BTreeMap};

use sgmn_graph::flow::Array;

use super::{
    motion::{Group, Motion},
    scales::{ONE, ScaleId, Scales, Side},
    unify::unify,
    units::Units,
};

/// A value that meets others, its axes counted as those of the result; it repeats itself along axes of size 1.
#[derive(Debug, Clone)]
pub(crate) struct Guest<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) is: Is<'a>,
}

/// Whether a value may move.
#[derive(Debug, Clone)]
pub(crate) enum Is<'a> {
    Moving(Motion),
    Constant(Cow<'a, Array>),
}

/// Axes along which the units of all values were united.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// The united units; its scalars are those of no value.
    pub(crate) group: Group,
    /// For each value its scalar at each index, if it has any here.
    pub(crate) of: Vec<Option<Vec<ScaleId>>>,
}

impl Guest<'_> {
    fn motion(&self) -> Option<&Motion> {
        match &self.is {
            Is::Moving(motion) => Some(motion),
            Is::Constant(_) => None,
        }
    }

    /// Whether numbers along an axis differ and do not move: units that meet them cannot move either.
    fn stands_at(&self, axis: usize) -> bool {
        let Some(motion) = self.motion() else { return false };
        self.shape[axis] > 1 && motion.at(axis).is_none() && !motion.copies.contains(&axis)
    }

    /// Whether the value repeats itself along an axis.
    pub(crate) fn repeats_along(&self, axis: usize) -> bool {
        match &self.is {
            _ if self.shape[axis] == 1 => true,
            Is::Moving(motion) => motion.copies.contains(&axis),
            Is::Constant(array) => array.uniform().is_some(),
        }
    }
}

/// Unites the units of values that meet index by index; what values demand of their scalars is left to the caller.
///
/// Afterwards the motions of the guests are those that are left to them.
pub(crate) fn meet(guests: &mut [Guest<'_>], units: &mut Units, scales: &mut Scales) -> Vec<Cluster> {
    stand_where_others_stand(guests, units, scales);
    while let Some(pair) = overlap(guests) {
        for (guest, axes) in pair {
            project(&mut guests[guest], &axes, &[], units, scales);
        }
        stand_where_others_stand(guests, units, scales);
    }
    let mut groups: Vec<(usize, Group)> = Vec::new();
    for (at, guest) in guests.iter().enumerate() {
        groups.extend(
            guest.motion().into_iter().flat_map(|motion| motion.groups.iter().cloned().map(move |g| (at, g))),
        );
    }
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.axes.len()));
    let mut clusters: Vec<Cluster> = Vec::new();
    for (guest, group) in groups {
        let found = clusters
            .iter()
            .position(|cluster| group.axes.iter().all(|axis| cluster.group.axes.contains(axis)));
        let at = found.unwrap_or_else(|| {
            clusters.push(Cluster { group: group.clone(), of: vec![None; guests.len()] });
            clusters.len() - 1
        });
        let cluster = &mut clusters[at];
        join(&mut cluster.group, &group, units);
        let spread = spread(&group, &cluster.group);
        let before = cluster.of[guest].take();
        cluster.of[guest] = Some(match before {
            None => spread,
            Some(before) => before.iter().zip(&spread).map(|(a, b)| scales.product(*a, *b)).collect(),
        });
    }
    for guest in guests.iter() {
        if let Is::Constant(array) = &guest.is {
            clusters.iter().for_each(|cluster| tell_apart(array, &guest.shape, &cluster.group, units));
        }
    }
    clusters
}

/// Axes along which what is made of the guests repeats itself.
pub(crate) fn copies(guests: &[Guest<'_>], shape: &[usize]) -> Vec<usize> {
    (0..shape.len())
        .filter(|axis| shape[*axis] > 1 && guests.iter().all(|guest| guest.repeats_along(*axis)))
        .collect()
}

/// Units meet numbers that do not move: their axis becomes places. Where that leaves nothing of a group, each index keeps
/// its scalar, and its unit stands still.
fn stand_where_others_stand(guests: &mut [Guest<'_>], units: &mut Units, scales: &mut Scales) {
    let mut frozen: Vec<(usize, Vec<usize>)> = Vec::new();
    loop {
        let mut found = None;
        for (at, guest) in guests.iter().enumerate() {
            for group in guest.motion().map_or(&[][..], |motion| &motion.groups) {
                let stands = |axis: &usize| {
                    guests.iter().enumerate().any(|(other, guest)| other != at && guest.stands_at(*axis))
                };
                let keep: Vec<usize> = group.axes.iter().copied().filter(|axis| !stands(axis)).collect();
                let is_frozen = || frozen.iter().any(|(guest, axes)| *guest == at && *axes == group.axes);
                if keep.len() < group.axes.len() && !is_frozen() {
                    found = Some((at, group.axes.clone(), keep, group.labels.clone()));
                }
            }
        }
        let Some((at, axes, keep, labels)) = found else { return };
        if keep.is_empty() {
            units.freeze(&labels);
            frozen.push((at, axes));
        } else {
            project(&mut guests[at], &axes, &keep, units, scales);
        }
    }
}

fn project(guest: &mut Guest<'_>, axes: &[usize], keep: &[usize], units: &mut Units, scales: &mut Scales) {
    if let Is::Moving(motion) = &mut guest.is {
        motion.project(axes, keep, units, scales);
    }
}

/// Two groups of different guests with some axes in common but none within the other.
fn overlap(guests: &[Guest<'_>]) -> Option<[(usize, Vec<usize>); 2]> {
    let groups = |at: usize| guests[at].motion().map_or(&[][..], |motion| &motion.groups);
    for a in 0..guests.len() {
        for b in a + 1..guests.len() {
            for g in groups(a) {
                for h in groups(b) {
                    let common = g.axes.iter().filter(|axis| h.axes.contains(axis)).count();
                    let apart = common > 0 && common < g.axes.len() && common < h.axes.len();
                    // A weight of a grouped product has two groups over its axis of groups, one of which fits.
                    let fits =
                        |group: &Group, at: usize| groups(at).iter().any(|other| other.axes == group.axes);
                    if apart && !fits(g, b) && !fits(h, a) {
                        return Some([(a, g.axes.clone()), (b, h.axes.clone())]);
                    }
                }
            }
        }
    }
    None
}

/// Unites the units of a group with those of a larger one that has its axes.
fn join(into: &mut Group, group: &Group, units: &mut Units) {
    if into.axes.len() == group.axes.len() {
        unify(into, group, units);
    } else {
        let mut base = into.quotient(&group.axes, units);
        unify(&mut base, group, units);
    }
}

/// The scalars of a group at the indices of a larger one that has its axes.
fn spread(group: &Group, over: &Group) -> Vec<ScaleId> {
    if group.axes.len() == over.axes.len() {
        return group.scales.to_vec();
    }
    let fibers = over.fibers(&group.axes);
    let mut spread = vec![ONE; over.len()];
    for (fiber, scale) in fibers.from.chunks(fibers.over).zip(group.scales.iter()) {
        fiber.iter().for_each(|at| spread[*at] = *scale);
    }
    spread
}

/// Units are told apart by the numbers of a constant that stand beside them.
pub(crate) fn tell_apart(constant: &Array, shape: &[usize], group: &Group, units: &mut Units) {
    let along: Vec<usize> = group.axes.iter().copied().filter(|axis| shape[*axis] > 1).collect();
    if along.is_empty() || constant.uniform().is_some() {
        return;
    }
    let order: Vec<usize> =
        along.iter().copied().chain((0..shape.len()).filter(|axis| !along.contains(axis))).collect();
    let from = super::motion::transposed(shape, &order);
    let n_along: usize = along.iter().map(|axis| shape[*axis]).product();
    let rows: Vec<Vec<u64>> = from
        .chunks(from.len() / n_along.max(1))
        .map(|row| row.iter().map(|at| (constant.data()[*at] + 0.0).to_bits()).collect())
        .collect();
    let mut classes: BTreeMap<&[u64], u32> = BTreeMap::new();
    for row in &rows {
        let next = u32::try_from(classes.len()).unwrap_or(u32::MAX);
        classes.entry(row).or_insert(next);
    }
    if classes.len() < 2 {
        return;
    }
    let fibers = group.fibers(&along);
    let mut class = vec![0; group.len()];
    for (fiber, row) in fibers.from.chunks(fibers.over).zip(&rows) {
        fiber.iter().for_each(|at| class[*at] = classes[&row[..]]);
    }
    group.tell_apart_by(class, units);
}

impl Motion {
    /// Makes axes of a group places, but for those that are kept.
    pub(crate) fn project(&mut self, axes: &[usize], keep: &[usize], units: &mut Units, scales: &mut Scales) {
        let Some(at) = self.groups.iter().position(|group| group.axes == axes) else { return };
        let group = self.groups.remove(at).project(keep, units, scales);
        self.insert(at, group, units, scales);
    }

    /// Takes a group in; one without axes is a scalar of the whole, and its unit moves no more.
    pub(crate) fn insert(&mut self, at: usize, group: Group, units: &mut Units, scales: &mut Scales) {
        if group.axes.is_empty() {
            units.freeze(&group.labels);
            self.scalar = scales.product(self.scalar, group.scales[0]);
        } else {
            self.groups.insert(at, group);
        }
    }

    /// Unites groups one of which has all axes of the other; groups that overlap otherwise stand still.
    pub(crate) fn tidy(&mut self, units: &mut Units, scales: &mut Scales) {
        let within = |a: &Group, b: &Group| a.axes.iter().all(|axis| b.axes.contains(axis));
        let common = |a: &Group, b: &Group| a.axes.iter().any(|axis| b.axes.contains(axis));
        loop {
            let n = self.groups.len();
            let pairs = (0..n).flat_map(|a| (0..n).filter(move |b| a != *b).map(move |b| (a, b)));
            let Some((a, b)) = pairs.into_iter().find(|(a, b)| common(&self.groups[*a], &self.groups[*b]))
            else {
                return;
            };
            let nested =
                [(a, b), (b, a)].into_iter().find(|(a, b)| within(&self.groups[*a], &self.groups[*b]));
            if let Some((small, large)) = nested {
                let group = self.groups[small].clone();
                let into = &mut self.groups[large];
                join(into, &group, units);
                let spread = spread(&group, into);
                into.scales = into.scales.iter().zip(&spread).map(|(a, b)| scales.product(*a, *b)).collect();
                self.groups.remove(small);
            } else {
                for axes in [self.groups[a].axes.clone(), self.groups[b].axes.clone()] {
                    self.project(&axes, &[], units, scales);
                }
            }
        }
    }

    /// Demands that the value's scalar is 1 everywhere.
    pub(crate) fn demand_one(&self, scales: &mut Scales, side: Side) {
        if let ([group], ONE) = (&self.groups[..], self.scalar) {
            group.scales.iter().for_each(|scale| scales.equal(*scale, ONE, side));
            return;
        }
        let mut total = self.scalar;
        for group in &self.groups {
            group.level(&[], scales, side);
            total = scales.product(total, group.scales[0]);
        }
        scales.equal(total, ONE, side);
    }

    /// Nothing of the value moves any more.
    pub(crate) fn stop(&mut self, units: &mut Units, scales: &mut Scales) {
        self.demand_one(scales, Side::Both);
        for group in &self.groups {
            group.pin(&[], units);
        }
        *self = Self::still();
    }
}

/// Scalars of one guest over all clusters, and its own.
pub(crate) fn demand_equal(
    clusters: &[Cluster],
    guests: &[Guest<'_>],
    pair: (usize, usize),
    side: Side,
    scales: &mut Scales,
) {
    let scalar = |at: usize| guests[at].motion().map_or(ONE, |motion| motion.scalar);
    let (a, b) = (scalar(pair.0), scalar(pair.1));
    let of = |cluster: &Cluster, at: usize, i: usize| cluster.of[at].as_ref().map_or(ONE, |scales| scales[i]);
    if let [cluster] = clusters {
        for i in 0..cluster.group.len() {
            let left = scales.product(a, of(cluster, pair.0, i));
            let right = scales.product(b, of(cluster, pair.1, i));
            scales.equal(left, right, side);
        }
        return;
    }
    let inverse = scales.inverse(b);
    let mut total = scales.product(a, inverse);
    for cluster in clusters {
        let mut first = ONE;
        for i in 0..cluster.group.len() {
            let inverse = scales.inverse(of(cluster, pair.1, i));
            let quotient = scales.product(of(cluster, pair.0, i), inverse);
            if i == 0 {
                first = quotient;
            } else {
                scales.equal(quotient, first, side);
            }
        }
        total = scales.product(total, first);
    }
    scales.equal(total, ONE, side);
}
