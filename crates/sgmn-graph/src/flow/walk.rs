//! Goes through several arrays at once in one order, run by run along the innermost axis.

/// A common shape and, for each of N arrays, by how many numbers a step along each axis moves in it.
///
/// Axes of size 1 are left out and neighbours that every array holds without gaps are joined, so runs are long.
pub(crate) struct Walk<const N: usize> {
    sizes: Vec<usize>,
    steps: Vec<[usize; N]>,
}

impl<const N: usize> Walk<N> {
    /// A walk over all places of `shape`, row-major; each array has a stride for each axis, 0 where it is repeated.
    pub(crate) fn new(shape: &[usize], strides: [&[usize]; N]) -> Self {
        let mut walk = Self { sizes: Vec::new(), steps: Vec::new() };
        for (axis, size) in shape.iter().enumerate().filter(|(_, size)| **size != 1) {
            let step: [usize; N] = std::array::from_fn(|i| strides[i][axis]);
            match (walk.sizes.last_mut(), walk.steps.last_mut()) {
                (Some(before), Some(last)) if (0..N).all(|i| last[i] == step[i] * size) => {
                    *before *= size;
                    *last = step;
                }
                _ => {
                    walk.sizes.push(*size);
                    walk.steps.push(step);
                }
            }
        }
        walk
    }

    /// Calls `each` with where a run begins in each array, how long it is, and the step in each array.
    pub(crate) fn runs(&self, mut each: impl FnMut([usize; N], usize, [usize; N])) {
        let (Some((len, outer)), Some(step)) = (self.sizes.split_last(), self.steps.last()) else {
            return each([0; N], 1, [1; N]);
        };
        if self.sizes.contains(&0) {
            return;
        }
        let mut at = vec![0; outer.len()];
        let mut start = [0; N];
        loop {
            each(start, *len, *step);
            let mut axis = outer.len();
            loop {
                let Some(next) = axis.checked_sub(1) else { return };
                axis = next;
                at[axis] += 1;
                (0..N).for_each(|i| start[i] += self.steps[axis][i]);
                if at[axis] < outer[axis] {
                    break;
                }
                at[axis] = 0;
                (0..N).for_each(|i| start[i] -= self.steps[axis][i] * outer[axis]);
            }
        }
    }
}

/// Strides with which an array of `shape` is read as one of `rank` axes, counted from the last: 0 where it is repeated.
pub(crate) fn repeated(shape: &[usize], rank: usize) -> Vec<usize> {
    let mut strides = vec![0; rank - shape.len()];
    let own = super::array::strides(shape);
    strides.extend(shape.iter().zip(own).map(|(size, stride)| if *size == 1 { 0 } else { stride }));
    strides
}

/// How many numbers stand before an axis, along it and behind it: `[outer, size, inner]`.
pub(crate) fn around(shape: &[usize], axis: usize) -> [usize; 3] {
    [shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_visit_every_place_in_order_and_join_axes() {
        // A [2, 3] array beside a row of 3 that is repeated.
        let mut seen = Vec::new();
        Walk::new(&[2, 3], [&[3, 1], &repeated(&[3], 2)])
            .runs(|start, len, step| seen.push((start, len, step)));
        assert_eq!(seen, [([0, 0], 3, [1, 1]), ([3, 0], 3, [1, 1])]);
        seen.clear();
        Walk::new(&[2, 1, 3], [&[3, 3, 1], &[3, 3, 1]])
            .runs(|start, len, step| seen.push((start, len, step)));
        assert_eq!(seen, [([0, 0], 6, [1, 1])], "without gaps there is one run");
    }

    #[test]
    fn one_number_is_a_run_and_no_number_is_none() {
        let mut n_runs = 0;
        Walk::new(&[], [&[], &[]]).runs(|_, len, _| n_runs += len);
        assert_eq!(n_runs, 1);
        Walk::new(&[2, 0], [&[0, 1]]).runs(|_, _, _| n_runs += 10);
        assert_eq!(n_runs, 1);
    }
}
