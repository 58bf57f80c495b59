//! Matrices act on nets: each parameter is computed when it is asked for.

use std::{borrow::Cow, collections::BTreeMap};

use sgmn_graph::flow::{
    Flow, Numbers, ValueId,
    product::{Matrix as Product, multiply},
};

use super::{Holder, Matrix, MatrixElement, element::unlike, gains};
use crate::Result;

/// A net whose units are mixed by matrices.
pub struct Mixed<'a> {
    net: &'a dyn Numbers,
    flow: &'a Flow,
    element: &'a MatrixElement,
    /// For each parameter what acts on it, with the number of its space, by axis.
    holders: Vec<Vec<(usize, &'a Holder)>>,
    gains: BTreeMap<ValueId, Vec<f64>>,
}

impl MatrixElement {
    /// The net after this element, which belongs to these spaces of this flow.
    ///
    /// # Errors
    /// [`Error::Unlike`](crate::Error::Unlike) if the element does not fit the spaces, or if a gain through which a
    /// matrix acts is 0 or not finite; [`Error::Flow`](crate::Error::Flow) if a gain cannot be computed.
    pub fn act<'a>(
        &'a self,
        flow: &'a Flow,
        matrices: &'a [Matrix],
        net: &'a dyn Numbers,
    ) -> Result<Mixed<'a>> {
        self.check_fits(matrices)?;
        self.act_unchecked(flow, matrices, net)
    }

    pub(super) fn act_unchecked<'a>(
        &'a self,
        flow: &'a Flow,
        matrices: &'a [Matrix],
        net: &'a dyn Numbers,
    ) -> Result<Mixed<'a>> {
        let mut holders = vec![Vec::new(); flow.params().len()];
        for (space, matrix) in matrices.iter().enumerate() {
            for holder in &matrix.holders {
                holders[holder.param].push((space, holder));
            }
        }
        let gains = numbers_of_gains(flow, matrices, net)?;
        Ok(Mixed { net, flow, element: self, holders, gains })
    }
}

/// The numbers of all gains of some spaces.
pub(super) fn numbers_of_gains(
    flow: &Flow,
    matrices: &[Matrix],
    net: &dyn Numbers,
) -> Result<BTreeMap<ValueId, Vec<f64>>> {
    let all = || matrices.iter().flat_map(|space| &space.holders).flat_map(|holder| &holder.gains);
    let numbers = gains::numbers(flow, net, all().map(|gain| gain.value))?;
    for gain in all() {
        let of = &numbers[&gain.value];
        if let Some(place) = gain.places.iter().find(|place| of[**place] == 0.0 || !of[**place].is_finite()) {
            let expected = "a gain that is finite and not 0, for a matrix acts through it";
            return Err(unlike(format!("gain at place {place}"), expected, of[*place]));
        }
    }
    Ok(numbers)
}

/// The diagonal D of a holder.
pub(super) fn diagonal(holder: &Holder, gains: &BTreeMap<ValueId, Vec<f64>>) -> Vec<f64> {
    let mut diagonal = vec![1.0; holder.places.len()];
    for gain in &holder.gains {
        let numbers = &gains[&gain.value];
        for (value, place) in diagonal.iter_mut().zip(&gain.places) {
            *value *= numbers[*place].powi(gain.power);
        }
    }
    diagonal
}

impl Mixed<'_> {
    /// `D B D⁻¹` of a holder, n rows of n numbers.
    fn matrix(&self, space: usize, holder: &Holder) -> Vec<f64> {
        let mut matrix = self.element.blocks()[space][holder.block].on(holder.side);
        if !holder.gains.is_empty() {
            let diagonal = diagonal(holder, &self.gains);
            for (row, by) in matrix.chunks_mut(diagonal.len()).zip(&diagonal) {
                row.iter_mut().zip(&diagonal).for_each(|(value, other)| *value *= by / other);
            }
        }
        matrix
    }

    fn mix(&self, param: usize, shape: &[usize], numbers: &mut [f64]) {
        for (space, holder) in &self.holders[param] {
            let matrix = self.matrix(*space, holder);
            mix_axis(numbers, shape, holder.axis, &holder.places, &matrix);
        }
    }
}

impl Numbers for Mixed<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        let numbers = self.net.numbers(param);
        if self.holders[param].is_empty() {
            return numbers;
        }
        let mut numbers = numbers.into_owned();
        self.mix(param, self.flow.param_shape(param), &mut numbers);
        Cow::Owned(numbers)
    }

    fn rows(&self, param: usize, places: &[usize], len: usize) -> Vec<f64> {
        if self.holders[param].iter().any(|(_, holder)| holder.axis == 0) {
            let numbers = self.numbers(param);
            return places
                .iter()
                .flat_map(|place| &numbers[place * len..(place + 1) * len])
                .copied()
                .collect();
        }
        let mut rows = self.net.rows(param, places, len);
        let mut shape = self.flow.param_shape(param).to_vec();
        if let Some(first) = shape.first_mut() {
            *first = places.len();
        }
        self.mix(param, &shape, &mut rows);
        rows
    }
}

/// `new[.., places[i], ..] = Σ matrix[i, j] old[.., places[j], ..]` along an axis.
fn mix_axis(numbers: &mut [f64], shape: &[usize], axis: usize, places: &[usize], matrix: &[f64]) {
    let n = places.len();
    let size = shape[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    if numbers.is_empty() || n == 0 {
        return;
    }
    let step = places.get(1).map_or(1, |second| second.wrapping_sub(places[0]));
    let even = step < size && places.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    let matrix = Product::dense(matrix, n, n);
    if even && inner == 1 {
        // All rows at once: each is a vector.
        let outer = numbers.len() / size;
        let mut mixed = vec![0.0; outer * n];
        let old = Product { data: &numbers[places[0]..], rows: outer, columns: n, down: size, right: step };
        multiply(old, matrix.turned(), &mut mixed, n);
        for (row, mixed) in numbers.chunks_mut(size).zip(mixed.chunks(n)) {
            places.iter().zip(mixed).for_each(|(place, value)| row[*place] = *value);
        }
        return;
    }
    let mut old = vec![0.0; n * inner];
    let mut mixed = vec![0.0; n * inner];
    for part in numbers.chunks_mut(size * inner) {
        for (row, place) in old.chunks_mut(inner).zip(places) {
            row.copy_from_slice(&part[place * inner..][..inner]);
        }
        multiply(matrix, Product::dense(&old, n, inner), &mut mixed, inner);
        for (row, place) in mixed.chunks(inner).zip(places) {
            part[place * inner..][..inner].copy_from_slice(row);
        }
    }
}
