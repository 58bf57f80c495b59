//! Orders of the canonical form: units are sorted by numbers that everything else beside them has fixed.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use sgmn_graph::flow::Numbers;

use super::{
    super::{
        FlowElement, Spaces, along, coordinates,
        derive::{Group, Holding, Label},
        matrices::Matrix,
    },
    FlowRepairs,
};
use crate::tolerance;

/// The element that puts the units of a net in order.
pub(in crate::flow) fn order(
    net: &dyn Numbers,
    spaces: &Spaces,
    matrices: &[Matrix],
    repairs: &mut FlowRepairs,
) -> FlowElement {
    let mut sorting = Sorting::new(spaces, matrices);
    while sorting.step(net, repairs) {}
    let n_vars = spaces.derived.n_vars() as usize;
    let image = sorting.image;
    if !spaces.derived.keeps_groups(&image) {
        // Where sorting found no reordering of the net, its order stays.
        repairs.unordered += 1;
        return spaces.identity();
    }
    spaces.element(Some(&image), &vec![0.0; n_vars], &vec![false; n_vars])
}

/// The orbits whose units matrices mix: their order is a matter of the matrices.
pub(in crate::flow) fn units_of_matrices(spaces: &Spaces, matrices: &[Matrix]) -> BTreeSet<u32> {
    let orbits = &spaces.derived.orbits;
    let mut colors = BTreeSet::new();
    for holder in matrices.iter().flat_map(|space| &space.holders) {
        for holding in spaces.holdings_in_order().into_iter().filter(|holding| holding.param == holder.param)
        {
            for group in holding.motion.groups.iter().filter(|group| group.axes == [holder.axis]) {
                colors.extend(holder.places.iter().map(|place| orbits.color(group.labels[*place])));
            }
        }
    }
    colors
}

/// How far units are sorted: orbits are keyed (each unit has numbers to be sorted by), then decided.
struct Sorting<'a> {
    spaces: &'a Spaces,
    /// Orbits whose units matrices have put in order.
    by_matrix: BTreeSet<u32>,
    /// For each orbit its units, as they stand in the flow.
    units: BTreeMap<u32, Vec<Label>>,
    keys: BTreeMap<Label, Vec<f64>>,
    keyed: BTreeSet<u32>,
    decided: BTreeSet<u32>,
    image: Vec<Label>,
}

impl<'a> Sorting<'a> {
    fn new(spaces: &'a Spaces, matrices: &[Matrix]) -> Self {
        let orbits = &spaces.derived.orbits;
        let mut units: BTreeMap<u32, Vec<Label>> = BTreeMap::new();
        for label in orbits.moving() {
            units.entry(orbits.color(*label)).or_default().push(*label);
        }
        units.values_mut().for_each(|labels| labels.sort_unstable());
        units.retain(|_, labels| labels.len() > 1);
        let by_matrix = units_of_matrices(spaces, matrices);
        let image = spaces.derived.orbits.standing().to_vec();
        let (keyed, decided) = (BTreeSet::new(), BTreeSet::new());
        Self { spaces, by_matrix, units, keys: BTreeMap::new(), keyed, decided, image }
    }

    /// Keys or decides one orbit; false when all are decided.
    fn step(&mut self, net: &dyn Numbers, repairs: &mut FlowRepairs) -> bool {
        let colors: Vec<u32> = self.units.keys().copied().collect();
        // Orbits whose units tie wait: more may be decided beside them later.
        for with_ties in [false, true] {
            for color in &colors {
                if !self.keyed.contains(color) && self.key(*color, net, with_ties) {
                    return true;
                }
            }
            for color in &colors {
                if !self.decided.contains(color) && self.keyed.contains(color) && self.parents_decided(*color)
                {
                    self.decide(*color, repairs);
                    return true;
                }
            }
        }
        // Nothing is anchored any more: one orbit keeps its order, which may anchor others.
        let open = colors.iter().find(|color| !self.decided.contains(color));
        let Some(color) = open.copied() else { return false };
        if self.keyed.insert(color) {
            repairs.unordered += 1;
            self.keep(color);
        } else {
            self.decided.insert(color);
        }
        true
    }

    /// Keys that leave units in their order.
    fn keep(&mut self, color: u32) {
        for (at, label) in self.units[&color].iter().enumerate() {
            self.keys.insert(*label, vec![at as f64]);
        }
    }

