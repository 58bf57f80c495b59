//! Which units may take each other's places: colours, refined until neighbours agree.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, seq::SliceRandom};

use super::{
    birth::Holding,
    units::{Label, Link, LinkKind, Units},
};

/// A colour, and what a unit of it stands under.
type Key = (u32, Vec<(LinkKind, Label)>);

/// Units sorted into orbits.
#[derive(Debug)]
pub(in crate::flow) struct Orbits {
    /// For each label the one that stands for it.
    standing: Vec<Label>,
    /// For each standing label its colour; units of one colour form an orbit.
    colors: Vec<u32>,
    /// For each standing label what it stands under.
    parents: Vec<Vec<(LinkKind, Label)>>,
    /// Standing labels with a colour that others have too, parents first.
    moving: Vec<Label>,
    /// How many units each colour has.
    sizes: BTreeMap<u32, usize>,
}

impl Orbits {
    /// Sorts units by what they are: where they occur, their tags, and the colours of what they stand under and above.
    pub(in crate::flow) fn of(units: &mut Units, holdings: &[Holding]) -> Self {
        units.compress();
        blocks_of_copies(units);
        units.compress();
        let n = units.len();
        let standing: Vec<Label> = (0..n).map(|label| units.find(label as Label)).collect();
        let links = units.standing_links();
        let mut colors = first_colors(units, &standing, holdings);
        refine(&mut colors, &standing, &links);
        let mut parents = vec![Vec::new(); n];
        for link in &links {
            parents[link.child as usize].push((link.kind, link.parent));
        }
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for label in (0..n).filter(|label| standing[*label] == *label as Label) {
            *sizes.entry(colors[label]).or_default() += 1;
        }
        let moving = parents_first(&colors, &standing, &parents, &sizes);
        Self { standing, colors, parents, moving, sizes }
    }

    /// The unit that a label stands for.
    pub(in crate::flow) fn find(&self, label: Label) -> Label {
        self.standing[label as usize]
    }

    /// The colour of a unit.
    pub(in crate::flow) fn color(&self, label: Label) -> u32 {
        self.colors[self.find(label) as usize]
    }

    /// The units that share their orbit with others, parents first.
    pub(in crate::flow) fn moving(&self) -> &[Label] {
        &self.moving
    }

    /// For each label the one that stands for it.
    pub(in crate::flow) fn standing(&self) -> &[Label] {
        &self.standing
    }

    /// How many units have the colour of this one.
    pub(in crate::flow) fn size(&self, label: Label) -> usize {
        self.sizes[&self.color(label)]
    }

    /// What a unit stands under.
    pub(in crate::flow) fn parents(&self, label: Label) -> &[(LinkKind, Label)] {
        &self.parents[self.find(label) as usize]
    }

    /// A random reordering: for each standing label the one that takes its place. Absent if this way of choosing, parents
    /// first, found no image for a unit, which it names.
    pub(in crate::flow) fn sample(&self, rng: &mut impl Rng) -> Result<Vec<Label>, Label> {
        let mut image: Vec<Label> = self.standing.clone();
        let mut options: BTreeMap<Key, Vec<Label>> = BTreeMap::new();
        for label in &self.moving {
            options.entry(self.key(*label, |parent| parent)).or_default().push(*label);
        }
        options.values_mut().for_each(|list| list.shuffle(rng));
        for label in &self.moving {
            let key = self.key(*label, |parent| image[parent as usize]);
            let chosen = options.get_mut(&key).and_then(Vec::pop).ok_or(*label)?;
            image[*label as usize] = chosen;
        }
        Ok(image)
    }

    fn key(&self, label: Label, image: impl Fn(Label) -> Label) -> Key {
        let mut parents: Vec<(LinkKind, Label)> =
            self.parents[label as usize].iter().map(|(kind, parent)| (*kind, image(*parent))).collect();
        parents.sort_unstable();
        (self.colors[label as usize], parents)
    }
}

/// A block of copies is a copy of the block of what they copy: the query heads of one key head stay together. Where keys
/// and values are copied for the same heads, their blocks are one.
fn blocks_of_copies(units: &mut Units) {
    let mut of_block: BTreeMap<(Label, u32), Vec<Label>> = BTreeMap::new();
    let mut originals: BTreeMap<Label, BTreeMap<u32, Label>> = BTreeMap::new();
    for Link { child, parent, kind } in units.standing_links() {
        match kind {
            LinkKind::Block(event) => of_block.entry((parent, event)).or_default().push(child),
            LinkKind::Copy(event) => {
                originals.entry(child).or_default().insert(event, parent);
            }
            LinkKind::Factor(_) => {}
        }
    }
    let mut made: BTreeMap<u32, u32> = BTreeMap::new();
    // For each event of copying: which blocks are copies of which.
    let mut copies: BTreeMap<u32, BTreeMap<Label, Label>> = BTreeMap::new();
    for ((block, _), members) in of_block {
        let Some(events) = originals.get(&members[0]).cloned() else { continue };
        for event in events.keys() {
            let all: Option<Vec<Label>> =
                members.iter().map(|member| originals.get(member)?.get(event).copied()).collect();
            if let Some(all) = all {
                let of = *made.entry(*event).or_insert_with(|| units.new_tag());
                let above = units.block(all.into_iter(), of);
                units.link(block, above, LinkKind::Copy(*event));
                copies.entry(*event).or_default().insert(block, above);
            }
        }
    }
    let copies: Vec<BTreeMap<Label, Label>> = copies.into_values().collect();
    for (at, copy) in copies.iter().enumerate() {
        for other in &copies[..at] {
            let common: BTreeSet<(Label, Label)> =
                copy.iter().filter_map(|(b, x)| Some((*x, *other.get(b)?))).collect();
            let left: BTreeSet<Label> = common.iter().map(|pair| pair.0).collect();
            let right: BTreeSet<Label> = common.iter().map(|pair| pair.1).collect();
            // Both sides sort the same blocks in the same way.
            if left.len() == common.len() && right.len() == common.len() {
                common.iter().for_each(|(x, y)| units.unite(*x, *y));
            }
        }
    }
}

