//! Lines of a tag along its unit: which positions are together the vector of one node, and when two lines are equal.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Inference,
    marks::{Mark, ONE},
    nodes::{Bunch, NodeId},
    rotary,
    tag::{Form, Tag, Term},
    twist::Twist,
};

/// For each place of a tag's other axes, row-major, its bunches; positions outside of them are fixed.
pub(super) type Lines = Vec<Vec<Bunch>>;

impl Inference<'_> {
    /// Follows a tag to the free nodes of today. Nodes that stand in it in part are cut, so each bunch is all of one;
    /// sums must be rotary codes, which lower their nodes, or are fixed.
    pub(super) fn lines(&mut self, tag: &Tag, shape: &[usize]) -> Lines {
        let forms = forms_by_line(tag, shape);
        loop {
            let before = self.nodes.changes;
            let mut turned = Vec::new();
            let mut lines: Lines = Vec::with_capacity(forms.len());
            for line in &forms {
                let mut bunches = self.plain_bunches(line);
                let rotary = rotary::bunches(self, line);
                turned.extend(
                    rotary.iter().map(|(bunch, partner)| (bunch.node, bunch.twist.clone(), partner.clone())),
                );
                bunches.extend(rotary.into_iter().map(|(bunch, _)| bunch));
                bunches.sort_by(|a, b| a.positions.cmp(&b.positions));
                lines.push(bunches);
            }
            self.cut_partial(lines.iter().flatten());
            if self.nodes.changes != before {
                continue;
            }
            for (node, twist, partner) in turned {
                rotary::lower(&mut self.nodes, node, &twist, &partner);
            }
            if self.nodes.changes == before {
                return lines;
            }
        }
    }

    /// The coordinates of each vector on a line, where they stand by themselves.
    fn plain_bunches(&mut self, line: &[&Form]) -> Vec<Bunch> {
        type Key = (NodeId, u32, Mark, Mark, u64);
        let key =
            |term: &Term| -> Key { (term.node, term.twist, term.vector, term.table, term.scale.to_bits()) };
        let mut groups: Vec<(Key, Vec<u32>, Vec<u32>)> = Vec::new();
        let mut known: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        // How often each coordinate of a vector stood on the line so far: what stands there again is a copy.
        let mut seen: BTreeMap<(Key, u32), usize> = BTreeMap::new();
        for (position, form) in line.iter().enumerate() {
            let Form::One(term) = form else { continue };
            let key = key(term);
            let copy = seen.entry((key, term.at)).or_default();
            let copies = known.entry(key).or_default();
            if copies.len() == *copy {
                copies.push(groups.len());
                groups.push((key, Vec::new(), Vec::new()));
            }
            let group = copies[*copy];
            *copy += 1;
            groups[group].1.push(position as u32);
            groups[group].2.push(term.at);
        }
        let mut bunches = Vec::new();
        for ((node, twist, ..), positions, at) in groups {
            let twist = self.twist(twist).as_ref().clone();
            bunches.extend(self.nodes.follow(node, twist, positions, at));
        }
        bunches
    }

    /// Cuts each node so that each bunch is all of some nodes.
    fn cut_partial<'b>(&mut self, bunches: impl Iterator<Item = &'b Bunch>) {
        let mut labels: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
        for bunch in bunches {
            let n = self.nodes.size(bunch.node);
            let mut seen = vec![false; n];
            bunch.at.iter().for_each(|i| seen[*i as usize] = true);
            if bunch.at.len() < n {
                let labels = labels.entry(bunch.node).or_insert_with(|| vec![0; n]);
                // A label for each former label and side.
                let mut fresh: BTreeMap<(u32, bool), u32> = BTreeMap::new();
                for (label, inside) in labels.iter_mut().zip(&seen) {
                    let next = fresh.len() as u32;
                    *label = *fresh.entry((*label, *inside)).or_insert(next);
                }
            }
        }
        for (node, labels) in labels {
            self.nodes.cut(node, &labels);
        }
    }

    /// Fixes coordinates of a node, and leaves the rest free.
    pub(super) fn fix_at(&mut self, node: NodeId, mut at: Vec<u32>) {
        at.sort_unstable();
        at.dedup();
        let positions = at.clone();
        for bunch in self.nodes.follow(node, Twist::default(), positions, at) {
            let mut labels = vec![0; self.nodes.size(bunch.node)];
            for i in &bunch.at {
                labels[*i as usize] = 1;
            }
            self.nodes.cut(bunch.node, &labels);
            for part in self.nodes.follow(bunch.node, Twist::default(), bunch.positions, bunch.at) {
                self.nodes.fix(part.node);
            }
        }
    }

    /// Fixes all coordinates that stand in a tag.
    pub(super) fn fix(&mut self, tag: &Tag) {
        let mut at: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
        for term in tag.forms.iter().flat_map(Form::terms) {
            at.entry(term.node).or_default().push(term.at);
        }
        for (node, at) in at {
            self.fix_at(node, at);
        }
    }

    /// The tag with new vectors, those of the value that stands here: what bunches say, and nothing of how they came.
    pub(super) fn settled(&mut self, tag: &Tag, shape: &[usize], value: usize) -> Option<Tag> {
        let lines = self.lines(tag, shape);
        self.tag_of(&tag.axes, tag.unit, &lines, shape, value)
    }

    /// A tag from its lines, with the vectors of the value that stands here.
    pub(super) fn tag_of(
        &mut self,
        axes: &[usize],
        unit: usize,
        lines: &Lines,
        shape: &[usize],
        value: usize,
    ) -> Option<Tag> {
        if lines.iter().all(Vec::is_empty) {
            return None;
        }
        let mut forms = vec![Form::Fixed; axes.iter().map(|axis| shape[*axis]).product()];
        for (line, (start, stride)) in lines.iter().zip(line_places(axes, unit, shape)) {
            let mut copies: BTreeMap<NodeId, u32> = BTreeMap::new();
            for bunch in line {
                let twist = self.twist_number(&bunch.twist);
                let copy = copies.entry(bunch.node).or_default();
                for (position, at) in bunch.positions.iter().zip(&bunch.at) {
                    // For the moment, which of the vectors of its node it is.
                    let vector = *copy;
                    let term = Term { node: bunch.node, at: *at, twist, vector, table: ONE, scale: 1.0 };
                    forms[start + *position as usize * stride] = Form::One(term);
                }
                *copy += 1;
            }
        }
        let tag = Tag { axes: axes.to_vec(), unit, forms: forms.into() }.reduced(shape);
        // Vectors of different lines are different ones, and those of one line too, though one matrix may move them.
        let vector = self.marks.value(value, unit, shape);
        let others: Vec<usize> = tag.axes.iter().copied().filter(|axis| *axis != unit).collect();
        let mut forms = tag.forms.to_vec();
        for (line, (start, stride)) in line_places(&tag.axes, unit, shape).into_iter().enumerate() {
            let vector = self.marks.at(vector, &others, line);
            for i in 0..shape[unit] {
                let form = &mut forms[start + i * stride];
                *form = form.map(|term| Term { vector: self.marks.copy(vector, term.vector), ..term });
            }
        }
        Some(Tag { forms: forms.into(), ..tag })
    }

    /// Demands that two tags over the same axes move their lines in the same way, or dually to each other.
    pub(super) fn unify(&mut self, a: &Tag, b: &Tag, shape: &[usize], dual: bool) {
        let (left, right) = loop {
            let before = self.nodes.changes;
            let left = self.lines(a, shape);
            let between = self.nodes.changes;
            let right = self.lines(b, shape);
            if self.nodes.changes == between {
                for (left, right) in left.iter().zip(&right) {
                    self.cut_apart(left, right);
                    self.cut_apart(right, left);
                }
                if self.nodes.changes == between {
                    break (left, right);
                }
            }
            debug_assert!(self.nodes.changes > before, "each turn cuts or fixes something");
        };
        for (left, right) in left.iter().zip(&right) {
            let partners: BTreeMap<u32, &Bunch> =
                right.iter().map(|bunch| (bunch.positions[0], bunch)).collect();
            for bunch in left {
                match partners.get(&bunch.positions[0]) {
                    Some(partner) => self.nodes.unite(bunch, partner, dual),
                    None => self.fix_at(bunch.node, bunch.at.clone()),
                }
            }
            let partners: BTreeSet<u32> = left.iter().map(|bunch| bunch.positions[0]).collect();
            for bunch in right {
                if !partners.contains(&bunch.positions[0]) {
                    self.fix_at(bunch.node, bunch.at.clone());
                }
            }
        }
    }

    /// Cuts the nodes of one line so that each of its bunches lies in one bunch of the other, or in none.
    fn cut_apart(&mut self, line: &[Bunch], other: &[Bunch]) {
        if line.len() == other.len() && line.iter().zip(other).all(|(a, b)| a.positions == b.positions) {
            return;
        }
        let mut owner: BTreeMap<u32, u32> = BTreeMap::new();
        for (i, bunch) in other.iter().enumerate() {
            owner.extend(bunch.positions.iter().map(|position| (*position, i as u32 + 1)));
        }
        for bunch in line {
            let mut labels = vec![0; self.nodes.size(bunch.node)];
            for (position, at) in bunch.positions.iter().zip(&bunch.at) {
                labels[*at as usize] = owner.get(position).copied().unwrap_or(0);
            }
            self.nodes.cut(bunch.node, &labels);
        }
    }
}

/// For each line the place of its first form and the distance between its forms.
fn line_places(axes: &[usize], unit: usize, shape: &[usize]) -> Vec<(usize, usize)> {
    let mut starts = vec![0];
    let mut stride = 1;
    let mut unit_stride = 1;
    for axis in axes.iter().rev() {
        if *axis == unit {
            unit_stride = stride;
        } else {
            // Axes further out vary more slowly, so they come first in the order of lines.
            starts =
                (0..shape[*axis]).flat_map(|i| starts.iter().map(move |start| start + i * stride)).collect();
        }
        stride *= shape[*axis];
    }
    starts.into_iter().map(|start| (start, unit_stride)).collect()
}

fn forms_by_line<'t>(tag: &'t Tag, shape: &[usize]) -> Vec<Vec<&'t Form>> {
    let n = shape[tag.unit];
    let line = |(start, stride): (usize, usize)| (0..n).map(|i| &tag.forms[start + i * stride]).collect();
    line_places(&tag.axes, tag.unit, shape).into_iter().map(line).collect()
}
