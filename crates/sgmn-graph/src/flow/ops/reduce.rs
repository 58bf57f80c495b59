//! Sums, means, maxima and the like over axes.

use serde::{Deserialize, Serialize};
use super::{Array, Combination, Operation, arrays, axis_below, operands};
use crate::flow::{array::strides, walk::{Walk, around}};

/// One number for all numbers along some axes. From: x.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reduce {
    /// How.
    pub by: Reduction,
    /// The axes, ascending.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep: bool,
}

/// How numbers become one.
///
/// Matched in full where symmetries are inferred, so that no new case is forgotten there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Maximum,
    /// The smallest.
    Minimum,
    /// Their product.
    Product,
    /// The root of the sum of their squares.
    Norm,
    /// The sum of their magnitudes.
    AbsoluteSum,
    /// The sum of their squares.
    SquareSum,
    /// The logarithm of the sum of their exponentials.
    LogSumExp,
    /// The place of the largest, the first of equal ones; one axis only.
    ArgMaximum,
    /// The place of the smallest, the first of equal ones; one axis only.
    ArgMinimum,
}

impl Operation for Reduce {
    fn name(&self) -> &'static str {
        match self.by {
            Reduction::Sum => "sum",
            Reduction::Mean => "mean",
            Reduction::Maximum => "maximum over axes",
            Reduction::Minimum => "minimum over axes",
            Reduction::Product => "product over axes",
            Reduction::Norm => "norm over axes",
            Reduction::AbsoluteSum => "sum of magnitudes",
            Reduction::SquareSum => "sum of squares",
            Reduction::LogSumExp => "log of sum of exponentials",
            Reduction::ArgMaximum => "place of the maximum",
            Reduction::ArgMinimum => "place of the minimum",
        }
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        self.axes.iter().try_for_each(|axis| axis_below(*axis, x.len()))?;
        let place = matches!(self.by, Reduction::ArgMaximum | Reduction::ArgMinimum);
        if !self.axes.is_sorted_by(|a, b| a < b) || (place && self.axes.len() != 1) {
            return Err(format!("expected ascending axes, one for a place, found {self:?}"));
        }
        if !matches!(self.by, Reduction::Sum | Reduction::SquareSum | Reduction::AbsoluteSum | Reduction::Norm | Reduction::Product)
            && self.axes.iter().any(|axis| x[*axis] == 0)
        {
            return Err(format!("expected numbers along axes {:?}, found {x:?}", self.axes));
        }
        let kept = |(axis, size): (usize, &usize)| match (self.axes.contains(&axis), self.keep) {
            (true, true) => Some(1),
            (true, false) => None,
            (false, _) => Some(*size),
        };
        Ok(x.iter().enumerate().filter_map(kept).collect())
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        let shape = self.shape(&[x.shape()])?;
        let count: usize = self.axes.iter().map(|axis| x.shape()[*axis]).product();
        let all = |start, step: fn(f64, f64) -> f64| fold(x, &self.axes, start, step);
        let data = match self.by {
            Reduction::Sum => all(0.0, |sum, x| sum + x),
            Reduction::Mean => all(0.0, |sum, x| sum + x).into_iter().map(|sum| sum / count as f64).collect(),
            Reduction::Maximum => all(f64::NEG_INFINITY, |a, b| Combination::Maximum.value(a, b)),
            Reduction::Minimum => all(f64::INFINITY, |a, b| Combination::Minimum.value(a, b)),
            Reduction::Product => all(1.0, |product, x| product * x),
            Reduction::Norm => all(0.0, |sum, x| sum + x * x).into_iter().map(f64::sqrt).collect(),
            Reduction::AbsoluteSum => all(0.0, |sum, x| sum + x.abs()),
            Reduction::SquareSum => all(0.0, |sum, x| sum + x * x),
            Reduction::LogSumExp => log_sum_exp(x, &self.axes),
            Reduction::ArgMaximum => places(x, self.axes[0], |x, best| x > best),
            Reduction::ArgMinimum => places(x, self.axes[0], |x, best| x < best),
        };
        Ok(Array::new(shape, data).expect("one number for each place that stays"))
    }

    fn is_trivial(&self, _from: &[&[usize]], _shape: &[usize]) -> bool {
        self.axes.is_empty() && matches!(self.by, Reduction::Sum | Reduction::Mean | Reduction::Maximum | Reduction::Minimum | Reduction::Product)
    }
}

/// One number for all numbers of x along some axes, row-major in the axes that stay.
pub(super) fn fold(x: &Array, axes: &[usize], start: f64, step: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let stay = (0..x.shape().len()).filter(|axis| !axes.contains(axis)).map(|axis| x.shape()[axis]);
    let mut folded = vec![start; stay.product()];
    Walk::new(x.shape(), [&x.strides(), &folded_strides(x.shape(), axes)]).runs(|[at, to], len, [_, by]| {
        let run = &x.data()[at..at + len];
        match by {
            0 => folded[to] = run.iter().fold(folded[to], |sum, x| step(sum, *x)),
            1 => folded[to..to + len].iter_mut().zip(run).for_each(|(sum, x)| *sum = step(*sum, *x)),
            _ => run.iter().enumerate().for_each(|(i, x)| folded[to + i * by] = step(folded[to + i * by], *x)),
        }
    });
    folded
}

