//! Coordinate descent: one order at a time, everything else as it stands.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use sgmn_graph::{
    Seed,
    flow::{Array, Numbers},
};

use super::{
    activations::Activations,
    assign::assign,
    gains::{Asked, Gains},
    heads::Heads,
    now::Now,
    procrustes,
    signs::Signs,
    units::Units,
};
use crate::{Result, flow::derive::Label};

/// What is free between two nets at their canonical points.
pub(super) struct Free<'a> {
    units: Units<'a>,
    signs: Signs,
    heads: Heads,
    steps: Vec<Coordinate>,
    /// For each step the parameters that it may change.
    touched: Vec<BTreeSet<usize>>,
}

/// A sweep that brings the squared distance down by less than this part of it is the last.
const WORTH: f64 = 1e-5;

/// What one step chooses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Coordinate {
    /// An order, with the signs of its units and all that they carry along.
    Order(u32),
    /// The matrices of a space.
    Matrix(usize),
    /// A sign that belongs to no single unit.
    Sign(u32),
}

impl<'a> Free<'a> {
    /// Signs that are `kept` are not free.
    pub(super) fn new(units: Units<'a>, kept: &BTreeSet<u32>, now: &Now<'_>) -> Self {
        let spaces = units.spaces;
        let matrices = &now.fixed.matrices;
        let ordered: BTreeSet<u32> = units.roots.iter().flat_map(|root| units.tree(*root)).collect();
        let is_ordered = |label: Label| {
            let color = units.color(label);
            ordered.contains(&color) && units.moves(label) && !units.by_matrix.contains(&color)
        };
        let signs = Signs::new(spaces, kept, is_ordered);
        let heads = Heads::new(&units, matrices);
        let roots = units.roots.iter().map(|root| Coordinate::Order(*root));
        let turns = (0..matrices.len()).map(Coordinate::Matrix);
        let flips = signs.others.iter().map(|var| Coordinate::Sign(*var));
        let steps: Vec<Coordinate> = roots.chain(turns).chain(flips).collect();
        let mut free = Self { units, signs, heads, steps, touched: Vec::new() };
        free.touched = free.steps.iter().map(|step| free.touched_by(*step, now)).collect();
        free
    }

    fn touched_by(&self, step: Coordinate, now: &Now<'_>) -> BTreeSet<usize> {
        match step {
            Coordinate::Order(root) => self.asked(None).params(root),
            Coordinate::Matrix(space) => {
                now.fixed.matrices[space].holders.iter().map(|holder| holder.param).collect()
            }
            Coordinate::Sign(var) => {
                let has = |id| self.units.spaces.derived.reduced(id).sign.0.iter().any(|(of, _)| *of == var);
                let holdings = self.units.spaces.holdings_in_order().into_iter();
                let moved = holdings.filter(|holding| {
                    has(holding.motion.scalar)
                        || holding.motion.groups.iter().any(|group| group.scales.iter().any(|id| has(*id)))
                });
                moved.map(|holding| holding.param).collect()
            }
        }
    }

    fn asked<'b>(&'b self, decided: Option<&'b BTreeSet<u32>>) -> Asked<'b> {
        Asked { units: &self.units, signs: &self.signs, heads: &self.heads, decided, activations: None }
    }

    /// Orders by what units compute on these inputs, whether numbers come nearer or not; then matrices, and orders whose
    /// activations were not seen, by numbers. The squared distance after the orders, and after each sweep over the rest.
    pub(super) fn by_activations(
        &self,
        now: &mut Now<'_>,
        stays: &dyn Numbers,
        inputs: &[Vec<Array>],
        (most, seed): (usize, Seed),
    ) -> Result<Vec<f64>> {
        let mut seen = BTreeSet::new();
        // Numbers decide ties, and mean something once others have their places.
        for _ in 0..2 {
            let activations = Activations::of(&self.units, &self.signs, stays, &now.raw(), inputs)?;
            let asked = Asked { activations: Some(&activations), ..self.asked(None) };
            let of_tree = |root: &u32| self.units.tree(*root).into_iter().any(|color| activations.has(color));
            seen = self.units.roots.iter().copied().filter(of_tree).collect();
            for root in &seen {
                self.order(*root, &asked, now, true)?;
            }
        }
        let is_left = |step: &Coordinate| !matches!(step, Coordinate::Order(root) if seen.contains(root));
        let mut distances = vec![now.distance()];
        distances.extend(self.sweep_over(&is_left, now, most, seed)?);
        Ok(distances)
    }

