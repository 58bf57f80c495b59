//! The same numbers with other axes: an axis of units splits into blocks and units, or blocks merge into one axis.

use std::collections::BTreeMap;

use sgmn_graph::flow::Step;

use super::{
    super::{marks::Mark, tag::Term},
    Inference, Tag,
};

/// Neighbouring axes that hold the same numbers before and after; axes of size 1 are left out.
struct Group {
    old: Vec<usize>,
    new: Vec<usize>,
}

pub(super) fn tags(inference: &mut Inference<'_>, step: &Step) -> Vec<Tag> {
    let flow = inference.flow;
    let (shape, new_shape) = (flow.shape(step.from[0]), flow.shape(step.to));
    if shape.contains(&0) {
        return super::fixed(inference, step);
    }
    let groups = groups(shape, new_shape);
    let mut tags = inference.of(step.from[0]);
    // Two matrices that come to stand along one axis: only the inner one stays.
    for group in &groups {
        let units: Vec<usize> =
            tags.iter().map(|tag| tag.unit).filter(|unit| group.old.contains(unit)).collect();
        if let Some(last) = units.iter().max() {
            let (outer, rest) =
                tags.into_iter().partition(|tag| group.old.contains(&tag.unit) && tag.unit != *last);
            tags = rest;
            let outer: Vec<Tag> = outer;
            outer.iter().for_each(|tag| inference.fix(tag));
        }
    }
    let mut reshaped = Vec::new();
    for tag in tags {
        match reshape(inference, &tag, &groups, shape, new_shape) {
            Some(found) => reshaped.push(found),
            None => inference.fix(&tag),
        }
    }
    reshaped
}

fn reshape(
    inference: &mut Inference<'_>,
    tag: &Tag,
    groups: &[Group],
    shape: &[usize],
    new_shape: &[usize],
) -> Option<Tag> {
    let touches = |group: &Group| group.old.iter().any(|axis| tag.axes.contains(axis));
    let touched: Vec<&Group> = groups.iter().filter(|group| touches(group)).collect();
    let axes: Vec<usize> = touched.iter().flat_map(|group| group.new.iter().copied()).collect();
    // Places that become units, or stand beside them along one axis.
    let places: Vec<usize> = touched
        .iter()
        .flat_map(|group| &group.old)
        .copied()
        .filter(|axis| !tag.axes.contains(axis))
        .collect();
    let home = touched.iter().find(|group| group.old.contains(&tag.unit)).or(touched.last())?;
    let unit = *home.new.last()?;
    let mut marks =
        PlaceMarks { operation: format!("reshape of {shape:?} to {new_shape:?}"), known: BTreeMap::new() };
    let mut old = vec![0; shape.len()];
    let mut new = vec![0; new_shape.len()];
    let mut found = Tag::build(axes.clone(), unit, new_shape, |index| {
        for (axis, i) in axes.iter().zip(index) {
            new[*axis] = *i;
        }
        for group in &touched {
            let mut flat = group.new.iter().fold(0, |flat, axis| flat * new_shape[*axis] + new[*axis]);
            for axis in group.old.iter().rev() {
                old[*axis] = flat % shape[*axis];
                flat /= shape[*axis];
            }
        }
        let place = places.iter().fold(0, |flat, axis| flat * shape[*axis] + old[*axis]);
        tag.form(shape, &old).map(|term| Term {
            vector: marks.of(inference, term.vector, groups, &places, place, new_shape.len()),
            table: marks.of(inference, term.table, groups, &places, place, new_shape.len()),
            ..term
        })
    })?;
    // The unit is the innermost axis along which vectors run.
    let innermost = home.new.iter().rev().find(|axis| found.differs_along(**axis, new_shape));
    found.unit = innermost.copied().unwrap_or(unit);
    Some(found.reduced(new_shape))
}

/// Marks after a reshape.
struct PlaceMarks {
    operation: String,
    known: BTreeMap<(Mark, usize), Mark>,
}

impl PlaceMarks {
    fn of(
        &mut self,
        inference: &mut Inference<'_>,
        mark: Mark,
        groups: &[Group],
        places: &[usize],
        place: usize,
        rank: usize,
    ) -> Mark {
        if let Some(known) = self.known.get(&(mark, place)) {
            return *known;
        }
        let marks = &mut inference.marks;
        let at = marks.at(mark, places, place);
        let mut from = vec![None; rank];
        let mut mixes = false;
        let mut differs = vec![false; rank];
        for group in groups {
            match (group.old.as_slice(), group.new.as_slice()) {
                ([old], [new]) => {
                    from[*new] = Some(*old);
                    differs[*new] = marks.differs_along(at, *old);
                }
                (old, new) => {
                    if old.iter().any(|axis| marks.differs_along(at, *axis)) {
                        mixes = true;
                        new.iter().for_each(|axis| differs[*axis] = true);
                    }
                }
            }
        }
        let new = if mixes { marks.through(at, &self.operation, &differs) } else { marks.moved(at, &from) };
        self.known.insert((mark, place), new);
        new
    }
}

fn groups(old: &[usize], new: &[usize]) -> Vec<Group> {
    let mut groups = Vec::new();
    let large = |shape: &[usize]| {
        shape.iter().enumerate().filter(|(_, size)| **size > 1).map(|(axis, _)| axis).collect()
    };
    let (olds, news): (Vec<usize>, Vec<usize>) = (large(old), large(new));
    let (mut i, mut j) = (0, 0);
    while i < olds.len() && j < news.len() {
        let mut group = Group { old: vec![olds[i]], new: vec![news[j]] };
        let (mut before, mut after) = (old[olds[i]], new[news[j]]);
        while before != after {
            if before < after {
                i += 1;
                before *= old[olds[i]];
                group.old.push(olds[i]);
            } else {
                j += 1;
                after *= new[news[j]];
                group.new.push(news[j]);
            }
        }
        groups.push(group);
        (i, j) = (i + 1, j + 1);
    }
    groups
}
