//! One of two values, number by number.

use super::{Array, Operation, broadcast, operands};

/// `a` where the condition differs from 0, `b` elsewhere. From: condition, a, b. Shapes broadcast from the last axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Select;

impl Operation for Select {
    fn name(&self) -> &'static str {
        "select"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let of: [&[usize]; 3] = operands(from)?;
        broadcast(&of)
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
