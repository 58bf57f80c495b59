//! How a value moves when units do: groups of axes with a unit and a scalar at each index.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    scales::{ONE, ScaleId, Scales, Side},
    units::{Label, LinkKind, Units},
};

/// How a value moves. Axes that stand in no group are *places*: nothing moves along them.
///
/// An element of the group carries a value x to `x′[i] = q · Π_g q_g(i_g) · x[π(i)]`: at each group g the index i_g
/// along its axes becomes the index that held the image of its unit, and the scalars are those of the new index.
#[derive(Debug, Clone)]
pub(crate) struct Motion {
    /// The scalar of the whole value.
    pub(crate) scalar: ScaleId,
    /// The groups; no two have an axis in common, except for weights of grouped products.
    pub(crate) groups: Vec<Group>,
    /// Axes along which the value repeats itself.
    pub(crate) copies: Vec<usize>,
}

/// Axes, and for each index along them a unit, a place, and a scalar.
///
/// One unit may stand at several indices. They are told apart by their places, and indices of one unit and one place
/// by their turn.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// The axes, ascending; none of size 1.
    pub(crate) axes: Vec<usize>,
    /// Their sizes.
    pub(crate) dims: Vec<usize>,
    pub(crate) labels: Arc<[Label]>,
    pub(crate) places: Arc<[u32]>,
    pub(crate) scales: Arc<[ScaleId]>,
}

impl Motion {
    /// Nothing moves.
    pub(crate) fn still() -> Self {
        Self { scalar: ONE, groups: Vec::new(), copies: Vec::new() }
    }

    /// The group that holds an axis.
    pub(crate) fn at(&self, axis: usize) -> Option<&Group> {
        self.groups.iter().find(|group| group.axes.contains(&axis))
    }

    /// The same with axes renamed; an axis that has no new name must be in no group.
    pub(crate) fn renamed(&self, name: impl Fn(usize) -> Option<usize>) -> Self {
        let groups = self.groups.iter().map(|group| {
            group.renamed(|axis| name(axis).expect("only axes of size 1 vanish, and they are in no group"))
        });
        Self {
            scalar: self.scalar,
            groups: groups.collect(),
            copies: self.copies.iter().filter_map(|axis| name(*axis)).collect(),
        }
    }

    /// The same units without scalars.
    pub(crate) fn blank(&self) -> Self {
        let blank = |group: &Group| Group { scales: vec![ONE; group.len()].into(), ..group.clone() };
        Self { scalar: ONE, groups: self.groups.iter().map(blank).collect(), copies: self.copies.clone() }
    }

    /// Another scalar for each.
    pub(crate) fn map_scales(&self, mut f: impl FnMut(ScaleId) -> ScaleId) -> Self {
        let groups = self.groups.iter().map(|group| group.map_scales(&mut f)).collect();
        Self { scalar: f(self.scalar), groups, copies: self.copies.clone() }
    }
}

impl Group {
    /// Units along axes, without places.
    pub(crate) fn new(axes: Vec<usize>, dims: Vec<usize>, labels: Vec<Label>, scales: Vec<ScaleId>) -> Self {
        let places = vec![0; labels.len()].into();
        Self { axes, dims, labels: labels.into(), places, scales: scales.into() }
    }

    /// How many indices.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Another scalar for each.
    pub(crate) fn map_scales(&self, f: impl FnMut(ScaleId) -> ScaleId) -> Self {
        Self { scales: self.scales.iter().copied().map(f).collect(), ..self.clone() }
    }

    /// The same with axes renamed, in ascending order again.
    pub(crate) fn renamed(&self, name: impl Fn(usize) -> usize) -> Self {
        let axes: Vec<usize> = self.axes.iter().map(|axis| name(*axis)).collect();
        let mut order: Vec<usize> = (0..axes.len()).collect();
        order.sort_by_key(|at| axes[*at]);
        if order.is_sorted() {
            return Self { axes, ..self.clone() };
        }
        let from = transposed(&self.dims, &order);
        Self {
            axes: order.iter().map(|at| axes[*at]).collect(),
            dims: order.iter().map(|at| self.dims[*at]).collect(),
            labels: from.iter().map(|at| self.labels[*at]).collect(),
            places: from.iter().map(|at| self.places[*at]).collect(),
            scales: from.iter().map(|at| self.scales[*at]).collect(),
        }
    }

    /// For each index along `keep` (axes of the group) the indices that lie over it.
    pub(crate) fn fibers(&self, keep: &[usize]) -> Fibers {
        let kept: Vec<usize> = (0..self.axes.len()).filter(|at| keep.contains(&self.axes[*at])).collect();
        let cut: Vec<usize> = (0..self.axes.len()).filter(|at| !keep.contains(&self.axes[*at])).collect();
        let order = [kept.clone(), cut.clone()].concat();
        let dims: Vec<usize> = kept.iter().map(|at| self.dims[*at]).collect();
        let over = cut.iter().map(|at| self.dims[*at]).product::<usize>().max(1);
        Fibers {
            axes: kept.iter().map(|at| self.axes[*at]).collect(),
            dims,
            over,
            from: transposed(&self.dims, &order),
        }
    }
}

