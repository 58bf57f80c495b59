//! Maxima and means over windows.

use super::{Array, Operation, operands};

/// The maximum or mean over windows of the last axes. From: x. Each list has a number for each of these axes.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            if self.ceil && room % stride != 0 && (room / stride + 1) * stride < x[at] + before {
                shape[at] += 1;
            }
        }
        Ok(shape)
    }

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
