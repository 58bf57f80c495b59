//! What it gains to put one unit in the place of another, by what both compute on the same inputs.
//!
//! The gain is the sum of the correlations of their activations, over all values of the flow along which the orbit of the
//! units moves alone. Correlations ask neither for positive scalars nor for shifts, so nets are compared as they compute.
//!
//! # Source
//! Li et al. 2015, "Convergent Learning"; for nets that are averaged, Ainsworth et al. 2022, "Git Re-Basin", section 3.1.

use std::collections::{BTreeMap, BTreeSet};

use sgmn_graph::flow::{
    Array, Flow, Numbers, Op, ValueId,
    product::{Matrix as Product, multiply},
    run_each,
};

use super::{
    super::{
        Spaces,
        derive::{Group, Motion, derive_with_values},
    },
    gains::Grid,
    signs::Signs,
    units::Units,
};
use crate::Result;

/// For each orbit its gains by which of the signs of units the values have; orbits that move along no value alone are absent.
pub(super) struct Activations {
    of_color: BTreeMap<u32, BTreeMap<u32, Vec<f64>>>,
}

/// Units of an orbit along the axes of a value.
struct Place {
    value: ValueId,
    color: u32,
    grid: Grid,
    /// Which of the signs of units their activations have; absent if other signs take part, which are not known yet.
    mask: Option<u32>,
    sums: Sums,
}

/// Sums over what units compute: of x in the net that stays, and of y in the net that is moved.
struct Sums {
    n_units: usize,
    n: f64,
    x: Vec<[f64; 2]>,
    y: Vec<[f64; 2]>,
    /// Of products, rows are units of the net that stays.
    xy: Vec<f64>,
}

impl Activations {
    /// Runs both nets on the inputs; both are of the flow of these units, and units stand in both as they stand in the flow.
    pub(super) fn of(
        units: &Units<'_>,
        signs: &Signs,
        stays: &dyn Numbers,
        moves: &dyn Numbers,
        inputs: &[Vec<Array>],
    ) -> Result<Self> {
        let flow = units.spaces.flow();
        let mut places = places(units, signs);
        let wanted: BTreeSet<ValueId> = places.iter().map(|place| place.value).collect();
        for inputs in inputs {
            let mut of_stays: BTreeMap<ValueId, Array> = BTreeMap::new();
            run_each(flow, stays, inputs, &mut |id, array| {
                if wanted.contains(&id) {
                    of_stays.insert(id, array.clone());
                }
            })?;
            run_each(flow, moves, inputs, &mut |id, y| {
                let Some(x) = of_stays.remove(&id) else { return };
                for place in places.iter_mut().filter(|place| place.value == id) {
                    place.sums.see(&place.grid, x.data(), y.data());
                }
            })?;
        }
        let mut of_color: BTreeMap<u32, BTreeMap<u32, Vec<f64>>> = BTreeMap::new();
        for Place { color, mask, sums, .. } in &places {
            let n = sums.n_units;
            let zero = || vec![0.0; n * n];
            let of_color = of_color.entry(*color).or_insert_with(|| BTreeMap::from([(0, zero())]));
            let of_mask = of_color.entry(mask.unwrap_or(0)).or_insert_with(zero);
            for (gain, correlation) in of_mask.iter_mut().zip(sums.correlations()) {
                *gain += if mask.is_some() { correlation } else { correlation.abs() };
            }
        }
        Ok(Self { of_color })
    }

    /// Whether activations of an orbit were seen.
    pub(super) fn has(&self, color: u32) -> bool {
        self.of_color.contains_key(&color)
    }

    /// The gains of an orbit by the signs of its units. Those of its numbers count next to nothing: they decide between units
    /// that the inputs do not tell apart, as those that are never active.
    pub(super) fn with_ties_decided(
        &self,
        color: u32,
        mut of_numbers: BTreeMap<u32, Vec<f64>>,
    ) -> BTreeMap<u32, Vec<f64>> {
        let largest = of_numbers.values().flatten().fold(0.0_f64, |most, gain| most.max(gain.abs()));
        let by = if largest > 0.0 { DECIDES_TIES / largest } else { 0.0 };
        of_numbers.values_mut().flatten().for_each(|gain| *gain *= by);
        for (mask, seen) in self.of_color.get(&color).into_iter().flatten() {
            let sum = of_numbers.entry(*mask).or_insert_with(|| vec![0.0; seen.len()]);
            sum.iter_mut().zip(seen).for_each(|(sum, gain)| *sum += gain);
        }
        of_numbers
    }
}

/// What the largest gain of numbers counts beside a correlation of 1; correlations are known to some 1e-12.
const DECIDES_TIES: f64 = 1e-6;

/// Where activations are looked at: values that steps compute, along which one orbit moves and nothing else.
fn places(units: &Units<'_>, signs: &Signs) -> Vec<Place> {
    let flow = units.spaces.flow();
    let (derived, motions) = derive_with_values(flow);
    // The same walk over the same flow gives units the same names, and keeps the scalars of values too.
    let spaces = Spaces { flow: flow.clone(), derived };
    let depends = depends(flow);
    let mut places = Vec::new();
    for step in flow.steps().iter().filter(|step| depends[step.to.index()] && computes(&step.op)) {
        let Some(motion) = &motions[step.to.index()] else { continue };
        let moves = |group: &&Group| group.labels.iter().any(|label| units.moves(*label));
        let mut moving = motion.groups.iter().filter(moves);
        let (Some(group), None) = (moving.next(), moving.next()) else { continue };
        let colors: BTreeSet<u32> = group.labels.iter().map(|label| units.color(*label)).collect();
        let open = |color: &u32| units.of_color.contains_key(color) && !units.by_matrix.contains(color);
        for color in colors.into_iter().filter(open) {
            let Some(at) = units.stands(color, group) else { continue };
            let n_units = at.len();
            let mask = mask(&spaces, signs, &units.of_color[&color], motion, group, &at);
            let grid = Grid { shape: flow.shape(step.to).to_vec(), axes: group.axes.clone(), at };
            places.push(Place { value: step.to, color, grid, mask, sums: Sums::new(n_units) });
        }
    }
    places
}

