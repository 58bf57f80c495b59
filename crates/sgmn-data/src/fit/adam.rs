//! Adam in single precision, for one net of a thousand parameters.

use super::{
    Recipe,
    simd::{Job, Lanes, Level},
};

/// Running averages of a gradient and of its square.
///
/// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `p ← p − lr/(1−β₁ᵗ) · m / (sqrt(v)/sqrt(1−β₂ᵗ) + ε)`, as PyTorch does.
#[derive(Debug)]
pub(super) struct Adam {
    level: Level,
    learning_rate: f64,
    betas: [f64; 2],
    epsilon: f64,
    mean: Vec<f32>,
    mean_square: Vec<f32>,
    /// β₁ᵗ and β₂ᵗ after t steps.
    powers: [f64; 2],
}

impl Adam {
    /// Averages of nothing, for `n_params` parameters.
    pub(super) fn new(level: Level, recipe: &Recipe, n_params: usize) -> Self {
        Self {
            level,
            learning_rate: recipe.learning_rate,
            betas: recipe.betas,
            epsilon: recipe.epsilon,
            mean: vec![0.0; n_params],
            mean_square: vec![0.0; n_params],
            powers: [1.0; 2],
        }
    }

    /// Forgets all steps.
    pub(super) fn restart(&mut self) {
        self.mean.fill(0.0);
        self.mean_square.fill(0.0);
        self.powers = [1.0; 2];
    }

    /// Moves the parameters one step against the gradient.
    pub(super) fn update(&mut self, params: &mut [f32], gradient: &[f32]) {
        for (power, beta) in self.powers.iter_mut().zip(self.betas) {
            *power *= beta;
        }
        self.level.run(Update { adam: self, params, gradient });
    }
}

struct Update<'a> {
    adam: &'a mut Adam,
    params: &'a mut [f32],
    gradient: &'a [f32],
}

impl Job for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize, const COLUMNS: usize>(self) {
        let Adam { learning_rate, betas, epsilon, mean, mean_square, powers, .. } = self.adam;
        let keep = [betas[0] as f32, betas[1] as f32];
        let take = [(1.0 - betas[0]) as f32, (1.0 - betas[1]) as f32];
        let rate = (*learning_rate / (1.0 - powers[0])) as f32;
        let root_scale = (1.0 / (1.0 - powers[1]).sqrt()) as f32;
        let epsilon = *epsilon as f32;
        let averages = mean.iter_mut().zip(mean_square.iter_mut());
        for ((p, g), (m, v)) in self.params.iter_mut().zip(self.gradient).zip(averages) {
            *m = keep[0] * *m + take[0] * g;
            *v = keep[1] * *v + take[1] * g * g;
            *p -= rate * (*m / (v.sqrt() * root_scale + epsilon));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_follow_the_formula() {
        let recipe = Recipe { learning_rate: 0.1, ..Recipe::default() };
        let mut adam = Adam::new(Level::detect(), &recipe, 1);
        let mut params = [1.0f32];
        let (mut p, mut m, mut v) = (1.0f64, 0.0, 0.0);
        for (t, g) in [(1, 0.5), (2, -0.25)] {
            adam.update(&mut params, &[g as f32]);
            (m, v) = (0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g);
            let (m_hat, v_hat): (f64, f64) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            p -= 0.1 * m_hat / (v_hat.sqrt() + 1e-8);
            assert!((f64::from(params[0]) - p).abs() < 1e-6);
        }
    }
}
