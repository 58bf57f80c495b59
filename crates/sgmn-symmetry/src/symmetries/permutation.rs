//! Hidden units of one layer may be reordered: the net sums over them.

use rand::seq::SliceRandom;
use sgmn_graph::Seed;

use super::{Rule, Stage};
use crate::{LayerElement, Ranges, Repairs, Result, sites::Units, tolerance};

pub(super) struct Permutation;

impl Rule for Permutation {
    fn stage(&self) -> Stage {
        Stage::Order
    }

    fn sample(&self, seed: Seed, n_units: usize, _ranges: &Ranges) -> Result<LayerElement> {
        let mut order: Vec<usize> = (0..n_units).collect();
        order.shuffle(&mut seed.rng());
        LayerElement::reorder(order)
    }

    /// Units ascend by bias, then by their incoming weights one after the other: the layer before is in order already.
    ///
    /// Numbers that differ by rounding only count as equal, and the next number decides. Units equal in all numbers
    /// keep the order in which they are found; they are counted.
    fn canonical(&self, units: &Units<'_>, repairs: &mut Repairs) -> Result<LayerElement> {
        let mut order: Vec<usize> = (0..units.len()).collect();
        repairs.tied_units += sort(&mut order, units, 0);
        LayerElement::reorder(order)
    }
}

/// Sorts by the keys from `key` on, and returns how many units are equal to a neighbor in all of them.
fn sort(order: &mut [usize], units: &Units<'_>, key: usize) -> usize {
    if order.len() < 2 {
        return 0;
    }
    if key > units.row(0).len() {
        return order.len();
    }
    let value = |i: usize| if key == 0 { units.bias(i) } else { units.row(i)[key - 1] };
    order.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
    let largest = order.iter().fold(units.resolution(key == 0), |largest, i| largest.max(value(*i).abs()));
    // Clusters are cut where there is a gap, so rounding cannot reorder what it cannot tell apart.
    let clusters = order.chunk_by_mut(|a, b| value(*b) - value(*a) <= tolerance::TIE * largest);
    clusters.map(|cluster| sort(cluster, units, key + 1)).sum()
}