/// Which values depend on inputs.
fn depends(flow: &Flow) -> Vec<bool> {
    let mut depends = vec![false; flow.values().len()];
    flow.inputs().iter().for_each(|input| depends[input.value.index()] = true);
    for step in flow.steps() {
        depends[step.to.index()] = step.from.iter().any(|id| depends[id.index()]);
    }
    depends
}

/// Whether a step makes new numbers, and does not only arrange them.
fn computes(op: &Op) -> bool {
    matches!(
        op,
        Op::Combine(_)
            | Op::Contract(_)
            | Op::Convolve(_)
            | Op::Normalize(_)
            | Op::Pointwise(_)
            | Op::Softmax(_)
    )
}

/// The signs of their units that all numbers of a group have; absent if they are not alike, or others take part.
fn mask(
    spaces: &Spaces,
    signs: &Signs,
    units: &[u32],
    motion: &Motion,
    group: &Group,
    at: &[Vec<usize>],
) -> Option<u32> {
    let sign = |id| spaces.derived.reduced(id).sign.0;
    if !sign(motion.scalar).is_empty() {
        return None;
    }
    let mut found: Option<u32> = None;
    for (unit, indices) in units.iter().zip(at) {
        for index in indices {
            let id = group.scales[*index];
            let own = signs.mask(spaces, *unit, id);
            let is_own = own.count_ones() as usize == sign(id).len();
            if !is_own || found.is_some_and(|found| found != own) {
                return None;
            }
            found = Some(own);
        }
    }
    found
}

/// Activations that vary by less than this part of their size are rounding, and correlate with nothing.
const VARIES: f64 = 1e-12;

impl Sums {
    fn new(n_units: usize) -> Self {
        let zero = vec![[0.0; 2]; n_units];
        Self { n_units, n: 0.0, x: zero.clone(), y: zero, xy: vec![0.0; n_units * n_units] }
    }

    fn see(&mut self, grid: &Grid, x: &[f64], y: &[f64]) {
        let n = self.n_units;
        let mut product = vec![0.0; n * n];
        let Self { n: seen, x: of_x, y: of_y, xy, .. } = self;
        grid.parts(0..grid.at[0].len(), |part| {
            let (x, y) = (part.gathered(x), part.gathered(y));
            let width = part.width();
            for (numbers, sums) in [(&x, &mut *of_x), (&y, &mut *of_y)] {
                for (row, [sum, squares]) in numbers.chunks(width).zip(sums) {
                    *sum += row.iter().sum::<f64>();
                    *squares += row.iter().map(|x| x * x).sum::<f64>();
                }
            }
            let (x, y) = (Product::dense(&x, n, width), Product::dense(&y, n, width));
            multiply(x, y.turned(), &mut product, n);
            xy.iter_mut().zip(&product).for_each(|(sum, product)| *sum += product);
            *seen += width as f64;
        });
    }

    /// For each unit of the net that stays and each of the other one, row-major.
    fn correlations(&self) -> impl Iterator<Item = f64> {
        let n = self.n;
        let inverse = move |[sum, squares]: [f64; 2]| {
            let variance = squares - sum * sum / n;
            if variance > VARIES * squares { variance.sqrt().recip() } else { 0.0 }
        };
        self.xy.iter().enumerate().map(move |(at, xy)| {
            let (x, y) = (self.x[at / self.n_units], self.y[at % self.n_units]);
            (xy - x[0] * y[0] / n) * inverse(x) * inverse(y)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_correlate_whatever_their_scalars_and_shifts() {
        let grid = Grid { shape: vec![5, 3], axes: vec![1], at: vec![vec![0], vec![1], vec![2]] };
        let x: Vec<f64> = (0..15).map(|i| f64::from(i * i % 11)).collect();
        let order = [2, 0, 1];
        let y: Vec<f64> = x.chunks(3).flat_map(|row| order.map(|unit| 7.0 - 2.0 * row[unit])).collect();
        let mut sums = Sums::new(3);
        x.chunks(3).zip(y.chunks(3)).for_each(|(x, y)| {
            let row = Grid { shape: vec![1, 3], ..grid.clone() };
            sums.see(&row, x, y);
        });
        let parted: Vec<f64> = sums.correlations().collect();
        let mut sums = Sums::new(3);
        sums.see(&grid, &x, &y);
        for (at, (found, parted)) in sums.correlations().zip(&parted).enumerate() {
            assert!((found - parted).abs() < 1e-9);
            assert_eq!((found + 1.0).abs() < 1e-9, order[at % 3] == at / 3, "{at}: {found}");
        }
    }

    #[test]
    fn what_never_changes_correlates_with_nothing() {
        let mut sums = Sums::new(1);
        sums.see(
            &Grid { shape: vec![4, 1], axes: vec![1], at: vec![vec![0]] },
            &[3.0; 4],
            &[1.0, 2.0, 3.0, 4.0],
        );
        assert_eq!(sums.correlations().collect::<Vec<f64>>(), [0.0]);
    }
}
