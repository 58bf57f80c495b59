//! Sums, means, maxima and the like over axes.

use super::{Array, Operation, axis_below, operands};

/// One number for all numbers along some axes. From: x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduce {
    /// How.
    pub by: Reduction,
    /// The axes, ascending.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep: bool,
}

/// How numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }

    fn is_trivial(&self, _from: &[&[usize]], _shape: &[usize]) -> bool {
        self.axes.is_empty() && matches!(self.by, Reduction::Sum | Reduction::Mean | Reduction::Maximum | Reduction::Minimum | Reduction::Product)
    }
}
