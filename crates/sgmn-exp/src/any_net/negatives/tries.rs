//! What is tried: for each order of units the faults that fit what was inferred there.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use sgmn_graph::Seed;
use sgmn_symmetry::flow::{IndexView, PartView, Spaces};

use super::{Fault, edit::Edit};
use crate::any_net::side::{Side, sides};

/// A fault, and several ways to commit it.
pub(super) struct Try {
    pub(super) fault: Fault,
    pub(super) place: String,
    pub(super) variants: Vec<Vec<Edit>>,
}

/// Where units of one orbit stand: indices of parts.
#[derive(Default)]
struct Orbit {
    /// A part and an index in it.
    at: Vec<(usize, usize)>,
}

/// Up to `n` faults, those of each kind spread over the orders.
pub(super) fn tries(spaces: &Spaces, seed: Seed, n: usize) -> Vec<Try> {
    let parts = spaces.parts();
    let sides = sides(spaces.flow());
    let scene = Scene { spaces, parts: &parts, sides: &sides };
    let mut orbits: BTreeMap<u32, Orbit> = BTreeMap::new();
    for (part, view) in parts.iter().enumerate() {
        for (at, index) in view.at.iter().enumerate() {
            if index.like > 1 {
                orbits.entry(index.orbit).or_default().at.push((part, at));
            }
        }
    }
    let mut orbits: Vec<Orbit> = orbits.into_values().collect();
    let mut rng = seed.child("orders").rng();
    orbits.shuffle(&mut rng);
    let mut tries = Vec::new();
    // Round by round another orbit for each kind, until there are enough.
    let mut queues: Vec<(Fault, std::slice::Iter<'_, Orbit>)> =
        Fault::ALL.iter().map(|fault| (*fault, orbits.iter())).collect();
    while tries.len() < n && queues.iter().any(|(_, queue)| queue.len() > 0) {
        for (fault, queue) in &mut queues {
            let made = queue.find_map(|orbit| scene.attempt(*fault, orbit, seed));
            if let Some(made) = made.filter(|_| tries.len() < n) {
                tries.push(made);
            }
        }
    }
    tries
}

struct Scene<'a> {
    spaces: &'a Spaces,
    parts: &'a [PartView],
    sides: &'a [Vec<Option<Side>>],
}

/// Factor of magnitudes that are changed.
const FACTOR: f64 = 2.0;
/// Parameters in which an order is tried alone.
const MOST_PARTS: usize = 4;

