//! Linear layers: one number an edge, or one a position after a flatten.

use super::{Reading, Signal};
use crate::{Error, Result};

/// Numbers that one edge holds.
pub(super) fn positions(reading: Reading) -> usize {
    match reading {
        Reading::Direct | Reading::GlobalAverage => 1,
        Reading::Flatten { positions } => positions,
    }
}

/// `y_i = Σ_j W_ij x_j + b_i`, or without the b if it is empty, after reading `x` from the signal.
pub(super) fn apply(
    n_out: usize,
    reading: Reading,
    weight: &[f64],
    bias: &[f64],
    input: &Signal,
) -> Result<Signal> {
    let area = input.size[0] * input.size[1];
    let read = match reading {
        Reading::GlobalAverage => {
            input.values.chunks(area).map(|channel| channel.iter().sum::<f64>() / area as f64).collect()
        }
        Reading::Direct if area != 1 => {
            return Err(Error::shape("positions read by a linear layer", 1, area));
        }
        Reading::Flatten { positions } if area != positions => {
            return Err(Error::shape("positions read by a linear layer", positions, area));
        }
        Reading::Direct | Reading::Flatten { .. } => input.values.clone(),
    };
    let rows = weight.chunks(read.len()).enumerate();
    let values = rows.map(|(i, row)| {
        let sum = row.iter().zip(&read).map(|(w, x)| w * x).sum::<f64>();
        bias.get(i).map_or(sum, |b| sum + b)
    });
    let values = values.collect();
    Ok(Signal { n_units: n_out, size: [1, 1], values })
}
