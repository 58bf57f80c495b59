//! A part of a value along one axis.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, axis_below, operands, take::taken};

/// `len` places of an axis from `start`, each `step` after the last; a negative step goes back. From: x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        Ok(taken(x, self.axis, self.places()))
    }

    fn is_trivial(&self, from: &[&[usize]], _shape: &[usize]) -> bool {
        self.start == 0 && self.step == 1 && self.len == from[0][self.axis]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_forwards_and_backwards() {
        let x = Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let run = |axis, start, step, len| Slice { axis, start, step, len }.run(&[&x]).unwrap();
        assert_eq!(run(1, 1, 1, 2), Array::new(vec![2, 2], vec![2.0, 3.0, 5.0, 6.0]).unwrap());
        assert_eq!(run(1, 2, -2, 2).data(), [3.0, 1.0, 6.0, 4.0]);
        assert_eq!(run(0, 1, 1, 1).data(), [4.0, 5.0, 6.0]);
        assert_eq!(run(1, 0, 1, 0), Array::new(vec![2, 0], vec![]).unwrap());
        assert!(Slice { axis: 1, start: 1, step: 2, len: 2 }.shape(&[&[2, 3]]).is_err());
        assert!(Slice { axis: 1, start: 0, step: -1, len: 2 }.shape(&[&[2, 3]]).is_err());
    }
}
