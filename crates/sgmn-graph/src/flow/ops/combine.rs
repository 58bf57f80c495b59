//! Two values, number by number; axes of size 1 are repeated.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, broadcast, operands};
use crate::flow::walk::{Walk, repeated};

/// `by(left, right)` for each pair of numbers. From: left, right. Shapes broadcast from the last axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combine {
    /// What is done to each pair.
    pub by: Combination,
}

/// A function of two numbers. Comparisons and logic give 1 for true and 0 for false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Combination {
    /// `a + b`.
    Add,
    /// `a − b`.
    Subtract,
    /// `a · b`.
    Multiply,
    /// `a / b`.
    Divide,
    /// `a` to the power of `b`.
    Power,
    /// The larger one.
    Maximum,
    /// The smaller one.
    Minimum,
    /// The remainder of `a / b`, with the sign of `b`.
    Modulo,
    /// The remainder of `a / b`, with the sign of `a`.
    Remainder,
    /// `a / b` rounded towards zero, for whole numbers.
    WholeQuotient,
    /// `a` where it is positive, `b · a` elsewhere: PReLU with slope `b`.
    Slope,
    /// `a = b`.
    Equal,
    /// `a < b`.
    Less,
    /// `a ≤ b`.
    LessOrEqual,
    /// `a > b`.
    Greater,
    /// `a ≥ b`.
    GreaterOrEqual,
    /// Both differ from 0.
    And,
    /// One differs from 0.
    Or,
    /// One of them differs from 0, and not both.
    ExclusiveOr,
}

impl Operation for Combine {
    fn name(&self) -> &'static str {
        match self.by {
            Combination::Add => "add",
            Combination::Subtract => "subtract",
            Combination::Multiply => "multiply",
            Combination::Divide => "divide",
            Combination::Power => "power",
            Combination::Maximum => "maximum",
            Combination::Minimum => "minimum",
            Combination::Modulo => "modulo",
            Combination::Remainder => "remainder",
            Combination::WholeQuotient => "whole quotient",
            Combination::Slope => "slope",
            Combination::Equal => "equal",
            Combination::Less => "less",
            Combination::LessOrEqual => "less or equal",
            Combination::Greater => "greater",
            Combination::GreaterOrEqual => "greater or equal",
            Combination::And => "and",
            Combination::Or => "or",
            Combination::ExclusiveOr => "exclusive or",
        }
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [left, right] = operands(from)?;
        broadcast(&[left, right])
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [left, right] = arrays(from);
        let shape = broadcast(&[left.shape(), right.shape()])?;
        if left.shape() == shape {
            return self.run_over(left.clone(), &[right]);
        }
        if right.shape() == shape && matches!(self.by, Combination::Add | Combination::Multiply) {
            return self.run_over(right.clone(), &[left]);
        }
        let mut out = Array::full(shape.clone(), 0.0);
        let (a, b) = (left.data(), right.data());
        let [of_a, of_b] = [left, right].map(|array| repeated(array.shape(), shape.len()));
        let strides = out.strides();
        let numbers = out.data_mut();
        Walk::new(&shape, [&strides, &of_a, &of_b]).runs(|[to, i, j], len, [_, p, q]| {
            let out = numbers[to..to + len].iter_mut().enumerate();
            out.for_each(|(n, out)| *out = self.by.value(a[i + n * p], b[j + n * q]));
        });
        Ok(out)
    }

    fn run_over(&self, mut left: Array, rest: &[&Array]) -> Result<Array, String> {
        let [right] = arrays(rest);
        let shape = broadcast(&[left.shape(), right.shape()])?;
        if left.shape() != shape {
            return self.run(&[&left, right]);
        }
        match self.by {
            // Known before the loop, so that the compiler takes several numbers at once.
            Combination::Add => combine(&mut left, right, |a, b| a + b),
            Combination::Subtract => combine(&mut left, right, |a, b| a - b),
            Combination::Multiply => combine(&mut left, right, |a, b| a * b),
            Combination::Divide => combine(&mut left, right, |a, b| a / b),
            by => combine(&mut left, right, |a, b| by.value(a, b)),
        }
        Ok(left)
    }
}