/// Colours by tags and by where in parameters a unit occurs.
fn first_colors(units: &Units, standing: &[Label], holdings: &[Holding]) -> Vec<u32> {
    let mut facts: Vec<Vec<u32>> = vec![Vec::new(); standing.len()];
    for (at, holding) in holdings.iter().enumerate() {
        for (which, group) in holding.motion.groups.iter().enumerate() {
            for (label, place) in group.labels.iter().zip(group.places.iter()) {
                facts[standing[*label as usize] as usize].extend([at as u32, which as u32, *place]);
            }
        }
    }
    for (label, facts) in facts.iter_mut().enumerate() {
        // Occurrences are triples in the order of holdings; tags are sorted, as uniting leaves them in any order.
        let mut tags = units.tags(label as Label).to_vec();
        tags.sort_unstable();
        tags.dedup();
        facts.push(u32::MAX);
        facts.extend(tags);
    }
    let mut names: BTreeMap<&[u32], u32> = BTreeMap::new();
    for (label, facts) in facts.iter().enumerate() {
        if standing[label] == label as Label {
            let next = names.len() as u32;
            names.entry(facts).or_insert(next);
        }
    }
    facts
        .iter()
        .enumerate()
        .map(|(l, facts)| if standing[l] == l as Label { names[&facts[..]] } else { 0 })
        .collect()
}

/// Splits colours until units of one colour stand under and above units of the same colours.
fn refine(colors: &mut [u32], standing: &[Label], links: &[Link]) {
    type Neighbours = Vec<(LinkKind, bool, u32)>;
    let mut linked: Vec<Label> = links.iter().flat_map(|link| [link.child, link.parent]).collect();
    linked.sort_unstable();
    linked.dedup();
    let mut place = vec![usize::MAX; standing.len()];
    linked.iter().enumerate().for_each(|(at, label)| place[*label as usize] = at);
    let mut n_colors = colors.iter().max().map_or(0, |most| most + 1);
    // Units without links keep their colour, which no linked unit may share from now on.
    loop {
        let mut around: Vec<Neighbours> = vec![Vec::new(); linked.len()];
        for link in links {
            around[place[link.child as usize]].push((link.kind, true, colors[link.parent as usize]));
            around[place[link.parent as usize]].push((link.kind, false, colors[link.child as usize]));
        }
        let mut names: BTreeMap<(u32, Neighbours), u32> = BTreeMap::new();
        let mut keys = Vec::with_capacity(linked.len());
        for (label, mut neighbours) in linked.iter().zip(around) {
            neighbours.sort_unstable();
            keys.push((colors[*label as usize], neighbours));
        }
        let before = {
            let mut old: Vec<u32> = linked.iter().map(|label| colors[*label as usize]).collect();
            old.sort_unstable();
            old.dedup();
            old.len()
        };
        for key in &keys {
            let next = n_colors + names.len() as u32;
            names.entry(key.clone()).or_insert(next);
        }
        for (label, key) in linked.iter().zip(&keys) {
            colors[*label as usize] = names[key];
        }
        n_colors += names.len() as u32;
        if names.len() == before {
            return;
        }
    }
}

/// The units that share their colour with others or stand under such units, those that others stand under first.
fn parents_first(
    colors: &[u32],
    standing: &[Label],
    parents: &[Vec<(LinkKind, Label)>],
    sizes: &BTreeMap<u32, usize>,
) -> Vec<Label> {
    let stands = |label: usize| standing[label] == label as Label;
    let mut order: Vec<Label> = Vec::new();
    let mut state = vec![0u8; colors.len()];
    for root in (0..colors.len()).filter(|label| stands(*label) && sizes[&colors[*label]] > 1) {
        let mut stack = vec![root as Label];
        while let Some(label) = stack.last().copied() {
            let at = label as usize;
            if state[at] == 0 {
                state[at] = 1;
                let open = parents[at].iter().map(|(_, parent)| *parent);
                stack.extend(open.filter(|p| state[*p as usize] == 0 && sizes[&colors[*p as usize]] > 1));
            } else {
                stack.pop();
                if state[at] == 1 {
                    state[at] = 2;
                    order.push(label);
                }
            }
        }
    }
    order
}
