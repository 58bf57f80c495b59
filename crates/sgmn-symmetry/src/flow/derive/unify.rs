//! Two groups become one: their units are united, put under each other, or told apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    motion::Group,
    units::{Label, LinkKind, Units},
};

/// Demands that two groups of the same axes hold the same units in the same order. What remains is in `a`.
pub(crate) fn unify(a: &mut Group, b: &Group, units: &mut Units) {
    let found = |group: &Group, units: &Units| -> Vec<Label> {
        group.labels.iter().map(|l| units.find(*l)).collect()
    };
    let (of_a, of_b) = (found(a, units), found(b, units));
    let placeless = |group: &Group| group.places.iter().all(|place| *place == 0);
    if of_a == of_b && (a.places == b.places || placeless(a) || placeless(b)) {
        if placeless(a) {
            a.places = Arc::clone(&b.places);
        }
        return;
    }
    if a.places != b.places && !placeless(a) && !placeless(b) {
        a.pin(&[], units);
        b.pin(&[], units);
        return;
    }
    let forth = partners(&of_a, &of_b);
    let back = partners(&of_b, &of_a);
    let apart = forth.iter().all(|(label, partner)| !back.contains_key(label) || *partner == Some(*label));
    let one_to_one = |map: &BTreeMap<Label, Option<Label>>| map.values().all(Option::is_some);
    if apart && one_to_one(&forth) && one_to_one(&back) {
        of_a.iter().zip(&of_b).for_each(|(x, y)| units.unite(*x, *y));
        if placeless(a) {
            a.places = Arc::clone(&b.places);
        }
    } else if !refined(a, b, units) {
        arranged(a, b, units);
    }
}

/// For each label of one side its label on the other, absent if there are several.
fn partners(of: &[Label], with: &[Label]) -> BTreeMap<Label, Option<Label>> {
    let mut map: BTreeMap<Label, Option<Label>> = BTreeMap::new();
    for (label, partner) in of.iter().zip(with) {
        map.entry(*label)
            .and_modify(|known| *known = known.filter(|known| known == partner))
            .or_insert(Some(*partner));
    }
    map
}

/// What stands at an index on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    Same,
    BelowA,
    BelowB,
}

/// Units of one side stand at places and turns of units of the other: each is put under the one it meets, and both know
/// at which turns they meet. What remains in `a` are the finer units. False if units meet that stand on both sides.
fn refined(a: &mut Group, b: &Group, units: &mut Units) -> bool {
    let (of_a, of_b) = (a.stands(units), b.stands(units));
    let forth = partners_elsewhere(&of_a, &of_b);
    let back = partners_elsewhere(&of_b, &of_a);
    let known =
        |of: &[(Label, u32, u32)]| -> BTreeSet<Label> { of.iter().map(|(label, ..)| *label).collect() };
    let (in_a, in_b) = (known(&of_a), known(&of_b));
    let mut stands = Vec::with_capacity(of_a.len());
    for ((x, ..), (y, ..)) in of_a.iter().zip(&of_b) {
        stands.push(if x == y {
            Stand::Same
        } else if !in_a.contains(y) && back[y].is_some() {
            Stand::BelowA
        } else if !in_b.contains(x) && forth[x].is_some() {
            Stand::BelowB
        } else {
            return false;
        });
    }
    let event = units.new_tag();
    for (((x, ..), (y, ..)), stand) in of_a.iter().zip(&of_b).zip(&stands) {
        match stand {
            Stand::Same => {}
            Stand::BelowA => units.link(*y, *x, LinkKind::Block(event)),
            Stand::BelowB => units.link(*x, *y, LinkKind::Block(event)),
        }
    }
    let facts = |of: &[(Label, u32, u32)]| -> Vec<(u32, u32, Stand)> {
        of.iter().zip(&stands).map(|((_, place, turn), stand)| (*place, *turn, *stand)).collect()
    };
    a.tell_apart_by(facts(&of_b), units);
    b.tell_apart_by(facts(&of_a), units);
    let finer = |at: usize| if stands[at] == Stand::BelowA { b.labels[at] } else { a.labels[at] };
    let labels = (0..a.len()).map(finer).collect();
    let places = if a.places.iter().all(|place| *place == 0) { &b.places } else { &a.places };
    *a = Group { labels, places: Arc::clone(places), ..a.clone() };
    true
}

/// For each label its partner where that is another one, absent if there are several.
fn partners_elsewhere(
    of: &[(Label, u32, u32)],
    with: &[(Label, u32, u32)],
) -> BTreeMap<Label, Option<Label>> {
    let pairs: Vec<(Label, Label)> =
        of.iter().zip(with).map(|(x, y)| (x.0, y.0)).filter(|(x, y)| x != y).collect();
    let (of, with): (Vec<Label>, Vec<Label>) = pairs.into_iter().unzip();
    partners(&of, &with)
}

/// The same units in another arrangement. If they are rearranged along one axis only, that axis becomes places and rows
/// of it may still move as wholes; otherwise nothing moves.
fn arranged(a: &Group, b: &Group, units: &mut Units) {
    let found = |group: &Group, fiber: &[usize], units: &Units| {
        let mut labels: Vec<Label> = fiber.iter().map(|at| units.find(group.labels[*at])).collect();
        labels.sort_unstable();
        labels
    };
    for axis in a.axes.iter().rev() {
        let keep: Vec<usize> = a.axes.iter().copied().filter(|other| other != axis).collect();
        let fibers = a.fibers(&keep);
        let same =
            fibers.from.chunks(fibers.over).all(|fiber| found(a, fiber, units) == found(b, fiber, units));
        if same {
            a.pin(&keep, units);
            b.pin(&keep, units);
            return;
        }
    }
    a.pin(&[], units);
    b.pin(&[], units);
}
