//! Parameters reordered and multiplied along some of their axes, whatever a group would say.

use std::borrow::Cow;

use sgmn_graph::flow::Numbers;

/// What is done along some axes of a parameter: new index `i` holds old index `from[i]`, times `scales[i]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edit {
    pub(super) param: usize,
    /// The shape that the axes speak of; it has as many numbers as the parameter.
    pub(super) shape: Vec<usize>,
    pub(super) axes: Vec<usize>,
    pub(super) from: Vec<u32>,
    pub(super) scales: Vec<f64>,
}

/// A net with edits done.
pub(super) struct Edited<'a> {
    net: &'a dyn Numbers,
    edits: Vec<Edit>,
}

impl<'a> Edited<'a> {
    pub(super) fn new(net: &'a dyn Numbers, edits: Vec<Edit>) -> Self {
        Self { net, edits }
    }
}

impl Numbers for Edited<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        let own = self.edits.iter().filter(|edit| edit.param == param);
        own.fold(self.net.numbers(param), |old, edit| Cow::Owned(edit.act(&old)))
    }
}

impl Edit {
    /// Nothing is done yet along these axes.
    pub(super) fn none(param: usize, shape: &[usize], axes: &[usize]) -> Self {
        let n: usize = axes.iter().map(|axis| shape[*axis]).product();
        Self {
            param,
            shape: shape.to_vec(),
            axes: axes.to_vec(),
            from: (0..n as u32).collect(),
            scales: vec![1.0; n],
        }
    }

    /// Whether nothing is done.
    pub(super) fn is_none(&self) -> bool {
        self.scales.iter().all(|scale| *scale == 1.0)
            && self.from.iter().enumerate().all(|(new, old)| new == *old as usize)
    }

    fn act(&self, old: &[f64]) -> Vec<f64> {
        let strides = strides(&self.shape);
        // Where the numbers of an index along the axes begin.
        let offset = |mut index: usize| {
            let mut offset = 0;
            for axis in self.axes.iter().rev() {
                offset += index % self.shape[*axis] * strides[*axis];
                index /= self.shape[*axis];
            }
            offset
        };
        let offsets: Vec<usize> = (0..self.from.len()).map(offset).collect();
        let along = |number: usize| {
            self.axes
                .iter()
                .fold(0, |at, axis| at * self.shape[*axis] + number / strides[*axis] % self.shape[*axis])
        };
        (0..old.len())
            .map(|number| {
                let at = along(number);
                old[number - offsets[at] + offsets[self.from[at] as usize]] * self.scales[at]
            })
            .collect()
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_pairs_of_axes_are_moved_and_multiplied() {
        let old: Vec<f64> = (1..=6).map(f64::from).collect();
        let mut edit = Edit::none(0, &[2, 3], &[1]);
        assert!(edit.is_none());
        edit.from = vec![1, 0, 2];
        edit.scales = vec![1.0, 1.0, -1.0];
        assert_eq!(edit.act(&old), [2.0, 1.0, -3.0, 5.0, 4.0, -6.0]);
        let mut both = Edit::none(0, &[2, 3], &[0, 1]);
        both.from = vec![5, 1, 2, 3, 4, 0];
        assert_eq!(both.act(&old), [6.0, 2.0, 3.0, 4.0, 5.0, 1.0]);
    }
}
