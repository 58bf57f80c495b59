//! Two values, number by number; axes of size 1 are repeated.

use super::{Array, Operation, broadcast, operands};

/// `by(left, right)` for each pair of numbers. From: left, right. Shapes broadcast from the last axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Combine {
    /// What is done to each pair.
    pub by: Combination,
}

/// A function of two numbers. Comparisons and logic give 1 for true and 0 for false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