    fn parents_decided(&self, color: u32) -> bool {
        let orbits = &self.spaces.derived.orbits;
        self.units[&color].iter().flat_map(|label| orbits.parents(*label)).all(|(_, parent)| {
            let above = orbits.color(*parent);
            !self.units.contains_key(&above) || self.decided.contains(&above)
        })
    }

    /// Finds numbers to sort an orbit by: those of parameters in which everything beside its units is decided, one
    /// parameter after the other until no two units are alike; else the numbers of the units below it.
    fn key(&mut self, color: u32, net: &dyn Numbers, with_ties: bool) -> bool {
        let orbits = &self.spaces.derived.orbits;
        let mut found = false;
        for holding in self.spaces.holdings_in_order() {
            for (which, group) in holding.motion.groups.iter().enumerate() {
                let here = group.labels.iter().any(|label| orbits.color(*label) == color);
                if here && self.beside_is_decided(holding, which) && (!found || self.has_ties(color)) {
                    self.key_by_rows(color, holding, group, which, net);
                    found = true;
                }
            }
        }
        if found && (with_ties || !self.has_ties(color)) {
            self.keyed.insert(color);
            return true;
        }
        if found {
            self.units[&color].iter().for_each(|label| {
                self.keys.remove(label);
            });
            return false;
        }
        self.key_by_children(color)
    }

    /// Whether two units of an orbit, under the same units, have equal keys.
    fn has_ties(&self, color: u32) -> bool {
        let mut fibers: BTreeMap<Vec<Label>, Vec<&[f64]>> = BTreeMap::new();
        for label in &self.units[&color] {
            if let Some(key) = self.keys.get(label) {
                fibers.entry(self.above(*label, false)).or_default().push(key);
            }
        }
        fibers.values_mut().any(|keys| {
            sort(keys, &|a, b| compare(a, b));
            keys.windows(2).any(|pair| compare(pair[0], pair[1]).is_eq())
        })
    }

    fn beside_is_decided(&self, holding: &Holding, which: usize) -> bool {
        let orbits = &self.spaces.derived.orbits;
        holding.motion.groups.iter().enumerate().filter(|(at, _)| *at != which).all(|(_, group)| {
            group.labels.iter().all(|label| {
                let color = orbits.color(*label);
                !self.units.contains_key(&color) || self.decided.contains(&color)
            })
        })
    }

    /// Each unit's key are the numbers at its indices, everything beside them in its canonical order.
    fn key_by_rows(&mut self, color: u32, holding: &Holding, group: &Group, which: usize, net: &dyn Numbers) {
        let derived = &self.spaces.derived;
        let numbers = net.numbers(holding.param);
        let mut moved: Vec<Option<(&Group, Vec<u32>)>> = Vec::new();
        for (at, other) in holding.motion.groups.iter().enumerate() {
            let from = if at == which { None } else { derived.moved(other, &self.image) };
            moved.push(from.map(|from| (other, from)));
        }
        let mut rows: BTreeMap<Label, Vec<(usize, f64)>> = BTreeMap::new();
        let shape = &holding.shape;
        for number in 0..numbers.len() {
            let at = along(number, shape, &group.axes);
            let label = derived.orbits.find(group.labels[at]);
            if derived.orbits.color(label) != color {
                continue;
            }
            let mut from = coordinates(number, shape);
            for (other, table) in moved.iter().flatten() {
                let mut old = table[along(number, shape, &other.axes)] as usize;
                for axis in other.axes.iter().rev().filter(|axis| !group.axes.contains(axis)) {
                    from[*axis] = old % shape[*axis];
                    old /= shape[*axis];
                }
            }
            let source = from.iter().zip(shape).fold(0, |at, (index, size)| at * size + index);
            rows.entry(label).or_default().push((at, numbers[source]));
        }
        for (label, mut row) in rows {
            row.sort_by_key(|(at, _)| *at);
            self.keys.entry(label).or_default().extend(row.into_iter().map(|(_, value)| value));
        }
    }

