//! Convolutions: a channel is a node, a kernel is an edge.

use super::Signal;
use crate::{Error, Result};

/// Slots of a kernel, row-major, inside the largest kernel about whose centre it is padded.
///
/// Where the difference is odd, the spare row or column stands at the end.
pub(super) fn centered_slots(kernel: [usize; 2], largest: [usize; 2]) -> Vec<usize> {
    let [top, left] = [0, 1].map(|axis| (largest[axis] - kernel[axis]) / 2);
    let rows = 0..kernel[0];
    rows.flat_map(|r| (0..kernel[1]).map(move |c| (top + r) * largest[1] + left + c)).collect()
}

/// Cross-correlation of all channels, with zero padding, and a bias unless it is empty.
pub(super) fn apply(
    n_out: usize,
    [kh, kw]: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    weight: &[f64],
    bias: &[f64],
    input: &Signal,
) -> Result<Signal> {
    let [height, width] = input.size;
    if height + 2 * padding[0] < kh || width + 2 * padding[1] < kw {
        let found = format!("{height}×{width} with padding {padding:?}");
        return Err(Error::shape("image before a convolution", format!("at least {kh}×{kw}"), found));
    }
    let rows = (height + 2 * padding[0] - kh) / stride[0] + 1;
    let cols = (width + 2 * padding[1] - kw) / stride[1] + 1;
    let mut values = Vec::with_capacity(n_out * rows * cols);
    for out in 0..n_out {
        for row in 0..rows {
            for col in 0..cols {
                let mut sum = 0.0;
                for channel in 0..input.n_units {
                    for (k, w) in
                        weight[(out * input.n_units + channel) * kh * kw..][..kh * kw].iter().enumerate()
                    {
                        // Positions in the padded image; those in the margin hold zeros.
                        let (y, x) = (row * stride[0] + k / kw, col * stride[1] + k % kw);
                        let inside = (padding[0]..padding[0] + height).contains(&y)
                            && (padding[1]..padding[1] + width).contains(&x);
                        if inside {
                            sum += w * input.values
                                [(channel * height + y - padding[0]) * width + x - padding[1]];
                        }
                    }
                }
                // The bias comes last, as in a linear layer.
                values.push(bias.get(out).map_or(sum, |b| sum + b));
            }
        }
    }
    Ok(Signal { n_units: n_out, size: [rows, cols], values })
}
