//! Maxima and means over windows.

use serde::{Deserialize, Serialize};
use super::{Array, Combination, Operation, arrays, operands};
use crate::flow::walk::around;

/// The maximum or mean over windows of the last axes. From: x. Each list has a number for each of these axes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// What is taken of a window.
    pub by: Pooling,
    /// Sizes of a window.
    pub window: Vec<usize>,
    /// Steps of the window.
    pub stride: Vec<usize>,
    /// Places before and after: left out of a maximum, zeros of a mean.
    pub padding: Vec<(usize, usize)>,
    /// Steps inside of a window.
    pub dilation: Vec<usize>,
    /// Whether a window that begins inside (padding included) but ends outside counts; parts outside are left out.
    pub ceil: bool,
}

/// What is taken of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pooling {
    /// The largest number.
    Maximum,
    /// The mean.
    Mean {
        /// Whether padding counts as places.
        counts_padding: bool,
    },
}

impl Operation for Pool {
    fn name(&self) -> &'static str {
        match self.by {
            Pooling::Maximum => "max pool",
            Pooling::Mean { .. } => "mean pool",
        }
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        let n = self.window.len();
        let lists = [self.stride.len(), self.padding.len(), self.dilation.len()];
        let fits = n > 0 && lists.iter().all(|len| *len == n) && x.len() > n;
        if !fits || self.window.contains(&0) || self.stride.contains(&0) || self.dilation.contains(&0) {
            return Err(format!("expected windows on the last axes of {x:?}, found {self:?}"));
        }
        let mut shape = x.to_vec();
        for axis in 0..n {
            let (at, (before, after)) = (x.len() - n + axis, self.padding[axis]);
            let reach = (self.window[axis] - 1).checked_mul(self.dilation[axis]).and_then(|r| r.checked_add(1));
            let room = x[at].checked_add(before).and_then(|size| size.checked_add(after)?.checked_sub(reach?));
            let Some(room) = room else {
                return Err(format!("expected an axis that holds a window, found {x:?} for {self:?}"));
            };
            let stride = self.stride[axis];
            shape[at] = room / stride + 1;
            // A window that begins behind the numbers holds nothing.
            if self.ceil && room % stride != 0 && (room / stride + 1).saturating_mul(stride) < x[at] + before {
                shape[at] += 1;
            }
        }
        Ok(shape)
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        let shape = self.shape(&[x.shape()])?;
        let first = shape.len() - self.window.len();
        // A window is a product of windows, one an axis: maxima of maxima, means of means.
        let along = |x: &Array, axis: usize| self.along(x, first + axis, axis, shape[first + axis]);
        Ok((1..self.window.len()).fold(along(x, 0), |pooled, axis| along(&pooled, axis)))
    }
}

impl Pool {
    /// Pools `axis` of x only, by the window along spatial axis `spatial`, to `n_out` places.
    fn along(&self, x: &Array, axis: usize, spatial: usize, n_out: usize) -> Array {
        let [outer, size, inner] = around(x.shape(), axis);
        let (stride, dilation, (before, after)) =
            (self.stride[spatial], self.dilation[spatial], self.padding[spatial]);
        let empty = if self.by == Pooling::Maximum { f64::NEG_INFINITY } else { 0.0 };
        let mut shape = x.shape().to_vec();
        shape[axis] = n_out;
        let mut out = Array::full(shape, empty);
        let (numbers, row) = (out.data_mut(), n_out * inner);
        for at in 0..n_out {
            // Places in the padded axis.
            let window = (0..self.window[spatial]).map(|k| at * stride + k * dilation);
            let places = || window.clone().filter(|p| (before..before + size).contains(p)).map(|p| p - before);
            let count = match self.by {
                Pooling::Mean { counts_padding: true } => window.clone().filter(|p| *p < before + size + after).count(),
                _ => places().count(),
            };
            for line in 0..outer {
                let out = &mut numbers[line * row + at * inner..][..inner];
                for place in places() {
                    let x = &x.data()[(line * size + place) * inner..][..inner];
                    match self.by {
                        Pooling::Maximum => {
                            out.iter_mut().zip(x).for_each(|(out, x)| *out = Combination::Maximum.value(*out, *x));
                        }
                        Pooling::Mean { .. } => out.iter_mut().zip(x).for_each(|(out, x)| *out += x),
                    }
                }
                if matches!(self.by, Pooling::Mean { .. }) && count > 0 {
                    out.iter_mut().for_each(|out| *out /= count as f64);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(by: Pooling, window: usize, stride: usize, padding: (usize, usize), dilation: usize, ceil: bool) -> Pool {
        let (window, stride, padding, dilation) = (vec![window], vec![stride], vec![padding], vec![dilation]);
        Pool { by, window, stride, padding, dilation, ceil }
    }

    #[test]
    fn windows_of_two_axes_have_maxima_and_means() {
        let x = Array::new(vec![1, 1, 2, 4], vec![1.0, 2.0, 3.0, 4.0, 8.0, 7.0, 6.0, 5.0]).unwrap();
        let of = |by| Pool {
            by,
            window: vec![2, 2],
            stride: vec![2, 2],
            padding: vec![(0, 0); 2],
            dilation: vec![1, 1],
            ceil: false,
        };
        assert_eq!(of(Pooling::Maximum).run(&[&x]).unwrap(), Array::new(vec![1, 1, 1, 2], vec![8.0, 6.0]).unwrap());
        assert_eq!(of(Pooling::Mean { counts_padding: false }).run(&[&x]).unwrap().data(), [4.5, 4.5]);
    }

    #[test]
    fn padding_counts_or_not_and_is_no_number_of_a_maximum() {
        let x = Array::new(vec![1, 3], vec![-1.0, -2.0, -6.0]).unwrap();
        let run = |by| pool(by, 3, 2, (1, 1), 1, false).run(&[&x]).unwrap().into_data();
        assert_eq!(run(Pooling::Maximum), [-1.0, -2.0]);
        assert_eq!(run(Pooling::Mean { counts_padding: true }), [-1.0, -8.0 / 3.0]);
        assert_eq!(run(Pooling::Mean { counts_padding: false }), [-1.5, -4.0]);
    }

    #[test]
    fn a_window_may_end_outside_and_be_dilated() {
        let x = Array::new(vec![1, 4], vec![1.0, 2.0, 3.0, 5.0]).unwrap();
        let mean = Pooling::Mean { counts_padding: true };
        assert_eq!(pool(mean, 3, 2, (0, 0), 1, true).run(&[&x]).unwrap().data(), [2.0, 4.0]);
        assert_eq!(pool(mean, 3, 2, (0, 0), 1, false).run(&[&x]).unwrap().data(), [2.0]);
        assert_eq!(pool(Pooling::Maximum, 2, 1, (0, 0), 2, false).run(&[&x]).unwrap().data(), [3.0, 5.0]);
        assert_eq!(pool(mean, 2, 1, (0, 0), 2, false).run(&[&x]).unwrap().data(), [2.0, 3.5]);
    }
}
