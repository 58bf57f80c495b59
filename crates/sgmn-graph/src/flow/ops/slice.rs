//! A part of a value along one axis.

use super::{Array, Operation, axis_below, operands};

/// `len` places of an axis from `start`, each `step` after the last; a negative step goes back. From: x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// The first place.
    pub start: usize,
    /// The step, not 0.
    pub step: isize,
    /// How many places.
    pub len: usize,
}

impl Slice {
    /// The places, in order.
    pub fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let Self { start, step, len, .. } = *self;
        (0..len).map(move |i| start.wrapping_add_signed(step.wrapping_mul(i as isize)))
    }
}

impl Operation for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        axis_below(self.axis, x.len())?;
        let size = x[self.axis];
        let last = isize::try_from(self.len.saturating_sub(1))
            .ok()
            .and_then(|steps| steps.checked_mul(self.step))
            .and_then(|far| self.start.checked_add_signed(far));
        let inside = self.len == 0 || (self.start < size && last.is_some_and(|last| last < size));
        if self.step == 0 || !inside {
            return Err(format!("expected places of axis {} of {x:?}, found {self:?}", self.axis));
        }
        let mut shape = x.to_vec();
        shape[self.axis] = self.len;
        Ok(shape)
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }

    fn is_trivial(&self, from: &[&[usize]], _shape: &[usize]) -> bool {
        self.start == 0 && self.step == 1 && self.len == from[0][self.axis]
    }
}
