//! Updates of a net's parameters: plain descent, Adam and RMSprop with Keras's constants, and the penalty on weights.

use std::ops::Range;

use super::{
    Optimizer,
    architecture::{PLACES, Place, Row},
};
use crate::fit::simd::{Job, Lanes, Level};

/// Added to the denominators of Adam and RMSprop.
const EPSILON: f32 = 1e-7;
/// Decay of Adam's mean of the gradient, and of its mean of the square.
const BETAS: [f64; 2] = [0.9, 0.999];
/// Decay of RMSprop's mean of the square.
const RHO: f32 = 0.9;

/// An optimizer and what it remembers of a net.
///
/// With η the learning rate: `p ← p − ηg`; Adam `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`,
/// `p ← p − η·sqrt(1−β₂ᵗ)/(1−β₁ᵗ) · m / (sqrt(v) + ε)`; RMSprop `v ← ρv + (1−ρ)g²`, `p ← p − ηg / (sqrt(v) + ε)`.
#[derive(Debug)]
pub(super) struct Updates {
    level: Level,
    optimizer: Optimizer,
    learning_rate: f64,
    penalty: Penalty,
    mean: Vec<Row>,
    mean_square: Vec<Row>,
    /// β₁ᵗ and β₂ᵗ after t updates.
    powers: [f64; 2],
}

/// λ times the sum of the squares of some weights.
#[derive(Debug, Clone)]
pub(super) struct Penalty {
    /// λ.
    pub(super) l2: f64,
    /// Rows of these weights.
    pub(super) kernels: Vec<Range<usize>>,
}

impl Penalty {
    /// Of all kernels of the zoo's one architecture.
    pub(super) fn of_kernels(l2: f64) -> Self {
        Self { l2, kernels: PLACES.iter().map(Place::kernel).collect() }
    }

    /// Its value for these parameters.
    pub(super) fn value(&self, params: &[Row]) -> f64 {
        let weights = self.kernels.iter().flat_map(|kernel| &params[kernel.clone()]).flat_map(|row| row.0);
        self.l2 * weights.map(|weight| f64::from(weight) * f64::from(weight)).sum::<f64>()
    }
}

impl Updates {
    /// Nothing remembered yet of a net of `n_rows` rows.
    pub(super) fn new(
        level: Level,
        optimizer: Optimizer,
        learning_rate: f64,
        penalty: Penalty,
        n_rows: usize,
    ) -> Self {
        let rows = || vec![Row::ZERO; n_rows];
        let (mean, mean_square) = (rows(), rows());
        Self { level, optimizer, learning_rate, penalty, mean, mean_square, powers: [1.0; 2] }
    }

    /// Adds the penalty's part to the gradient and moves the parameters one step against it.
    pub(super) fn update(&mut self, params: &mut [Row], gradient: &mut [Row]) {
        for (power, beta) in self.powers.iter_mut().zip(BETAS) {
            *power *= beta;
        }
        self.level.run(Update { updates: self, params, gradient });
    }
}

struct Update<'a> {
    updates: &'a mut Updates,
    params: &'a mut [Row],
    gradient: &'a mut [Row],
}

