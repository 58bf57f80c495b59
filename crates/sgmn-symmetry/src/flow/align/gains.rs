//! What it gains to put one unit in the place of another: sums of products of all numbers beside them.

use std::collections::{BTreeMap, BTreeSet};

use sgmn_graph::flow::product::{Matrix as Product, multiply};

use super::{
    activations::Activations,
    assign::assign,
    heads::Heads,
    now::Now,
    signs::{Signs, best},
    units::{Site, Units},
};
use crate::flow::derive::Label;

/// Gains between all units of an orbit: rows are places, columns are units that may come there.
pub(super) struct Gains {
    pub(super) n: usize,
    /// With the best signs, and with all that units carry along at its best.
    pub(super) best: Vec<f64>,
    /// The products of numbers by which of its unit's signs they have.
    by_signs: BTreeMap<u32, Vec<f64>>,
}

/// Above so many units an orbit that others carry along is not asked for its gains: it goes along.
const MOST_CARRIED: usize = 8192;
/// So many numbers are gathered at a time.
const GATHERED: usize = 1 << 22;

/// What gains are computed from.
pub(super) struct Asked<'a> {
    pub(super) units: &'a Units<'a>,
    pub(super) signs: &'a Signs,
    pub(super) heads: &'a Heads,
    /// If given, only numbers count beside which all is decided: these orbits, and what does not move.
    pub(super) decided: Option<&'a BTreeSet<u32>>,
    /// If given, what units compute counts, and numbers only where that ties.
    pub(super) activations: Option<&'a Activations>,
}

impl Asked<'_> {
    /// Whether the numbers at a site count.
    fn counts(&self, site: &Site<'_>) -> bool {
        let others = site.holding.motion.groups.iter().enumerate().filter(|(at, _)| *at != site.which);
        self.decided.is_none_or(|decided| {
            others.into_iter().all(|(_, group)| {
                let stands =
                    |color: u32| !self.units.of_color.contains_key(&color) || decided.contains(&color);
                group.labels.iter().all(|label| stands(self.units.color(*label)))
            })
        })
    }

    /// How many numbers a unit of an orbit stands beside that count.
    pub(super) fn n_numbers(&self, root: u32) -> usize {
        let of_color = |color: u32| {
            let of_site = |site: &Site<'_>| {
                let n: usize = site.holding.shape.iter().product();
                if self.counts(site) { n / site.holding.motion.groups[site.which].len().max(1) } else { 0 }
            };
            self.units.sites(color).iter().map(of_site).sum::<usize>()
        };
        self.units.tree(root).into_iter().map(of_color).sum()
    }

    /// The parameters in which the units of an orbit and all that they carry stand.
    pub(super) fn params(&self, root: u32) -> BTreeSet<usize> {
        let tree = self.units.tree(root).into_iter();
        tree.flat_map(|color| self.units.sites(color)).map(|site| site.holding.param).collect()
    }

    /// Gains of an orbit, and of all orbits that it carries along, which are put into `all`.
    pub(super) fn gains(&self, color: u32, now: &Now<'_>, all: &mut BTreeMap<u32, Gains>) {
        let units = &self.units.of_color[&color];
        let n = units.len();
        let by_signs = match self.activations {
            Some(seen) => seen.with_ties_decided(color, self.direct(color, now)),
            None => self.direct(color, now),
        };
        let n_signs = self.signs.of(units[0]).len();
        let mut best_of = vec![0.0; n * n];
        for (at, sum) in best_of.iter_mut().enumerate() {
            *sum = best(n_signs, by_signs.iter().map(|(mask, gains)| (*mask, gains[at]))).1;
        }
        if self.activations.is_none() {
            self.heads.add(color, self.units, now, self.decided, &mut best_of);
        }
        for below in self.units.below.get(&color).into_iter().flatten() {
            let asked =
                !self.units.by_matrix.contains(below) && self.units.of_color[below].len() <= MOST_CARRIED;
            if !asked || all.contains_key(below) {
                continue;
            }
            self.gains(*below, now, all);
            let of = &all[below];
            let carried: Vec<Vec<Label>> =
                units.iter().map(|unit| self.units.carried(*below, *unit)).collect();
            let siblings = carried[0].len() > 1 && self.units.are_siblings(&carried[0]);
            for (i, places) in carried.iter().enumerate() {
                for (j, sources) in carried.iter().enumerate().filter(|(_, s)| s.len() == places.len()) {
                    best_of[i * n + j] += self.carried_gain(of, places, sources, siblings);
                }
            }
        }
        all.insert(color, Gains { n, best: best_of, by_signs });
    }

    /// What is gained among units that are carried along: siblings at their best, others in their order.
    fn carried_gain(&self, of: &Gains, places: &[Label], sources: &[Label], siblings: bool) -> f64 {
        let gain = |place: &Label, source: &Label| {
            of.best[self.units.place(*place) * of.n + self.units.place(*source)]
        };
        if !siblings {
            return places.iter().zip(sources).map(|(place, source)| gain(place, source)).sum();
        }
        let table: Vec<f64> =
            places.iter().flat_map(|place| sources.iter().map(move |source| gain(place, source))).collect();
        assign(&table, places.len()).1
    }

    /// Products of the numbers at units, by the signs that they have.
    fn direct(&self, color: u32, now: &Now<'_>) -> BTreeMap<u32, Vec<f64>> {
        let units = &self.units.of_color[&color];
        let n = units.len();
        let mut by_signs: BTreeMap<u32, Vec<f64>> = BTreeMap::from([(0, vec![0.0; n * n])]);
        for site in self.units.sites(color) {
            let weight = now.fixed.weights[site.holding.param];
            if !self.counts(site) || weight == 0.0 {
                continue;
            }
            let group = &site.holding.motion.groups[site.which];
            let scales = &group.scales;
            let n_turns = site.at[0].len();
            let mut turns: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            for turn in 0..n_turns {
                let mask = |unit: usize| {
                    self.signs.mask(self.units.spaces, units[unit], scales[site.at[unit][turn]])
                };
                let first = mask(0);
                // Signs that are not alike for all units are chosen one by one, later.
                let alike = first == 0 || (1..n).all(|unit| mask(unit) == first);
                turns.entry(if alike { first } else { 0 }).or_default().push(turn);
            }
            let param = site.holding.param;
            let (stays, moved) = (now.fixed.stays(param), now.moved(param));
            let (shape, axes) = (site.holding.shape.clone(), group.axes.clone());
            let grid = Grid { shape, axes, at: site.at.clone() };
            for (mask, turns) in turns {
                let sum = by_signs.entry(mask).or_insert_with(|| vec![0.0; n * n]);
                products(&grid, &turns, (&stays, &moved), weight, sum);
            }
        }
        by_signs
    }
}