impl Scene<'_> {
    /// The fault at an orbit, if it makes sense there.
    fn attempt(&self, fault: Fault, orbit: &Orbit, seed: Seed) -> Option<Try> {
        let variants = match fault {
            Fault::OrderInOnePlace => self.order_in_one_place(orbit, seed),
            Fault::SignOfPositive => self.sign_of_positive(orbit),
            Fault::MagnitudeOfSign => self.magnitude_of_sign(orbit),
            Fault::SomeOfAll => self.some_of_all(orbit),
            Fault::SignOfNone => self.of_none(orbit, |_| -1.0),
            Fault::MagnitudeOfNone => self.magnitude_of_none(orbit),
            // These are no matter of orders and scalars.
            Fault::MatrixOfLarger | Fault::MatrixInOnePlace | Fault::AdditionInOnePlace => Vec::new(),
        };
        let variants: Vec<Vec<Edit>> = variants
            .into_iter()
            .map(|edits| edits.into_iter().filter(|edit| !edit.is_none()).collect::<Vec<_>>())
            .filter(|edits| !edits.is_empty())
            .collect();
        (!variants.is_empty()).then(|| Try { fault, place: self.place(orbit), variants })
    }

    /// Units of the orbit, as a person finds them: by the first parameter that holds them.
    fn place(&self, orbit: &Orbit) -> String {
        let (part, at) = orbit.at[0];
        let view = &self.parts[part];
        let name = &self.spaces.flow().params()[view.param].name;
        let axes: Vec<String> = view.axes.iter().map(usize::to_string).collect();
        format!("{} units along axis {} of {name}", view.at[at].like, axes.join(" and "))
    }

    fn index(&self, (part, at): (usize, usize)) -> &IndexView {
        &self.parts[part].at[at]
    }

    /// Units change places pair by pair, in one parameter.
    fn order_in_one_place(&self, orbit: &Orbit, seed: Seed) -> Vec<Vec<Edit>> {
        let mut parts: Vec<usize> = orbit.at.iter().map(|(part, _)| *part).collect();
        parts.dedup();
        // What stands in one parameter only may be reordered there.
        if parts.len() < 2 {
            return Vec::new();
        }
        let mut rng = seed.child("one place").rng();
        parts.shuffle(&mut rng);
        let one = |part: usize| {
            let view = &self.parts[part];
            let mut at: BTreeMap<u32, BTreeMap<u32, usize>> = BTreeMap::new();
            for (_, index) in orbit.at.iter().filter(|(other, _)| *other == part) {
                let IndexView { unit, place, .. } = view.at[*index];
                at.entry(unit).or_default().insert(place, *index);
            }
            let mut edit = Edit::none(view.param, &view.shape, &view.axes);
            let units: Vec<&BTreeMap<u32, usize>> = at.values().collect();
            for pair in units.chunks_exact(2) {
                for (place, a) in pair[0] {
                    if let Some(b) = pair[1].get(place) {
                        edit.from[*a] = *b as u32;
                        edit.from[*b] = *a as u32;
                    }
                }
            }
            vec![edit]
        };
        parts.into_iter().take(MOST_PARTS).map(one).collect()
    }

    /// Every free positive scalar of the orbit gets a sign where it stands with an odd exponent.
    fn sign_of_positive(&self, orbit: &Orbit) -> Vec<Vec<Edit>> {
        let odd = |by: f64| by.rem_euclid(2.0) == 1.0;
        // Variables, and whether each may be given a sign: whole exponents only, and nowhere a sign that is free.
        let mut vars: BTreeMap<u32, bool> = BTreeMap::new();
        for at in &orbit.at {
            let index = self.index(*at);
            for (var, by) in &index.log {
                let fits = by.fract() == 0.0 && (!odd(*by) || index.sign.is_empty());
                *vars.entry(*var).or_insert(true) &= fits;
            }
        }
        vars.retain(|_, fits| *fits);
        if vars.is_empty() {
            return Vec::new();
        }
        // All of a kind together, or each second of them.
        let chosen = |step: usize| -> BTreeSet<u32> { vars.keys().copied().step_by(step).collect() };
        [1, 2]
            .map(|step| {
                let chosen = chosen(step);
                self.edits(orbit, |_, index| {
                    let n = index.log.iter().filter(|(var, by)| odd(*by) && chosen.contains(var)).count();
                    if n % 2 == 1 { -1.0 } else { 1.0 }
                })
            })
            .to_vec()
    }

    /// Writers of every second unit are doubled and readers halved, where nothing but a sign is free.
    fn magnitude_of_sign(&self, orbit: &Orbit) -> Vec<Vec<Edit>> {
        let signed = orbit.at.iter().any(|at| !self.index(*at).sign.is_empty());
        let shared = self.shared(orbit);
        let fits = signed
            && orbit.at.iter().all(|at| {
                let index = self.index(*at);
                index.log.is_empty() && index.sign.iter().all(|var| !shared.contains(var))
            });
        if fits { self.doubled(orbit) } else { Vec::new() }
    }

    /// As [`Self::magnitude_of_sign`] where nothing is free.
    fn magnitude_of_none(&self, orbit: &Orbit) -> Vec<Vec<Edit>> {
        if orbit.at.iter().all(|at| is_still(self.index(*at))) { self.doubled(orbit) } else { Vec::new() }
    }

    fn doubled(&self, orbit: &Orbit) -> Vec<Vec<Edit>> {
        let sides: Option<Vec<Side>> = orbit.at.iter().map(|(part, _)| self.side(*part)).collect();
        let Some(sides) = sides else { return Vec::new() };
        let side_of: BTreeMap<usize, Side> = orbit.at.iter().map(|(part, _)| *part).zip(sides).collect();
        self.halves(orbit, |part, _| match side_of[&part] {
            Side::Writes => FACTOR,
            Side::Reads => FACTOR.recip(),
        })
    }

    /// Every second unit is multiplied at all its places, where nothing is free.
    fn of_none(&self, orbit: &Orbit, factor: impl Fn(usize) -> f64) -> Vec<Vec<Edit>> {
        let still = orbit.at.iter().all(|at| is_still(self.index(*at)));
        if still { self.halves(orbit, |part, _| factor(part)) } else { Vec::new() }
    }

    /// Scalars that several units share change for every second unit.
    fn some_of_all(&self, orbit: &Orbit) -> Vec<Vec<Edit>> {
        let shared = self.shared(orbit);
        let variant = |var: &u32| {
            self.halves(orbit, |_, index| {
                let flipped = index.sign.contains(var);
                let by = index.log.iter().find(|(other, _)| other == var).map_or(0.0, |(_, by)| *by);
                let scale = FACTOR.powf(by);
                if flipped { -scale } else { scale }
            })
        };
        shared.iter().take(1).flat_map(variant).collect()
    }

    /// Variables that are alone the scalar of several units of the orbit.
    fn shared(&self, orbit: &Orbit) -> BTreeSet<u32> {
        let mut first: BTreeMap<u32, u32> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for at in &orbit.at {
            let index = self.index(*at);
            // Beside another variable it could be undone by that one.
            let alone = match (&index.sign[..], &index.log[..]) {
                ([var], []) | ([], [(var, _)]) => *var,
                ([var], [(other, _)]) if var == other => *var,
                _ => continue,
            };
            if *first.entry(alone).or_insert(index.unit) != index.unit {
                shared.insert(alone);
            }
        }
        shared
    }

    /// Edits that multiply each second unit, and those that multiply one unit.
    fn halves(&self, orbit: &Orbit, factor: impl Fn(usize, &IndexView) -> f64) -> Vec<Vec<Edit>> {
        let units: BTreeSet<u32> = orbit.at.iter().map(|at| self.index(*at).unit).collect();
        [2, units.len()]
            .map(|step| {
                let chosen: BTreeSet<u32> = units.iter().copied().step_by(step.max(1)).collect();
                self.edits(
                    orbit,
                    |part, index| {
                        if chosen.contains(&index.unit) { factor(part, index) } else { 1.0 }
                    },
                )
            })
            .to_vec()
    }

    /// An edit of each part of the orbit that multiplies its indices.
    fn edits(&self, orbit: &Orbit, factor: impl Fn(usize, &IndexView) -> f64) -> Vec<Edit> {
        let mut edits: BTreeMap<usize, Edit> = BTreeMap::new();
        for (part, at) in &orbit.at {
            let view = &self.parts[*part];
            let none = || Edit::none(view.param, &view.shape, &view.axes);
            edits.entry(*part).or_insert_with(none).scales[*at] = factor(*part, &view.at[*at]);
        }
        edits.into_values().collect()
    }

    fn side(&self, part: usize) -> Option<Side> {
        let view = &self.parts[part];
        // Of a weight that was split into groups no axis is one of the parameter's own.
        match view.axes[..] {
            [axis] if view.shape == self.spaces.flow().param_shape(view.param) => {
                self.sides[view.param][axis]
            }
            _ => None,
        }
    }
}

fn is_still(index: &IndexView) -> bool {
    index.log.is_empty() && index.sign.is_empty()
}