/// By how many numbers of the folded array a step along each axis of `shape` moves: 0 along the axes folded.
pub(super) fn folded_strides(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    let kept: Vec<usize> = (0..shape.len()).map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] }).collect();
    let mut strides = strides(&kept);
    axes.iter().for_each(|axis| strides[*axis] = 0);
    strides
}

fn log_sum_exp(x: &Array, axes: &[usize]) -> Vec<f64> {
    let largest = fold(x, axes, f64::NEG_INFINITY, f64::max);
    let mut sums = vec![0.0; largest.len()];
    Walk::new(x.shape(), [&x.strides(), &folded_strides(x.shape(), axes)]).runs(|[at, to], len, [_, by]| {
        for (i, x) in x.data()[at..at + len].iter().enumerate() {
            let largest = largest[to + i * by];
            // Infinite numbers alone give themselves.
            sums[to + i * by] += if largest.is_finite() { (x - largest).exp() } else { 1.0 };
        }
    });
    sums.iter().zip(largest).map(|(sum, largest)| largest + if largest.is_finite() { sum.ln() } else { 0.0 }).collect()
}

/// The first place along an axis that no other one beats.
fn places(x: &Array, axis: usize, beats: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let [outer, size, inner] = around(x.shape(), axis);
    let place = |start: usize| {
        let number = |place: usize| x.data()[start + place * inner];
        (1..size).fold(0, |best, place| if beats(number(place), number(best)) { place } else { best }) as f64
    };
    (0..outer * inner).map(|line| place(line / inner * size * inner + line % inner)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduce(by: Reduction, axes: &[usize]) -> Vec<f64> {
        let x = Array::new(vec![2, 3], vec![1.0, -2.0, 2.0, 4.0, 4.0, -2.0]).unwrap();
        Reduce { by, axes: axes.to_vec(), keep: false }.run(&[&x]).unwrap().into_data()
    }

    #[test]
    fn rows_columns_and_all_become_one_number() {
        assert_eq!(reduce(Reduction::Sum, &[0]), [5.0, 2.0, 0.0]);
        assert_eq!(reduce(Reduction::Sum, &[1]), [1.0, 6.0]);
        assert_eq!(reduce(Reduction::Mean, &[1]), [1.0 / 3.0, 2.0]);
        assert_eq!(reduce(Reduction::Maximum, &[1]), [2.0, 4.0]);
        assert_eq!(reduce(Reduction::Minimum, &[0]), [1.0, -2.0, -2.0]);
        assert_eq!(reduce(Reduction::Product, &[0, 1]), [128.0]);
        assert_eq!(reduce(Reduction::Norm, &[1]), [3.0, 6.0]);
        assert_eq!(reduce(Reduction::AbsoluteSum, &[1]), [5.0, 10.0]);
        assert_eq!(reduce(Reduction::SquareSum, &[1]), [9.0, 36.0]);
        assert_eq!(reduce(Reduction::ArgMaximum, &[1]), [2.0, 0.0]);
        assert_eq!(reduce(Reduction::ArgMinimum, &[0]), [0.0, 0.0, 1.0]);
        let expected = (1f64.exp() + (-2f64).exp() + 2f64.exp()).ln();
        assert!((reduce(Reduction::LogSumExp, &[1])[0] - expected).abs() < 1e-15);
    }

    #[test]
    fn axes_stay_when_asked_and_no_axes_fold_nothing() {
        let x = Array::new(vec![2, 2], vec![1.0, 2.0, 3.0, -4.0]).unwrap();
        let kept = Reduce { by: Reduction::Sum, axes: vec![0], keep: true };
        assert_eq!(kept.run(&[&x]).unwrap(), Array::new(vec![1, 2], vec![4.0, -2.0]).unwrap());
        let squares = Reduce { by: Reduction::SquareSum, axes: vec![], keep: false };
        assert!(!squares.is_trivial(&[x.shape()], x.shape()));
        assert_eq!(squares.run(&[&x]).unwrap().data(), [1.0, 4.0, 9.0, 16.0]);
        let sum = Reduce { by: Reduction::Sum, axes: vec![], keep: false };
        assert!(sum.is_trivial(&[x.shape()], x.shape()));
        assert!(Reduce { by: Reduction::ArgMaximum, axes: vec![], keep: true }.shape(&[x.shape()]).is_err());
    }

    #[test]
    fn nothing_sums_to_zero_and_has_no_mean() {
        let sum = Reduce { by: Reduction::Sum, axes: vec![1], keep: false };
        assert_eq!(sum.run(&[&Array::full(vec![2, 0], 1.0)]).unwrap().data(), [0.0, 0.0]);
        assert!(Reduce { by: Reduction::Mean, ..sum }.shape(&[&[2, 0]]).is_err());
    }
}
