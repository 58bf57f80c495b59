//! Units as labels: two indices with one label are one unit, wherever in the net they stand.
//!
//! Labels are united as operations demand it (union-find). What makes a unit unlike others is kept as tags and links:
//! a block above a set of units that are summed over, the original of copies, the factors of a product of units.

use std::collections::BTreeMap;

/// A unit.
pub(crate) type Label = u32;

/// All units of a net, and what is known about each.
#[derive(Debug, Default)]
pub(crate) struct Units {
    up: Vec<Label>,
    tags: Vec<Vec<u32>>,
    links: Vec<Link>,
    n_tags: u32,
    blocks: BTreeMap<Vec<Label>, Label>,
}

/// A unit under another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) child: Label,
    pub(crate) parent: Label,
    pub(crate) kind: LinkKind,
}

/// How a unit stands under another one. The number is that of the event that linked them: a row and a column of one
/// table are different events, though they may be the same units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LinkKind {
    /// The parent is a block: a set of units that are summed over, or that stand at places of one unit.
    Block(u32),
    /// The child repeats the parent: one key head read by several query heads.
    Copy(u32),
    /// The child is a pair of units, and the parent one of the two.
    Factor(u32),
}

impl Units {
    /// New units, unlike all others until something unites them.
    pub(crate) fn fresh(&mut self, count: usize) -> Vec<Label> {
        let start = u32::try_from(self.up.len()).expect("sizes are limited when a flow is built");
        let labels: Vec<Label> = (start..).take(count).collect();
        self.up.extend(&labels);
        self.tags.resize(self.up.len(), Vec::new());
        labels
    }

    /// How many labels there are, united ones counted each.
    pub(crate) fn len(&self) -> usize {
        self.up.len()
    }

    /// The label that stands for all that are united with this one.
    pub(crate) fn find(&self, mut label: Label) -> Label {
        while self.up[label as usize] != label {
            label = self.up[label as usize];
        }
        label
    }

    /// Makes two units one.
    pub(crate) fn unite(&mut self, a: Label, b: Label) {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return;
        }
        // The older one stays, so that results do not depend on the order of demands.
        let (old, new) = (a.min(b), a.max(b));
        self.up[new as usize] = old;
        let tags = std::mem::take(&mut self.tags[new as usize]);
        self.tags[old as usize].extend(tags);
    }

    /// Shortens the ways to the standing labels.
    pub(crate) fn compress(&mut self) {
        for label in 0..self.up.len() {
            self.up[label] = self.up[self.up[label] as usize];
        }
    }

    /// A tag that nothing has yet; events of links are numbered with them.
    pub(crate) fn new_tag(&mut self) -> u32 {
        self.n_tags += 1;
        self.n_tags
    }

    /// Tells a unit apart from all without this tag.
    pub(crate) fn tag(&mut self, label: Label, tag: u32) {
        let label = self.find(label) as usize;
        self.tags[label].push(tag);
    }

    /// Tells each of these units apart from all others: none of them moves any more.
    pub(crate) fn freeze(&mut self, labels: &[Label]) {
        for label in labels {
            let tag = self.new_tag();
            self.tag(*label, tag);
        }
    }

    /// Puts a unit under another one.
    pub(crate) fn link(&mut self, child: Label, parent: Label, kind: LinkKind) {
        if self.find(child) != self.find(parent) {
            self.links.push(Link { child, parent, kind });
        }
    }

    /// The block above a set of units; of one unit, the unit itself.
    pub(crate) fn block(&mut self, members: impl Iterator<Item = Label>, event: u32) -> Label {
        let mut members: Vec<Label> = members.map(|label| self.find(label)).collect();
        members.sort_unstable();
        members.dedup();
        if let [one] = members[..] {
            return one;
        }
        if let Some(block) = self.blocks.get(&members) {
            return self.find(*block);
        }
        let block = self.fresh(1)[0];
        for member in &members {
            self.link(*member, block, LinkKind::Block(event));
        }
        self.blocks.insert(members, block);
        block
    }

    /// A unit's tags, in no order.
    pub(crate) fn tags(&self, label: Label) -> &[u32] {
        &self.tags[self.find(label) as usize]
    }

    /// All links between standing labels, each once, ascending.
    pub(crate) fn standing_links(&self) -> Vec<Link> {
        let standing =
            |link: &Link| Link { child: self.find(link.child), parent: self.find(link.parent), ..*link };
        let mut links: Vec<Link> =
            self.links.iter().map(standing).filter(|link| link.child != link.parent).collect();
        links.sort_unstable();
        links.dedup();
        links
    }
}
