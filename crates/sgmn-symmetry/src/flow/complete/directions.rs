//! The directions in which everything that was derived moves a net.

use std::collections::BTreeSet;

use sgmn_graph::flow::FlowNet;

use super::{
    super::{
        freedoms::freedoms,
        matrices::{Block, Kind, MatrixElement, matrices},
        spaces::derive,
    },
    flat,
};
use crate::Result;

/// Half the way along a direction; what is left of the curve is its square.
const STEP: f64 = 1e-5;

/// A change that is this part of the numbers is what rounding left of scalars that cancel.
const ROUNDING: f64 = 1e-9;

/// For each free scalar, generator of a matrix and additive change the direction in which it moves a net: one number for
/// each number of the parameters, in their order. They need not be independent.
///
/// # Errors
/// As acting with matrices, if a gain is 0.
pub fn directions(net: &FlowNet) -> Result<Vec<Vec<f64>>> {
    let mut all = scalars(net);
    all.extend(generators(net)?);
    let at = flat(net, net);
    for freedom in freedoms(net.flow()) {
        for change in freedom.basis() {
            all.push(half_difference(&flat(net, &freedom.act(net, change)), &at, 0.5));
        }
    }
    let largest = |row: &[f64]| row.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let least = ROUNDING * largest(&at);
    all.retain(|direction| largest(direction) > least);
    Ok(all)
}

/// `(a − b) / 2 step`.
fn half_difference(a: &[f64], b: &[f64], step: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| (a - b) / (2.0 * step)).collect()
}

/// The logarithms of all scalars that may be chosen.
fn scalars(net: &FlowNet) -> Vec<Vec<f64>> {
    let spaces = derive(net.flow());
    let mut free = BTreeSet::new();
    for holding in spaces.holdings_in_order() {
        let scales = holding.motion.groups.iter().flat_map(|group| group.scales.iter().copied());
        for id in scales.chain([holding.motion.scalar]) {
            free.extend(spaces.derived.reduced(id).log.0.iter().map(|(var, _)| *var));
        }
    }
    let n_vars = spaces.derived.n_vars() as usize;
    let signs = vec![false; n_vars];
    let moved = |var: u32, by: f64| {
        let mut logs = vec![0.0; n_vars];
        logs[var as usize] = by;
        flat(net, &spaces.element(None, &logs, &signs).act(net))
    };
    free.into_iter().map(|var| half_difference(&moved(var, STEP), &moved(var, -STEP), STEP)).collect()
}

/// The generators of all matrices.
fn generators(net: &FlowNet) -> Result<Vec<Vec<f64>>> {
    let spaces = matrices(net.flow());
    let mut all = Vec::new();
    for (at, space) in spaces.iter().enumerate() {
        for generator in basis(&space.kind, space.n) {
            for block in 0..space.blocks {
                let moved = |by: f64| -> Result<Vec<f64>> {
                    let mut element = MatrixElement::identity(&spaces);
                    let mut blocks = element.blocks()[at].clone();
                    blocks[block] = Block::near_identity(space.n, &generator, by);
                    element.set(at, blocks);
                    Ok(flat(net, &element.act_unchecked(net.flow(), &spaces, net)?))
                };
                all.push(half_difference(&moved(STEP)?, &moved(-STEP)?, STEP));
            }
        }
    }
    Ok(all)
}

/// Matrices X so that 1 + h X is of a kind, to first order in h, and all such X are sums of them.
fn basis(kind: &Kind, n: usize) -> Vec<Vec<f64>> {
    let of = |entries: &[(usize, usize, f64)]| {
        let mut x = vec![0.0; n * n];
        entries.iter().for_each(|(i, j, by)| x[i * n + j] += by);
        x
    };
    let pairs = |n: usize| (0..n).flat_map(move |j| (0..j).map(move |i| (i, j)));
    let turn = |i: usize, j: usize| of(&[(j, i, 1.0), (i, j, -1.0)]);
    match kind {
        Kind::General => (0..n * n).map(|at| of(&[(at / n, at % n, 1.0)])).collect(),
        Kind::Orthogonal => pairs(n).map(|(i, j)| turn(i, j)).collect(),
        // Turns of e_i − e_last and e_j − e_last.
        Kind::OrthogonalKeepingOnes => {
            let sum = |x: Vec<f64>, y: Vec<f64>| x.iter().zip(y).map(|(x, y)| x + y).collect();
            let last = n.saturating_sub(1);
            pairs(last).map(|(i, j)| sum(sum(turn(i, j), turn(j, last)), turn(last, i))).collect()
        }
        Kind::Pairs(list) => {
            list.iter().flat_map(|(i, j)| [turn(*i, *j), of(&[(*i, *i, 1.0), (*j, *j, 1.0)])]).collect()
        }
        Kind::UnitPairs(list) => list.iter().map(|(i, j)| turn(*i, *j)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_generators_as_dimensions() {
        assert_eq!(basis(&Kind::General, 3).len(), 9);
        assert_eq!(basis(&Kind::Orthogonal, 4).len(), 6);
        let keeping = basis(&Kind::OrthogonalKeepingOnes, 4);
        assert_eq!(keeping.len(), 3);
        assert!(keeping.iter().flat_map(|x| x.chunks(4)).all(|row| row.iter().sum::<f64>() == 0.0));
        assert_eq!(basis(&Kind::Pairs(vec![(0, 2), (1, 3)]), 4).len(), 4);
    }
}