    /// A block is sorted by the numbers of its units, themselves sorted.
    fn key_by_children(&mut self, color: u32) -> bool {
        let orbits = &self.spaces.derived.orbits;
        let mut children: BTreeMap<Label, BTreeMap<u32, Vec<Label>>> = BTreeMap::new();
        for (child_color, labels) in &self.units {
            if !self.keyed.contains(child_color) || *child_color == color {
                continue;
            }
            for label in labels {
                for (_, parent) in orbits.parents(*label).iter().filter(|(_, p)| orbits.color(*p) == color) {
                    children.entry(*parent).or_default().entry(*child_color).or_default().push(*label);
                }
            }
        }
        let mut keys: BTreeMap<Label, Vec<f64>> = BTreeMap::new();
        for (block, by_color) in &children {
            let mut key = Vec::new();
            for (color, labels) in by_color {
                let mut labels = labels.clone();
                // Units that matrices have put in order stand in it.
                if !self.by_matrix.contains(color) {
                    sort(&mut labels, &|a, b| compare(&self.keys[a], &self.keys[b]));
                }
                labels.iter().for_each(|label| key.extend(&self.keys[label]));
            }
            keys.insert(*block, key);
        }
        let complete = keys.len() == self.units[&color].len() && keys.values().all(|key| !key.is_empty());
        if complete {
            self.keys.extend(keys);
            self.keyed.insert(color);
        }
        complete
    }

    /// What a unit stands under, or what takes the place of that.
    fn above(&self, label: Label, moved: bool) -> Vec<Label> {
        let parents = self.spaces.derived.orbits.parents(label).iter();
        let mut above: Vec<(_, Label)> = parents
            .map(|(kind, parent)| (*kind, if moved { self.image[*parent as usize] } else { *parent }))
            .collect();
        above.sort_unstable();
        above.into_iter().map(|(_, parent)| parent).collect()
    }

    /// Puts the units of an orbit in the order of their keys, within what they stand under.
    fn decide(&mut self, color: u32, repairs: &mut FlowRepairs) {
        let mut sources: BTreeMap<Vec<Label>, Vec<Label>> = BTreeMap::new();
        for label in &self.units[&color] {
            sources.entry(self.above(*label, false)).or_default().push(*label);
        }
        for labels in sources.values_mut() {
            if self.by_matrix.contains(&color) {
                labels.reverse();
                continue;
            }
            sort(labels, &|a, b| compare(&self.keys[a], &self.keys[b]));
            let ties =
                labels.windows(2).filter(|pair| compare(&self.keys[&pair[0]], &self.keys[&pair[1]]).is_eq());
            repairs.tied += ties.count();
            labels.reverse();
        }
        for slot in self.units[&color].clone() {
            if let Some(source) = sources.get_mut(&self.above(slot, true)).and_then(Vec::pop) {
                self.image[slot as usize] = source;
            }
        }
        self.decided.insert(color);
    }
}

/// Sorts stably, by merging. What is near is not transitive, and the sorts of the standard library may panic over that.
fn sort<T: Copy>(items: &mut [T], compare: &dyn Fn(&T, &T) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    sort(left, compare);
    sort(right, compare);
    let (left, right) = (left.to_vec(), right.to_vec());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    for item in items {
        let from_right = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => compare(right, left).is_lt(),
            (left, _) => left.is_none(),
        };
        *item =
            *if from_right { right.next() } else { left.next() }.expect("as many as items in both halves");
    }
}

/// The first numbers that differ by more than rounding decide.
fn compare(a: &[f64], b: &[f64]) -> Ordering {
    let largest = a.iter().chain(b).fold(0.0_f64, |most, value| most.max(value.abs()));
    let differ = a.iter().zip(b).find(|(x, y)| (*x - *y).abs() > largest * tolerance::TIE);
    differ.map_or(a.len().cmp(&b.len()), |(x, y)| x.total_cmp(y))
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sgmn_graph::Seed;

    use super::*;

    #[test]
    fn keys_that_are_nearly_alike_are_sorted_though_their_order_is_none() {
        // First numbers lie half a tolerance apart: neighbours tie and second numbers decide, others do not.
        let mut rng = Seed::new(0).rng();
        let mut key = |i: u32| [1.0 + 0.5 * tolerance::TIE * f64::from(i), rng.random::<f64>()];
        let mut keys: Vec<[f64; 2]> = (0..100).map(&mut key).collect();
        let mut firsts: Vec<f64> = keys.iter().map(|key| key[0]).collect();
        sort(&mut keys, &|a, b| compare(a, b));
        let mut sorted: Vec<f64> = keys.iter().map(|key| key[0]).collect();
        sorted.sort_by(f64::total_cmp);
        firsts.sort_by(f64::total_cmp);
        assert_eq!(sorted, firsts, "the same keys");

        let mut numbers = [3, 1, 2, 1];
        sort(&mut numbers, &|a: &i32, b| a.cmp(b));
        assert_eq!(numbers, [1, 1, 2, 3]);
    }
}