    /// Orders from the inputs inwards: each is chosen by those numbers beside which all is decided already, first the one
    /// that has most of them for each unit.
    pub(super) fn anchor(&self, now: &mut Now<'_>) -> Result<()> {
        let mut decided: BTreeSet<u32> = self.units.by_matrix.clone();
        let mut open: Vec<u32> = self.units.roots.clone();
        loop {
            let asked = self.asked(Some(&decided));
            let numbers = open.iter().map(|root| asked.n_numbers(*root));
            // The first of those that have most.
            let most = numbers.enumerate().fold((usize::MAX, 0), |best, (at, n)| {
                if best.0 == usize::MAX || n > best.1 { (at, n) } else { best }
            });
            if most.0 == usize::MAX {
                return Ok(());
            }
            let root = open.remove(most.0);
            if most.1 > 0 {
                self.order(root, &asked, now, true)?;
            }
            decided.extend(self.units.tree(root));
        }
    }

    /// Sweeps over all coordinates until nothing comes nearer that is worth it; the squared distance after each sweep.
    pub(super) fn sweep(&self, now: &mut Now<'_>, most: usize, seed: Seed) -> Result<Vec<f64>> {
        self.sweep_over(&|_| true, now, most, seed)
    }

    fn sweep_over(
        &self,
        chosen: &dyn Fn(&Coordinate) -> bool,
        now: &mut Now<'_>,
        most: usize,
        seed: Seed,
    ) -> Result<Vec<f64>> {
        let (mut distances, begun) = (Vec::new(), now.distance());
        let mut seen: Vec<Option<Vec<usize>>> = vec![None; self.steps.len()];
        let mut order: Vec<usize> = (0..self.steps.len()).filter(|at| chosen(&self.steps[*at])).collect();
        let mut rng = seed.child("sweeps").rng();
        for _ in 0..most {
            order.shuffle(&mut rng);
            let mut nearer = false;
            for at in &order {
                let state =
                    |now: &Now<'_>| self.touched[*at].iter().map(|param| now.changes[*param]).collect();
                // Where nothing beside has changed, nothing is to be found.
                if seen[*at].as_ref() == Some(&state(now)) {
                    continue;
                }
                nearer |= match self.steps[*at] {
                    Coordinate::Order(root) => self.order(root, &self.asked(None), now, false)?,
                    Coordinate::Matrix(space) => match procrustes::blocks(space, now)? {
                        Some(blocks) => now.turn(space, blocks)?,
                        None => false,
                    },
                    Coordinate::Sign(var) => {
                        let mut signs = vec![false; self.units.spaces.derived.n_vars() as usize];
                        signs[var as usize] = true;
                        let logs = vec![0.0; signs.len()];
                        now.act(&self.units.spaces.element(None, &logs, &signs), false)?
                    }
                };
                seen[*at] = Some(state(now));
            }
            let before = distances.last().copied().unwrap_or(begun);
            distances.push(now.distance());
            if !nearer || before - now.distance() < WORTH * before {
                break;
            }
        }
        Ok(distances)
    }

    /// Chooses the order of an orbit and of all that it carries along; whether the net came nearer.
    fn order(&self, root: u32, asked: &Asked<'_>, now: &mut Now<'_>, always: bool) -> Result<bool> {
        let mut gains = BTreeMap::new();
        asked.gains(root, now, &mut gains);
        let spaces = self.units.spaces;
        let n_vars = spaces.derived.n_vars() as usize;
        let (mut image, mut signs) = (spaces.derived.orbits.standing().to_vec(), vec![false; n_vars]);
        let mut decided = BTreeSet::new();
        for color in self.units.tree(root) {
            let Some(of) = gains.get(&color) else { continue };
            self.place(color, of, &mut image, &mut signs);
            decided.insert(color);
        }
        self.units.complete(&mut image, &decided);
        if !spaces.derived.keeps_groups(&image) {
            return Ok(false);
        }
        now.act(&spaces.element(Some(&image), &vec![0.0; n_vars], &signs), always)
    }

    /// Puts units of an orbit in the places that gain most, once what they stand under has its place.
    fn place(&self, color: u32, of: &Gains, image: &mut [Label], signs: &mut [bool]) {
        let mut chosen: Vec<(Label, Label)> = Vec::new();
        for (places, sources) in self.units.exchanges(color, image) {
            let n = places.len();
            let at = |label: &Label| self.units.place(*label);
            let table: Vec<f64> = places
                .iter()
                .flat_map(|place| sources.iter().map(move |source| of.best[at(place) * of.n + at(source)]))
                .collect();
            let (columns, _) = assign(&table, n);
            chosen.extend(places.iter().zip(columns).map(|(place, column)| (*place, sources[column])));
        }
        for (place, source) in chosen {
            image[place as usize] = source;
            let own = self.signs.of(place);
            let flips = of.flips(own.len(), self.units.place(place), self.units.place(source));
            own.iter().enumerate().for_each(|(bit, var)| signs[*var as usize] = flips >> bit & 1 == 1);
        }
    }
}
