//! Gates: perceptrons of one hidden layer that compute a chosen function of one number.
//!
//! An equivariant layer multiplies `W x` by a perceptron of invariants, so a nonlinear map `σ(z)` has to be written as
//! `z · g(canon z)`, and g as a sum of SiLUs:
//!
//! | σ | canon z | g | made of |
//! | --- | --- | --- | --- |
//! | ReLU, leaky ReLU of slope a | sign z | `(1 + a)/2 + (1 − a)/2 · sign z` | two SiLUs, exactly, since `silu(s) − silu(−s) = s` |
//! | tanh | \|z\| = s | `tanh(s)/s` | a row of SiLUs, fitted by least squares |
//! | sin(ω·) | \|z\| = s | `sin(ωs)/s` | the same |
//!
//! The derivative of an odd function is even, so `δ = σ′(z) · β` is a gate of |z| too.

use sgmn_graph::Activation;

/// `s ↦ constant + Σ_k amount_k · silu(slope_k · s + shift_k)`.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) constant: f64,
    pub(crate) units: Vec<Unit>,
}

/// One SiLU of a gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) slope: f64,
    pub(crate) shift: f64,
    pub(crate) amount: f64,
}

/// SiLUs for each unit of length.
const DENSITY: f64 = 6.0;

/// By how much the bends of the SiLUs reach beyond the interval on either side. With this slope, density and margin the
/// fit is as good as f64 allows: its error is some 1e-13 and its amounts are of order 1.
const MARGIN: f64 = 2.0;

/// Slope of the SiLUs. `silu(s) + silu(−s) = s · tanh(s/2)`, so a slope of 2 has the width of a tanh.
const SLOPE: f64 = 2.0;

impl Gate {
    /// `σ(z)/z` for pre-activations up to `reach` in magnitude; none for an activation that is not of the table above.
    pub(crate) fn of_activation(activation: Activation, reach: f64) -> Option<Self> {
        match activation {
            Activation::Relu => Some(Self::ramp(0.0)),
            Activation::LeakyRelu { slope } => Some(Self::ramp(slope)),
            Activation::Tanh => Some(Self::fit(|s| if s == 0.0 { 1.0 } else { s.tanh() / s }, 1.0, reach)),
            Activation::Sine { omega } => {
                let sinc = |s: f64| if s == 0.0 { omega } else { omega * s.sin() / s };
                Some(Self::fit(sinc, omega, reach))
            }
            _ => None,
        }
    }

    /// `σ′(z)` of an odd activation.
    pub(crate) fn of_derivative(activation: Activation, reach: f64) -> Option<Self> {
        match activation {
            Activation::Tanh => Some(Self::fit(|s| s.cosh().powi(-2), 1.0, reach)),
            Activation::Sine { omega } => Some(Self::fit(|s| omega * s.cos(), omega, reach)),
            _ => None,
        }
    }

    /// The value at s.
    pub(crate) fn at(&self, s: f64) -> f64 {
        let silu = |x: f64| x / (1.0 + (-x).exp());
        self.units.iter().map(|unit| unit.amount * silu(unit.slope * s + unit.shift)).sum::<f64>()
            + self.constant
    }

    /// A leaky ReLU's gate of `sign z`.
    fn ramp(slope: f64) -> Self {
        let amount = (1.0 - slope) / 2.0;
        let unit = |sign: f64| Unit { slope: sign, shift: 0.0, amount: sign * amount };
        Self { constant: (1.0 + slope) / 2.0, units: vec![unit(1.0), unit(-1.0)] }
    }

    /// The gate nearest to `f(ω |z|)` for |z| up to `reach`, by least squares.
    fn fit(f: impl Fn(f64) -> f64, omega: f64, reach: f64) -> Self {
        let omega = omega.abs();
        // On a shorter interval the SiLUs could hardly be told apart.
        let length = (omega * reach).max(1.0);
        let n_units = (DENSITY * (length + 2.0 * MARGIN)).ceil() as usize;
        let n_points = 4 * n_units;
        // Chebyshev's points: dense at both ends, where fits err most.
        let angle = |i: usize| std::f64::consts::PI * (i as f64 + 0.5) / n_points as f64;
        let points: Vec<f64> = (0..n_points).map(|i| length * (1.0 - angle(i).cos()) / 2.0).collect();
        let bend = |k: usize| (length + 2.0 * MARGIN) * k as f64 / (n_units - 1) as f64 - MARGIN;
        let mut units: Vec<Unit> =
            (0..n_units).map(|k| Unit { slope: SLOPE, shift: -SLOPE * bend(k), amount: 1.0 }).collect();
        let alone = |unit: &Unit, s: f64| Self { constant: 0.0, units: vec![*unit] }.at(s);
        let mut columns: Vec<Vec<f64>> =
            units.iter().map(|unit| points.iter().map(|s| alone(unit, *s)).collect()).collect();
        columns.push(vec![1.0; n_points]);
        let amounts = least_squares(columns, points.iter().map(|s| f(*s)).collect());
        for (unit, amount) in units.iter_mut().zip(&amounts) {
            *unit = Unit { slope: omega * SLOPE, amount: *amount, ..*unit };
        }
        Self { constant: amounts[n_units], units }
    }
}

/// The x that makes `|Σ_j x_j column_j − right|² + ridge² |x|²` least, by the modified method of Gram and Schmidt.
fn least_squares(mut columns: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    // Keeps amounts small where columns are nearly dependent: large ones would cancel and cost digits.
    const RIDGE: f64 = 1e-13;
    let n = columns.len();
    for (j, column) in columns.iter_mut().enumerate() {
        column.extend((0..n).map(|k| if k == j { RIDGE } else { 0.0 }));
    }
    right.resize(columns[0].len(), 0.0);

    let mut triangle = vec![vec![0.0; n]; n];
    let mut x = vec![0.0; n];
    for j in 0..n {
        let (done, rest) = columns.split_at_mut(j + 1);
        let direction = &mut done[j];
        let norm = direction.iter().map(|value| value * value).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|value| *value /= norm);
        let project_out = |values: &mut Vec<f64>| -> f64 {
            let along: f64 = direction.iter().zip(&*values).map(|(d, value)| d * value).sum();
            values.iter_mut().zip(&*direction).for_each(|(value, d)| *value -= along * d);
            along
        };
        triangle[j][j] = norm;
        for (k, column) in rest.iter_mut().enumerate() {
            triangle[j][j + 1 + k] = project_out(column);
        }
        x[j] = project_out(&mut right);
    }
    for j in (0..n).rev() {
        let later: f64 = (j + 1..n).map(|k| triangle[j][k] * x[k]).sum();
        x[j] = (x[j] - later) / triangle[j][j];
    }
    x
}