impl Combination {
    /// The value for one pair.
    pub fn value(self, a: f64, b: f64) -> f64 {
        let truth = |holds: bool| f64::from(u8::from(holds));
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Power => a.powf(b),
            // Unlike `f64::max`, a NaN on either side is kept.
            Self::Maximum => if a > b || a.is_nan() { a } else { b },
            Self::Minimum => if a < b || a.is_nan() { a } else { b },
            Self::Modulo => {
                let rest = a % b;
                if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
            }
            Self::Remainder => a % b,
            Self::WholeQuotient => (a / b).trunc(),
            Self::Slope => if a > 0.0 { a } else { b * a },
            Self::Equal => truth(a == b),
            Self::Less => truth(a < b),
            Self::LessOrEqual => truth(a <= b),
            Self::Greater => truth(a > b),
            Self::GreaterOrEqual => truth(a >= b),
            Self::And => truth(a != 0.0 && b != 0.0),
            Self::Or => truth(a != 0.0 || b != 0.0),
            Self::ExclusiveOr => truth((a != 0.0) != (b != 0.0)),
        }
    }
}

/// `left = value(left, right)`, the right operand repeated to the shape of the left one.
fn combine(left: &mut Array, right: &Array, value: impl Fn(f64, f64) -> f64) {
    let (shape, strides) = (left.shape().to_vec(), left.strides());
    let (a, b) = (left.data_mut(), right.data());
    Walk::new(&shape, [&strides, &repeated(right.shape(), shape.len())]).runs(|[i, j], len, [_, step]| {
        let a = a[i..i + len].iter_mut();
        match step {
            0 => a.for_each(|a| *a = value(*a, b[j])),
            1 => a.zip(&b[j..j + len]).for_each(|(a, b)| *a = value(*a, *b)),
            _ => a.enumerate().for_each(|(n, a)| *a = value(*a, b[j + n * step])),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_broadcast() {
        let column = Array::new(vec![2, 1], vec![1.0, 10.0]).unwrap();
        let row = Array::new(vec![3], vec![1.0, 2.0, 3.0]).unwrap();
        let sum = Combine { by: Combination::Add }.run(&[&column, &row]).unwrap();
        assert_eq!(sum, Array::new(vec![2, 3], vec![2.0, 3.0, 4.0, 11.0, 12.0, 13.0]).unwrap());
        let less = Combine { by: Combination::Subtract }.run(&[&row, &Array::scalar(1.0)]).unwrap();
        assert_eq!(less.data(), [0.0, 1.0, 2.0]);
        let table = Array::new(vec![1, 2, 1], vec![5.0, 7.0]).unwrap();
        let product = Combine { by: Combination::Multiply }.run(&[&table, &row]).unwrap();
        assert_eq!(product, Array::new(vec![1, 2, 3], vec![5.0, 10.0, 15.0, 7.0, 14.0, 21.0]).unwrap());
    }

    #[test]
    fn remainders_follow_the_sign_that_they_say() {
        for (a, b, modulo, remainder, quotient) in
            [(7.0, 3.0, 1.0, 1.0, 2.0), (-7.0, 3.0, 2.0, -1.0, -2.0), (7.0, -3.0, -2.0, 1.0, -2.0), (6.0, -3.0, 0.0, 0.0, -2.0)]
        {
            assert_eq!(Combination::Modulo.value(a, b), modulo);
            assert_eq!(Combination::Remainder.value(a, b), remainder);
            assert_eq!(Combination::WholeQuotient.value(a, b), quotient);
        }
    }

    #[test]
    fn comparisons_and_slopes_have_their_values() {
        use Combination::*;
        let truths = [
            (Equal, 0.0), (Less, 1.0), (LessOrEqual, 1.0), (Greater, 0.0), (GreaterOrEqual, 0.0), (And, 0.0), (Or, 1.0),
            (ExclusiveOr, 1.0), (Maximum, 2.0), (Minimum, 0.0), (Slope, 0.0), (Power, 0.0),
        ];
        for (by, value) in truths {
            assert_eq!(by.value(0.0, 2.0), value, "{by:?}");
        }
        assert_eq!(Slope.value(-3.0, 0.5), -1.5);
        assert!(Maximum.value(f64::NAN, 1.0).is_nan() && Maximum.value(1.0, f64::NAN).is_nan());
    }
}