impl Job for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) {
        let Self { updates, params, gradient } = self;
        let Updates { optimizer, learning_rate, penalty, mean, mean_square, powers, .. } = updates;
        let decay = L::splat((2.0 * penalty.l2) as f32);
        for kernel in &penalty.kernels {
            for (g, p) in gradient[kernel.clone()].iter_mut().zip(&params[kernel.clone()]) {
                decay.mul_add(L::load(&p.0), L::load(&g.0)).store(&mut g.0);
            }
        }
        let rows = params.iter_mut().zip(gradient.iter()).zip(mean.iter_mut().zip(mean_square));
        let rate = *learning_rate;
        match optimizer {
            Optimizer::Sgd => {
                let step = L::splat(-rate as f32);
                for ((p, g), _) in rows {
                    step.mul_add(L::load(&g.0), L::load(&p.0)).store(&mut p.0);
                }
            }
            Optimizer::Adam => {
                let step = L::splat((-rate * (1.0 - powers[1]).sqrt() / (1.0 - powers[0])) as f32);
                let [keep, keep_square] = BETAS.map(|beta| beta as f32);
                let [take, take_square] = BETAS.map(|beta| (1.0 - beta) as f32);
                for ((p, g), (m, v)) in rows {
                    let g = L::load(&g.0);
                    let mean = L::splat(keep).mul_add(L::load(&m.0), L::splat(take).mul(g));
                    let square = L::splat(take_square).mul(g.mul(g));
                    let mean_square = L::splat(keep_square).mul_add(L::load(&v.0), square);
                    mean.store(&mut m.0);
                    mean_square.store(&mut v.0);
                    step.mul_add(fraction(mean, mean_square), L::load(&p.0)).store(&mut p.0);
                }
            }
            Optimizer::Rmsprop => {
                let step = L::splat(-rate as f32);
                for ((p, g), (_, v)) in rows {
                    let g = L::load(&g.0);
                    let square = L::splat(1.0 - RHO).mul(g.mul(g));
                    let mean_square = L::splat(RHO).mul_add(L::load(&v.0), square);
                    mean_square.store(&mut v.0);
                    step.mul_add(fraction(g, mean_square), L::load(&p.0)).store(&mut p.0);
                }
            }
        }
    }
}

/// `x / (sqrt(v) + ε)`.
#[inline(always)]
fn fraction<L: Lanes>(x: L, v: L) -> L {
    x.div(v.sqrt().add(L::splat(EPSILON)))
}

#[cfg(test)]
mod tests {
    use super::{super::architecture::N_ROWS, *};

    /// Two updates of one weight by the formulas, in f64.
    fn expected(optimizer: Optimizer, rate: f64, l2: f64, gradients: [f64; 2]) -> f64 {
        let (mut p, mut m, mut v) = (1.0f64, 0.0f64, 0.0f64);
        for (t, g) in gradients.into_iter().enumerate() {
            let g = g + 2.0 * l2 * p;
            p -= rate
                * match optimizer {
                    Optimizer::Sgd => g,
                    Optimizer::Adam => {
                        (m, v) = (0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g);
                        let t = t as i32 + 1;
                        (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t)) * m / (v.sqrt() + 1e-7)
                    }
                    Optimizer::Rmsprop => {
                        v = 0.9 * v + 0.1 * g * g;
                        g / (v.sqrt() + 1e-7)
                    }
                };
        }
        p
    }

    #[test]
    fn two_updates_follow_the_formulas_and_biases_are_not_penalized() {
        for optimizer in [Optimizer::Sgd, Optimizer::Adam, Optimizer::Rmsprop] {
            let penalty = Penalty::of_kernels(0.25);
            let mut updates = Updates::new(Level::detect(), optimizer, 0.1, penalty.clone(), N_ROWS);
            let (weight, bias) = (PLACES[1].kernel().start, PLACES[1].bias);
            let mut params = vec![Row::ZERO; N_ROWS];
            params[weight].0[3] = 1.0;
            params[bias].0[3] = 1.0;
            assert_eq!(penalty.value(&params), 0.25);
            for g in [0.5, -0.25] {
                let mut gradient = vec![Row::ZERO; N_ROWS];
                gradient[weight].0[3] = g;
                gradient[bias].0[3] = g;
                updates.update(&mut params, &mut gradient);
            }
            for (row, l2) in [(weight, 0.25), (bias, 0.0)] {
                let (found, expected) =
                    (f64::from(params[row].0[3]), expected(optimizer, 0.1, l2, [0.5, -0.25]));
                assert!((found - expected).abs() < 1e-6, "{optimizer:?}: {found} for {expected}");
            }
            assert_eq!(params[weight].0[4], 0.0);
        }
    }
}
