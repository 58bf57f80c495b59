//! Matrices act on nets: each parameter is computed when it is asked for.

use std::{borrow::Cow, collections::BTreeMap};

use sgmn_graph::flow::{
    Flow, Numbers, ValueId,
    product::{Matrix as Product, multiply},
};

use super::{
    Gain, Holder, Matrix, MatrixElement,
    element::{Acting, unlike},
    gains,
};
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

    pub(in crate::flow) fn act_unchecked<'a>(
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

/// Gains of one holder that differ by more than this make matrices through which too many digits are lost.
const MOST_RATIO: f64 = 1e4;

/// The spaces whose matrices can act on this net: those that act through no gain, or through gains that are finite, not
/// 0, and no more than a factor of 10⁴ apart. A gain of 0 hides its unit, and no matrix passes it.
///
/// # Errors
/// [`Error::Flow`](crate::Error::Flow) if a gain cannot be computed.
pub fn passable(flow: &Flow, matrices: Vec<Matrix>, net: &dyn Numbers) -> Result<Vec<Matrix>> {
    let gains = gains::numbers(flow, net, all_gains(&matrices).map(|gain| gain.value))?;
    let passes = |holder: &Holder| {
        let sizes: Vec<f64> = diagonal(holder, &gains).iter().map(|value| value.abs()).collect();
        let (least, most) =
            sizes.iter().fold((f64::INFINITY, 0.0), |(a, b): (f64, f64), x| (a.min(*x), b.max(*x)));
        let finite = sizes.iter().all(|size| size.is_finite() && *size > 0.0);
        holder.gains.is_empty() || (finite && most <= MOST_RATIO * least)
    };
    Ok(matrices.into_iter().filter(|space| space.holders.iter().all(passes)).collect())
}

fn all_gains(matrices: &[Matrix]) -> impl Iterator<Item = &Gain> {
    matrices.iter().flat_map(|space| &space.holders).flat_map(|holder| &holder.gains)
}

/// The numbers of all gains of some spaces.
pub(in crate::flow) fn numbers_of_gains(
    flow: &Flow,
    matrices: &[Matrix],
    net: &dyn Numbers,
) -> Result<BTreeMap<ValueId, Vec<f64>>> {
    let numbers = gains::numbers(flow, net, all_gains(matrices).map(|gain| gain.value))?;
    for gain in all_gains(matrices) {
        let of = &numbers[&gain.value];
        if let Some(place) = gain.places.iter().find(|place| of[**place] == 0.0 || !of[**place].is_finite()) {
            let expected = "a gain that is finite and not 0, for a matrix acts through it";
            return Err(unlike(format!("gain at place {place}"), expected, of[*place]));
        }
    }
    Ok(numbers)
}

