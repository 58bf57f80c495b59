//! Units as alignment sees them: which are reordered together, and what goes along.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{
    Spaces,
    derive::{Group, Holding, Label, LinkKind},
};

/// What a unit stands under, or what takes the place of that.
type Above = Vec<(LinkKind, Label)>;

/// The orbits of a flow as trees: channels of a head go where their head goes.
pub(super) struct Units<'a> {
    pub(super) spaces: &'a Spaces,
    /// For each orbit its units, ascending.
    pub(super) of_color: BTreeMap<u32, Vec<Label>>,
    /// For each unit its place among those of its orbit.
    place: BTreeMap<Label, usize>,
    /// For each unit the one that carries it along, if any does: of what it stands under the one with fewest such units.
    pub(super) owner: BTreeMap<Label, Label>,
    /// For each orbit the orbits whose units its units carry along.
    pub(super) below: BTreeMap<u32, Vec<u32>>,
    /// Orbits that nothing carries along and no matrix mixes.
    pub(super) roots: Vec<u32>,
    /// Orbits whose units matrices mix.
    pub(super) by_matrix: BTreeSet<u32>,
    /// Units of one orbit under the same units, ascending.
    fibers: BTreeMap<(u32, Above), Vec<Label>>,
    /// For each orbit where its units stand in parameters.
    sites: BTreeMap<u32, Vec<Site<'a>>>,
}

impl<'a> Units<'a> {
    pub(super) fn new(spaces: &'a Spaces, by_matrix: BTreeSet<u32>) -> Self {
        let orbits = &spaces.derived.orbits;
        let mut of_color: BTreeMap<u32, Vec<Label>> = BTreeMap::new();
        for label in orbits.moving() {
            of_color.entry(orbits.color(*label)).or_default().push(*label);
        }
        of_color.values_mut().for_each(|labels| labels.sort_unstable());
        of_color.retain(|_, labels| labels.len() > 1);
        let places = of_color.values().flat_map(|labels| labels.iter().copied().zip(0..));
        let place: BTreeMap<Label, usize> = places.collect();
        let above = |label: Label| {
            let mut above: Vec<Label> = orbits.parents(label).iter().map(|(_, parent)| *parent).collect();
            above.retain(|parent| place.contains_key(parent));
            above.sort_unstable();
            above.dedup();
            above
        };
        let mut carried: BTreeMap<(Label, u32), usize> = BTreeMap::new();
        for (color, label) in
            of_color.iter().flat_map(|(color, labels)| labels.iter().map(move |l| (*color, *l)))
        {
            above(label).into_iter().for_each(|parent| *carried.entry((parent, color)).or_default() += 1);
        }
        let mut owner = BTreeMap::new();
        let mut below: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (color, label) in
            of_color.iter().flat_map(|(color, labels)| labels.iter().map(move |l| (*color, *l)))
        {
            let of = above(label).into_iter();
            if let Some(parent) =
                of.min_by_key(|parent| (carried[&(*parent, color)], orbits.color(*parent), *parent))
            {
                owner.insert(label, parent);
                below.entry(orbits.color(parent)).or_default().insert(color);
            }
        }
        let is_root = |color: &u32| !by_matrix.contains(color) && !owner.contains_key(&of_color[color][0]);
        let roots = of_color.keys().copied().filter(is_root).collect();
        let below = below.into_iter().map(|(color, below)| (color, below.into_iter().collect())).collect();
        let mut fibers: BTreeMap<(u32, Above), Vec<Label>> = BTreeMap::new();
        for (color, labels) in &of_color {
            for label in labels {
                fibers.entry((*color, under(spaces, *label, |parent| parent))).or_default().push(*label);
            }
        }
        let sites = BTreeMap::new();
        let mut units = Self { spaces, of_color, place, owner, below, roots, by_matrix, fibers, sites };
        units.sites = units.of_color.keys().map(|color| (*color, units.find_sites(*color))).collect();
        units
    }

    pub(super) fn color(&self, label: Label) -> u32 {
        self.spaces.derived.orbits.color(label)
    }

    /// The place of a unit among those of its orbit.
    pub(super) fn place(&self, label: Label) -> usize {
        self.place[&label]
    }

    /// An orbit and all that its units carry along, those that carry first.
    pub(super) fn tree(&self, root: u32) -> Vec<u32> {
        let mut tree = vec![root];
        let mut at = 0;
        while let Some(color) = tree.get(at) {
            let below = self.below.get(color).into_iter().flatten();
            let new: Vec<u32> = below.copied().filter(|color| !tree.contains(color)).collect();
            tree.extend(new);
            at += 1;
        }
        tree
    }