/// The indices of a group sorted by those along some of its axes.
pub(crate) struct Fibers {
    /// The axes that are kept.
    pub(crate) axes: Vec<usize>,
    /// Their sizes.
    pub(crate) dims: Vec<usize>,
    /// How many indices lie over each kept one.
    pub(crate) over: usize,
    /// The indices of the group, those over one kept index in a row.
    pub(crate) from: Vec<usize>,
}

/// For each index of the permuted axes the row-major index of the original ones.
pub(crate) fn transposed(dims: &[usize], order: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for at in (1..dims.len()).rev() {
        strides[at - 1] = strides[at] * dims[at];
    }
    let mut from = vec![0];
    for at in order {
        let (n, stride) = (dims[*at], strides[*at]);
        from = from.iter().flat_map(|base| (0..n).map(move |i| base + i * stride)).collect();
    }
    from
}

/// What operations do to groups.
impl Group {
    /// The units over each kept index become one: what a sum or a mean over the other axes leaves.
    pub(crate) fn quotient(&self, keep: &[usize], units: &mut Units) -> Self {
        let fibers = self.fibers(keep);
        let n = fibers.from.len() / fibers.over;
        let mut labels = Vec::with_capacity(n);
        let mut places = Vec::with_capacity(n);
        let event = units.new_tag();
        for fiber in fibers.from.chunks(fibers.over) {
            labels.push(units.block(fiber.iter().map(|at| self.labels[*at]), event));
            places.push(fiber.iter().map(|at| self.places[*at]).min().unwrap_or(0));
        }
        let scales = fibers.from.iter().step_by(fibers.over).map(|at| self.scales[*at]).collect();
        Self { axes: fibers.axes, dims: fibers.dims, labels: labels.into(), places: places.into(), scales }
    }

    /// Demands equal scalars over each kept index.
    pub(crate) fn level(&self, keep: &[usize], scales: &mut Scales, side: Side) {
        let fibers = self.fibers(keep);
        for fiber in fibers.from.chunks(fibers.over) {
            for at in &fiber[1..] {
                scales.equal(self.scales[*at], self.scales[fiber[0]], side);
            }
        }
    }

    /// The axes that are not kept become places: units over one kept index move together, each at its place. With
    /// nothing kept no unit moves any more.
    pub(crate) fn project(&self, keep: &[usize], units: &mut Units, scales: &mut Scales) -> Self {
        self.pin(keep, units);
        self.level(keep, scales, Side::Both);
        self.quotient(keep, units)
    }

    /// Tells units apart by where they stand along the axes that are not kept.
    pub(crate) fn pin(&self, keep: &[usize], units: &mut Units) {
        let fibers = self.fibers(keep);
        let mut coordinate = vec![0; self.len()];
        for fiber in fibers.from.chunks(fibers.over) {
            fiber.iter().enumerate().for_each(|(place, at)| coordinate[*at] = place);
        }
        self.tell_apart_by(coordinate, units);
    }

    /// Notes that some indices are taken out: their units are told apart from the rest.
    pub(crate) fn mark(&self, taken: &[usize], units: &mut Units) {
        if taken.len() < self.len() {
            let mut is_taken = vec![false; self.len()];
            taken.iter().for_each(|at| is_taken[*at] = true);
            self.tell_apart_by(is_taken, units);
        }
    }

    /// Tells units apart by a fact about each index: what a unit knows are the facts at its places and turns.
    pub(crate) fn tell_apart_by<T: Ord>(&self, facts: Vec<T>, units: &mut Units) {
        let mut known: BTreeMap<Label, Vec<(u32, T)>> = BTreeMap::new();
        for (at, fact) in facts.into_iter().enumerate() {
            known.entry(units.find(self.labels[at])).or_default().push((self.places[at], fact));
        }
        let mut tags = BTreeMap::new();
        for (label, facts) in known {
            let tag = *tags.entry(facts).or_insert_with(|| units.new_tag());
            units.tag(label, tag);
        }
    }

    /// For each index its unit, place, and turn: how often the unit stood at this place before.
    pub(crate) fn stands(&self, units: &Units) -> Vec<(Label, u32, u32)> {
        let mut turns: BTreeMap<(Label, u32), u32> = BTreeMap::new();
        let stand = |(label, place): (&Label, &u32)| {
            let label = units.find(*label);
            let turn = turns.entry((label, *place)).or_insert(0);
            *turn += 1;
            (label, *place, *turn - 1)
        };
        self.labels.iter().zip(self.places.iter()).map(stand).collect()
    }

    /// A new unit for each of the given indices, a copy of the unit there. Copies of one unit are alike only if they copy
    /// it at one place and turn.
    pub(crate) fn copied(&self, indices: &[usize], units: &mut Units) -> Vec<Label> {
        let stands = self.stands(units);
        let kind = LinkKind::Copy(units.new_tag());
        let copies = units.fresh(indices.len());
        let mut tags: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for (copy, at) in copies.iter().zip(indices) {
            let (label, place, turn) = stands[*at];
            units.link(*copy, label, kind);
            let tag = *tags.entry((place, turn)).or_insert_with(|| units.new_tag());
            units.tag(*copy, tag);
        }
        copies
    }
}