/// The diagonal D of a holder.
pub(in crate::flow) fn diagonal(holder: &Holder, gains: &BTreeMap<ValueId, Vec<f64>>) -> Vec<f64> {
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
    /// `D B D⁻¹` of a holder.
    fn acting(&self, space: usize, holder: &Holder) -> Acting<'_> {
        let acting = self.element.blocks()[space][holder.block].on(holder.side);
        if holder.gains.is_empty() {
            return acting;
        }
        let diagonal = diagonal(holder, &self.gains);
        match acting {
            Acting::Thin(thin) => Acting::Thin(Cow::Owned(thin.conjugated(&diagonal))),
            Acting::Whole(matrix) => {
                let mut matrix = matrix.into_owned();
                for (row, by) in matrix.chunks_mut(diagonal.len()).zip(&diagonal) {
                    row.iter_mut().zip(&diagonal).for_each(|(value, other)| *value *= by / other);
                }
                Acting::Whole(Cow::Owned(matrix))
            }
        }
    }

    fn mix(&self, param: usize, shape: &[usize], numbers: &mut [f64]) {
        for (space, holder) in &self.holders[param] {
            mix_axis(numbers, shape, holder.axis, &holder.places, &self.acting(*space, holder));
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

/// Rows, or columns, of a parameter that are multiplied at a time: many enough for a fast product, few enough that what
/// comes out is still in a cache when it is put in its place.
const BLOCK: usize = 256;

/// `new[.., places[i], ..] = Σ matrix[i, j] old[.., places[j], ..]` along an axis.
fn mix_axis(numbers: &mut [f64], shape: &[usize], axis: usize, places: &[usize], matrix: &Acting<'_>) {
    let n = places.len();
    let size = shape[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    if numbers.is_empty() || n == 0 {
        return;
    }
    let step = places.get(1).map_or(1, |second| second.wrapping_sub(places[0]));
    let even = step < size && places.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    if even && inner == 1 {
        // Many rows at once: each is a vector.
        let outer = numbers.len() / size;
        let mut made = vec![0.0; outer.min(BLOCK) * n];
        for rows in numbers.chunks_mut(size * BLOCK) {
            let count = rows.len() / size;
            let old = Product { data: &rows[places[0]..], rows: count, columns: n, down: size, right: step };
            match matrix {
                Acting::Whole(matrix) => multiply(old, Product::dense(matrix, n, n).turned(), &mut made, n),
                Acting::Thin(thin) => thin.of_rows(old, &mut made),
            }
            for (row, made) in rows.chunks_mut(size).zip(made.chunks(n)) {
                match step {
                    1 => put(matrix, row[places[0]..][..n].iter_mut(), made),
                    _ => put(matrix, row[places[0]..].iter_mut().step_by(step), made),
                }
            }
        }
        return;
    }
    let most = inner.min(BLOCK);
    let (mut old, mut made) = (vec![0.0; n * most], vec![0.0; n * most]);
    for part in numbers.chunks_mut(size * inner) {
        for first in (0..inner).step_by(BLOCK) {
            let width = BLOCK.min(inner - first);
            let of = |place: &usize| place * inner + first..place * inner + first + width;
            for (row, place) in old.chunks_mut(width).zip(places) {
                row.copy_from_slice(&part[of(place)]);
            }
            let old = Product::dense(&old[..n * width], n, width);
            match matrix {
                Acting::Whole(matrix) => multiply(Product::dense(matrix, n, n), old, &mut made, width),
                Acting::Thin(thin) => thin.of_columns(old, &mut made),
            }
            for (row, place) in made.chunks(width).zip(places) {
                put(matrix, part[of(place)].iter_mut(), row);
            }
        }
    }
}

/// Puts what a matrix has made of numbers in their place: the new ones, or by how much they change.
fn put<'a>(matrix: &Acting<'_>, numbers: impl Iterator<Item = &'a mut f64>, made: &[f64]) {
    match matrix {
        Acting::Whole(_) => numbers.zip(made).for_each(|(number, new)| *number = *new),
        Acting::Thin(_) => numbers.zip(made).for_each(|(number, change)| *number += change),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_acts_along_any_axis_at_any_places() {
        // Two rows of four numbers; the matrix doubles its first unit and adds the second to it.
        let matrix = [2.0, 1.0, 0.0, 1.0];
        let numbers = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let mixed = |shape: &[usize], axis, places: &[usize]| {
            let mut numbers = numbers;
            mix_axis(&mut numbers, shape, axis, places, &Acting::Whole(Cow::Borrowed(&matrix)));
            numbers
        };
        assert_eq!(mixed(&[2, 4], 0, &[0, 1]), [7.0, 10.0, 13.0, 16.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(mixed(&[2, 4], 1, &[1, 3]), [1.0, 8.0, 3.0, 4.0, 5.0, 20.0, 7.0, 8.0]);
        assert_eq!(mixed(&[2, 4], 1, &[3, 1]), [1.0, 2.0, 3.0, 10.0, 5.0, 6.0, 7.0, 22.0]);
        assert_eq!(mixed(&[2, 2, 2], 1, &[0, 1]), [5.0, 8.0, 3.0, 4.0, 17.0, 20.0, 7.0, 8.0]);
    }
}