    /// The units of an orbit that a unit carries along, ascending.
    pub(super) fn carried(&self, color: u32, by: Label) -> Vec<Label> {
        let of = self.of_color[&color].iter().copied();
        of.filter(|label| self.owner.get(label) == Some(&by)).collect()
    }

    /// Whether units stand under the same units.
    pub(super) fn are_siblings(&self, labels: &[Label]) -> bool {
        let key = |label: &Label| under(self.spaces, *label, |parent| parent);
        labels.windows(2).all(|pair| key(&pair[0]) == key(&pair[1]))
    }

    /// Whether a unit may move.
    pub(super) fn moves(&self, label: Label) -> bool {
        self.place.contains_key(&self.spaces.derived.orbits.find(label))
    }

    /// Sets of units of an orbit that may be exchanged with one another: the places, and the units that may come there,
    /// once what they stand under has been moved by `image`.
    pub(super) fn exchanges(&self, color: u32, image: &[Label]) -> Vec<(&[Label], &[Label])> {
        let of_color = self.fibers.range((color, Vec::new())..).take_while(|((of, _), _)| *of == color);
        let pairs = of_color.filter_map(|(_, places)| {
            let key = (color, under(self.spaces, places[0], |parent| image[parent as usize]));
            let sources = self.fibers.get(&key).filter(|sources| sources.len() == places.len())?;
            Some((&places[..], &sources[..]))
        });
        pairs.collect()
    }

    /// Lets all units that are not in `decided` go along with what they stand under.
    pub(super) fn complete(&self, image: &mut [Label], decided: &BTreeSet<u32>) {
        // Units that others stand under come first.
        let mut seen = BTreeSet::new();
        for label in self.spaces.derived.orbits.moving() {
            let color = self.color(*label);
            if decided.contains(&color) || !self.place.contains_key(label) {
                continue;
            }
            let key = under(self.spaces, *label, |parent| parent);
            if !seen.insert((color, key.clone())) {
                continue;
            }
            let moved = under(self.spaces, *label, |parent| image[parent as usize]);
            if let Some(sources) = self.fibers.get(&(color, moved)) {
                let places = &self.fibers[&(color, key)];
                places.iter().zip(sources).for_each(|(place, source)| image[*place as usize] = *source);
            }
        }
    }

    /// For each unit of an orbit its indices along the axes of a group, those of two units corresponding in their order.
    /// Absent if the orbit does not stand there.
    pub(super) fn stands(&self, color: u32, group: &Group) -> Option<Vec<Vec<usize>>> {
        let mut at: Vec<Vec<(u32, usize)>> = vec![Vec::new(); self.of_color[&color].len()];
        for (index, (label, place)) in group.labels.iter().zip(group.places.iter()).enumerate() {
            let label = self.spaces.derived.orbits.find(*label);
            if self.color(label) == color && self.moves(label) {
                at[self.place(label)].push((*place, index));
            }
        }
        // Orbits tell apart how often units stand somewhere.
        let stands = !at[0].is_empty() && at.iter().all(|of_unit| of_unit.len() == at[0].len());
        at.iter_mut().for_each(|of_unit| of_unit.sort_unstable());
        let indices = |of_unit: Vec<(u32, usize)>| of_unit.into_iter().map(|(_, index)| index).collect();
        stands.then(|| at.into_iter().map(indices).collect())
    }

    /// Where units of an orbit stand in parameters.
    pub(super) fn sites(&self, color: u32) -> &[Site<'a>] {
        &self.sites[&color]
    }

    fn find_sites(&self, color: u32) -> Vec<Site<'a>> {
        let mut sites = Vec::new();
        for holding in self.spaces.holdings_in_order() {
            for (which, group) in holding.motion.groups.iter().enumerate() {
                if let Some(at) = self.stands(color, group) {
                    sites.push(Site { holding, which, at });
                }
            }
        }
        sites
    }
}

/// Axes of a parameter along which units of an orbit stand.
pub(super) struct Site<'a> {
    pub(super) holding: &'a Holding,
    /// Which group of axes.
    pub(super) which: usize,
    /// For each unit of the orbit its indices along the axes; those of two units correspond in their order.
    pub(super) at: Vec<Vec<usize>>,
}

fn under(spaces: &Spaces, label: Label, image: impl Fn(Label) -> Label) -> Above {
    let parents = spaces.derived.orbits.parents(label).iter();
    let mut above: Above = parents.map(|(kind, parent)| (*kind, image(*parent))).collect();
    above.sort_unstable();
    above
}
