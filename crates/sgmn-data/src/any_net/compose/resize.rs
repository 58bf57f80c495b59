//! Values at other numbers of places: by the nearest place, or by mixing near ones.

use sgmn_graph::flow::{FlowResult, ValueId};

use super::Draft;

/// How places between places are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interpolation {
    /// The place below: `⌊i · ratio⌋`.
    Nearest,
    /// The nearest centre: `⌊(i + ½) · ratio⌋`.
    NearestExact,
    /// Two places, by distance.
    Linear,
    /// Four places, by Keys' cubic with −0.75.
    Cubic,
}

/// Free parameter of the cubic kernel, as PyTorch and image programs have it.
const CUBIC: f64 = -0.75;

impl Draft<'_> {
    /// The last axes resized to `sizes`. `ratios` are steps in x for a step in the result, where a file says them; else
    /// they follow from the sizes. `corners`: whether the first and last places lie on each other.
    pub(crate) fn resize(
        &mut self,
        x: ValueId,
        how: Interpolation,
        sizes: &[usize],
        ratios: &[Option<f64>],
        corners: bool,
    ) -> FlowResult<ValueId> {
        let shape = self.shape(x);
        let Some(first) = shape.len().checked_sub(sizes.len()) else {
            return self.fault(format!("a value of {} axes or more", sizes.len()), format!("{shape:?}"));
        };
        if sizes.contains(&0) || shape[first..].contains(&0) {
            return self.fault("sizes above 0", format!("{shape:?} to {sizes:?}"));
        }
        let mut out = x;
        for (at, n) in sizes.iter().copied().enumerate() {
            let (axis, size) = (first + at, shape[first + at]);
            let ratio = match ratios.get(at).copied().flatten() {
                _ if corners && n > 1 => (size - 1) as f64 / (n - 1) as f64,
                _ if corners => 0.0,
                Some(ratio) => ratio,
                None => size as f64 / n as f64,
            };
            // PyTorch computes places of f32 values in f32, which decides which place is nearest.
            let below = |place: f64| (f64::from(place as f32).floor() as usize).min(size - 1);
            let place = |i: usize| if corners { i as f64 * ratio } else { (i as f64 + 0.5) * ratio - 0.5 };
            out = match how {
                Interpolation::Nearest => {
                    let ratio = f64::from(ratio as f32);
                    self.take(out, axis, (0..n).map(|i| below(i as f64 * ratio)).collect())?
                }
                Interpolation::NearestExact => {
                    let ratio = f64::from(ratio as f32);
                    self.take(out, axis, (0..n).map(|i| below((i as f64 + 0.5) * ratio)).collect())?
                }
                Interpolation::Linear if n == size && ratio == 1.0 => out,
                Interpolation::Linear => {
                    let mut weights = vec![0.0; n * size];
                    for i in 0..n {
                        let at = place(i).max(0.0);
                        let low = (at.floor() as usize).min(size - 1);
                        let share = at - low as f64;
                        weights[i * size + low] += 1.0 - share;
                        weights[i * size + (low + 1).min(size - 1)] += share;
                    }
                    self.mix_axis(out, axis, n, weights)?
                }
                Interpolation::Cubic => {
                    let mut weights = vec![0.0; n * size];
                    for i in 0..n {
                        let at = place(i);
                        let low = at.floor();
                        for near in -1..=2 {
                            let there = (low + f64::from(near)).clamp(0.0, (size - 1) as f64) as usize;
                            weights[i * size + there] += cubic((at - low - f64::from(near)).abs());
                        }
                    }
                    self.mix_axis(out, axis, n, weights)?
                }
            };
        }
        Ok(out)
    }
}

/// Keys' cubic kernel at a distance from 0 to 2.
fn cubic(distance: f64) -> f64 {
    let d = distance;
    if d <= 1.0 {
        (CUBIC + 2.0) * d.powi(3) - (CUBIC + 3.0) * d.powi(2) + 1.0
    } else {
        CUBIC * (d.powi(3) - 5.0 * d.powi(2) + 8.0 * d - 4.0)
    }
}
