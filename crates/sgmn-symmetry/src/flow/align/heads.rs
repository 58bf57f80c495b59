//! Blocks that matrices mix inside, as heads of attention: what it gains to put one in the place of another, with the best
//! matrix for it.

use std::collections::{BTreeMap, BTreeSet};

use sgmn_graph::flow::product::{Matrix as Product, multiply};

use super::{
    super::{
        derive::Label,
        matrices::{Matrix, unfolded},
    },
    now::Now,
    procrustes,
    units::Units,
};

/// For each orbit the spaces of matrices whose blocks are its units.
pub(super) struct Heads {
    of_color: BTreeMap<u32, Vec<Blocks>>,
}

/// The blocks of a space, as units.
struct Blocks {
    space: usize,
    /// For each unit of the orbit its block.
    of_unit: Vec<usize>,
}

impl Heads {
    pub(super) fn new(units: &Units<'_>, matrices: &[Matrix]) -> Self {
        let mut of_color: BTreeMap<u32, Vec<Blocks>> = BTreeMap::new();
        for (space, matrix) in matrices.iter().enumerate().filter(|(_, matrix)| matrix.blocks > 1) {
            let heads: Option<Vec<Label>> =
                (0..matrix.blocks).map(|block| head(units, matrix, block)).collect();
            let Some(heads) = heads else { continue };
            let color = units.color(heads[0]);
            let mut of_unit = vec![usize::MAX; units.of_color[&color].len()];
            let own = heads.iter().enumerate().filter(|(_, head)| units.color(**head) == color);
            own.for_each(|(block, head)| of_unit[units.place(*head)] = block);
            if of_unit.iter().all(|block| *block != usize::MAX) && of_unit.len() == heads.len() {
                of_color.entry(color).or_default().push(Blocks { space, of_unit });
            }
        }
        Self { of_color }
    }

    /// Adds what blocks gain to what their units do.
    pub(super) fn add(
        &self,
        color: u32,
        units: &Units<'_>,
        now: &Now<'_>,
        decided: Option<&BTreeSet<u32>>,
        gains: &mut [f64],
    ) {
        for Blocks { space, of_unit } in self.of_color.get(&color).into_iter().flatten() {
            let matrix = &now.fixed.matrices[*space];
            let n = of_unit.len();
            for (at, sum) in pairs(matrix, units, now, decided).into_iter().enumerate() {
                // Blocks become units.
                let [place, source] = [at / n, at % n]
                    .map(|block| of_unit.iter().position(|of| *of == block).expect("each block is a unit"));
                gains[place * n + source] += procrustes::gain(&sum, matrix);
            }
        }
    }
}

/// The unit that carries all units of a block along.
fn head(units: &Units<'_>, matrix: &Matrix, block: usize) -> Option<Label> {
    let orbits = &units.spaces.derived.orbits;
    for holder in matrix.of_block(block) {
        let Some(holding) = units.spaces.holdings_in_order().into_iter().find(|of| of.param == holder.param)
        else {
            continue;
        };
        let Some(group) = holding.motion.groups.iter().find(|group| group.axes == [holder.axis]) else {
            continue;
        };
        let mut open: BTreeSet<Label> =
            holder.places.iter().map(|at| orbits.find(group.labels[*at])).collect();
        // Steps up until all have met; a tree is not deeper than it has units.
        for _ in 0..units.of_color.len() {
            open = open.into_iter().map(|label| units.owner.get(&label).copied()).collect::<Option<_>>()?;
            if open.len() == 1 {
                return open.pop_first();
            }
        }
    }
    None
}

/// For each block of the net that stays and each of the other one, row-major, `Σ w A Bᵀ` over all that holds them.
fn pairs(
    matrix: &Matrix,
    units: &Units<'_>,
    now: &Now<'_>,
    decided: Option<&BTreeSet<u32>>,
) -> Vec<Vec<f64>> {
    let Matrix { n, blocks, .. } = *matrix;
    let of: Vec<Vec<_>> = (0..blocks).map(|block| matrix.of_block(block).collect()).collect();
    let alike = |turn: usize| {
        let first = of[0][turn];
        of.iter().all(|of| {
            of.get(turn).is_some_and(|h| (h.param, h.axis, h.side) == (first.param, first.axis, first.side))
        })
    };
    let mut sums = vec![vec![0.0; n * n]; blocks * blocks];
    let mut product = vec![0.0; blocks * n * blocks * n];
    for turn in (0..of[0].len()).filter(|turn| alike(*turn)) {
        let holder = of[0][turn];
        let weight = now.fixed.weights[holder.param];
        let beside_is_decided = decided.is_none_or(|decided| {
            let holding =
                units.spaces.holdings_in_order().into_iter().find(|holding| holding.param == holder.param);
            let groups = holding.into_iter().flat_map(|holding| &holding.motion.groups);
            let stands = |color: u32| !units.of_color.contains_key(&color) || decided.contains(&color);
            groups
                .filter(|group| group.axes != [holder.axis])
                .all(|group| group.labels.iter().all(|label| stands(units.color(*label))))
        });
        if !beside_is_decided || weight == 0.0 {
            continue;
        }
        let shape = now.fixed.flow.param_shape(holder.param);
        let rows = |numbers: &[f64]| -> Vec<f64> {
            of.iter().flat_map(|of| unfolded(numbers, shape, of[turn])).collect()
        };
        let (x, y) = (rows(&now.fixed.stays(holder.param)), rows(&now.moved(holder.param)));
        let (height, width) = (blocks * n, x.len() / (blocks * n));
        let (x, y) = (Product::dense(&x, height, width), Product::dense(&y, height, width));
        multiply(x, y.turned(), &mut product, height);
        for (at, sum) in sums.iter_mut().enumerate() {
            let (place, source) = (at / blocks * n, at % blocks * n);
            for (i, row) in sum.chunks_mut(n).enumerate() {
                let from = &product[(place + i) * height + source..][..n];
                row.iter_mut().zip(from).for_each(|(sum, product)| *sum += weight * product);
            }
        }
    }
    sums
}
