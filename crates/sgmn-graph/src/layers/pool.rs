//! Pooling behind a convolution: the largest value or the mean of each window, channel by channel.

mod words;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Signal;
use crate::{Error, Result};

pub use words::PoolWords;

/// Pooling of a layer: what windows of each channel become, before or after the layer's activation.
///
/// It has no parameters. A maximum lets no sign of a unit through; a mean lets through whatever a linear map does.
/// In options it is a word, such as `max:2:after`; [`FromStr`](std::str::FromStr) has the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerPool {
    /// What is taken of a window.
    pub kind: PoolKind,
    /// Height and width of a window, in places.
    pub window: [usize; 2],
    /// Step in rows and columns.
    pub stride: [usize; 2],
    /// Places added on each side, in rows and columns, at most half a window: zeros of a mean, left out of a maximum.
    pub padding: [usize; 2],
    /// Where it stands.
    pub at: PoolAt,
}

/// What is taken of a window.
///
/// Matched in full wherever nets are run, so that no new kind is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// The largest value.
    Max,
    /// The mean of all places, padding among them.
    Mean,
}

/// Where pooling stands in its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolAt {
    /// Map, pooling, activation.
    BeforeActivation,
    /// Map, activation, pooling.
    AfterActivation,
}

/// A window of more rows or columns is a mistake, and would take as much time.
const MOST_WINDOW: usize = 1 << 12;

impl LayerPool {
    /// Windows side by side: the stride is the window, and nothing is padded.
    pub fn side_by_side(kind: PoolKind, window: [usize; 2], at: PoolAt) -> Self {
        Self { kind, window, stride: window, padding: [0, 0], at }
    }

    /// Height and width of what it makes of an image.
    ///
    /// # Errors
    /// [`Error::Shape`] if no window fits.
    pub fn size_after(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        let Self { window, stride, padding, .. } = *self;
        if (0..2).any(|axis| size[axis] == 0 || size[axis].saturating_add(2 * padding[axis]) < window[axis]) {
            let expected = format!("at least {}×{}", window[0], window[1]);
            let found = format!("{}×{} with padding {padding:?}", size[0], size[1]);
            return Err(Error::shape("image before pooling", expected, found));
        }
        Ok([0, 1].map(|axis| (size[axis] + 2 * padding[axis] - window[axis]) / stride[axis] + 1))
    }

    /// Whether a number added to all places of an image is added to all places of the result.
    pub fn passes_constants(&self) -> bool {
        self.kind == PoolKind::Max || self.padding == [0, 0]
    }

    /// What it computes, in f64: rows first, then columns, for a window is a product of two.
    pub(crate) fn apply(&self, input: &Signal) -> Result<Signal> {
        let [height, width] = input.size;
        let size = self.size_after(input.size)?;
        let rows = self.along(0, &input.values, height, width, size[0]);
        let values = self.along(1, &rows, width, 1, size[1]);
        Ok(Signal { n_units: input.n_units, size, values })
    }

    /// Pools one axis of `n` places, each of `inner` numbers, to `n_after` places.
    fn along(&self, axis: usize, values: &[f64], n: usize, inner: usize, n_after: usize) -> Vec<f64> {
        let (window, stride, padding) = (self.window[axis], self.stride[axis], self.padding[axis]);
        // Places of the window that begins at a place of the padded axis.
        let inside = |start: usize| -> Range<usize> {
            start.max(padding) - padding..(start + window).min(padding + n) - padding
        };
        let mut pooled = Vec::with_capacity(values.len() / n * n_after);
        for line in values.chunks_exact(n * inner) {
            for at in 0..n_after {
                for i in 0..inner {
                    let numbers = inside(at * stride).map(|place| line[place * inner + i]);
                    pooled.push(match self.kind {
                        PoolKind::Max => numbers.fold(f64::NEG_INFINITY, |a, b| if a > b { a } else { b }),
                        PoolKind::Mean => numbers.fold(0.0, |sum, x| sum + x) / window as f64,
                    });
                }
            }
        }
        pooled
    }

    /// What contradicts itself in it, if anything.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let Self { window, stride, padding, .. } = *self;
        if let Some(found) = window.into_iter().chain(stride).find(|size| !(1..=MOST_WINDOW).contains(size)) {
            return Some(format!("pooling by {found} places, expected from 1 to {MOST_WINDOW}"));
        }
        let wide = (0..2).find(|axis| padding[*axis] > window[*axis] / 2)?;
        Some(format!(
            "pooling with padding {}, expected at most half the window, {}",
            padding[wide],
            window[wide] / 2
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(kind: PoolKind, window: usize, stride: usize, padding: usize) -> LayerPool {
        let [window, stride, padding] = [window, stride, padding].map(|n| [n, n]);
        LayerPool { kind, window, stride, padding, at: PoolAt::AfterActivation }
    }

    #[test]
    fn windows_have_maxima_and_means_and_what_is_left_over_is_left_out() {
        let values = vec![1.0, 2.0, 9.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0];
        let image = Signal { n_units: 1, size: [3, 3], values };
        let run = |kind| pool(kind, 2, 2, 0).apply(&image).unwrap();
        assert_eq!(run(PoolKind::Max), Signal { n_units: 1, size: [1, 1], values: vec![4.0] });
        assert_eq!(run(PoolKind::Mean).values, [2.5]);
    }

    #[test]
    fn padding_is_no_number_of_a_maximum_and_a_zero_of_a_mean() {
        let image = Signal { n_units: 2, size: [1, 2], values: vec![-4.0, -8.0, 4.0, 8.0] };
        let run = |kind| pool(kind, 2, 1, 1).apply(&image).unwrap();
        assert_eq!(run(PoolKind::Max).size, [2, 3]);
        assert_eq!(run(PoolKind::Max).values[..3], [-4.0, -4.0, -8.0]);
        assert_eq!(run(PoolKind::Mean).values[..3], [-1.0, -3.0, -2.0]);
        assert!(!pool(PoolKind::Mean, 2, 1, 1).passes_constants());
    }

    #[test]
    fn what_fits_nowhere_is_refused() {
        let image = Signal { n_units: 1, size: [1, 3], values: vec![0.0; 3] };
        let message = pool(PoolKind::Max, 2, 2, 0).apply(&image).unwrap_err().to_string();
        assert_eq!(message, "image before pooling: expected at least 2×2, found 1×3 with padding [0, 0]");
        for (window, stride, padding) in
            [(0, 1, 0), (2, 0, 0), (3, 1, 2), (1 << 40, 1, 0), (2, 1, usize::MAX)]
        {
            assert!(pool(PoolKind::Mean, window, stride, padding).contradiction().is_some());
        }
        assert_eq!(pool(PoolKind::Mean, 3, 2, 1).contradiction(), None);
    }
}