impl Gains {
    /// The signs to flip where this unit comes to this place, one bit for each.
    pub(super) fn flips(&self, n_signs: usize, place: usize, source: usize) -> u32 {
        let at = place * self.n + source;
        best(n_signs, self.by_signs.iter().map(|(mask, gains)| (*mask, gains[at]))).0
    }
}

/// Units along some axes of an array.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) shape: Vec<usize>,
    pub(super) axes: Vec<usize>,
    /// For each unit its indices along the axes; those of two units correspond in their order.
    pub(super) at: Vec<Vec<usize>>,
}

/// Some of the numbers that stand at one turn of each unit.
pub(super) struct Part<'a> {
    /// Where the first number of each unit stands.
    starts: &'a [usize],
    /// Where others stand behind it.
    behind: &'a [usize],
}

impl Part<'_> {
    /// Numbers of each unit.
    pub(super) fn width(&self) -> usize {
        self.behind.len()
    }

    /// If the numbers of each unit stand side by side, and units at one distance: the first, and the distance.
    fn regular(&self) -> Option<(usize, usize)> {
        let &[first, second, ..] = self.starts else { return None };
        let down = second.checked_sub(first).filter(|down| *down >= self.width())?;
        let side_by_side = self.behind.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let even = self.starts.windows(2).all(|pair| pair[1] == pair[0] + down);
        (side_by_side && even).then(|| (first + self.behind[0], down))
    }

    /// The numbers of an array, a row a unit.
    pub(super) fn gathered(&self, numbers: &[f64]) -> Vec<f64> {
        let row = |first: &usize| {
            let first = *first;
            self.behind.iter().map(move |step| numbers[first + step])
        };
        self.starts.iter().flat_map(row).collect()
    }
}

impl Grid {
    /// Shows the numbers at these turns, not too many at a time.
    pub(super) fn parts(&self, turns: impl Iterator<Item = usize>, mut see: impl FnMut(Part<'_>)) {
        let shape = &self.shape;
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        let start = |mut index: usize| {
            let mut start = 0;
            for axis in self.axes.iter().rev() {
                start += index % shape[*axis] * strides[*axis];
                index /= shape[*axis];
            }
            start
        };
        // Where the numbers of one index stand behind the first of them.
        let mut behind = vec![0];
        for axis in (0..shape.len()).filter(|axis| !self.axes.contains(axis)) {
            let stride = strides[axis];
            let steps = |first: usize| (0..shape[axis]).map(move |at| first + at * stride);
            behind = behind.into_iter().flat_map(steps).collect();
        }
        let width = (GATHERED / self.at.len()).max(1);
        for turn in turns {
            let starts: Vec<usize> = self.at.iter().map(|of_unit| start(of_unit[turn])).collect();
            behind.chunks(width).for_each(|behind| see(Part { starts: &starts, behind }));
        }
    }
}

/// Adds to `sum` the weighed products of the numbers of each unit of one net with those of each unit of the other.
fn products(grid: &Grid, turns: &[usize], (stays, moved): (&[f64], &[f64]), weight: f64, sum: &mut [f64]) {
    let n = grid.at.len();
    let mut product = vec![0.0; n * n];
    grid.parts(turns.iter().copied(), |part| {
        let width = part.width();
        if let Some((first, down)) = part.regular() {
            let rows = |numbers| Product { data: numbers, rows: n, columns: width, down, right: 1 };
            multiply(rows(&stays[first..]), rows(&moved[first..]).turned(), &mut product, n);
        } else {
            let (x, y) = (part.gathered(stays), part.gathered(moved));
            let (x, y) = (Product::dense(&x, n, width), Product::dense(&y, n, width));
            multiply(x, y.turned(), &mut product, n);
        }
        sum.iter_mut().zip(&product).for_each(|(sum, product)| *sum += weight * product);
    });
}
