//! How a net of the wild zoo learns: drawn for every net, independently of its architecture.

use serde::{Deserialize, Serialize};
use sgmn_graph::Seed;

use crate::zoo::{
    Optimizer, WeightInit,
    draws::Draws,
    hyperparameters::{L2, OPTIMIZERS, W_INITS},
};

/// How a net learns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Rule of the updates.
    pub optimizer: Optimizer,
    /// Learning rate per update, constant.
    pub learning_rate: f64,
    /// λ: the loss has λ times the sum of the squares of all weights of maps added.
    pub l2: f64,
    /// Passes over the images.
    pub epochs: u32,
    /// Share of the training images that is used, in (0, 1].
    pub train_fraction: f64,
    /// Share of these images whose class is replaced, once, by one of the ten drawn at random.
    pub label_noise: f64,
    /// How weights start; biases start at 0, gains at 1.
    pub w_init: WeightInit,
    /// Standard deviation of the start, for the two kinds that take one.
    pub init_std: f64,
}

/// Shares of the training images, all equally likely.
pub(super) const FRACTIONS: [f64; 3] = [0.25, 0.5, 1.0];
/// Passes over the images at least, if as many are allowed.
const LEAST_EPOCHS: u32 = 2;
/// Drawn uniformly in the logarithm; plain descent needs larger ones.
const RATES_OF_SGD: [f64; 2] = [5e-3, 0.5];
const RATES: [f64; 2] = [3e-4, 3e-2];
/// Drawn uniformly in the logarithm: smaller ones leave deep nets without a norm where they start.
const INIT_STDS: [f64; 2] = [0.03, 0.3];
/// Share of nets that learn from right classes only; for the others the share of noise is uniform up to the most.
const RIGHT: f64 = 0.5;
const MOST_NOISE: f64 = 0.8;

impl Training {
    /// Draws all of it, each from a stream of its own; 2 to `most_epochs` epochs, uniform in the logarithm.
    pub fn draw(seed: &Seed, most_epochs: u32) -> Self {
        let draws = Draws(seed);
        let optimizer = draws.one_of("optimizer", &OPTIMIZERS);
        let rates = if optimizer == Optimizer::Sgd { RATES_OF_SGD } else { RATES };
        let least = LEAST_EPOCHS.min(most_epochs);
        let is_right = draws.chance("right", RIGHT);
        Self {
            optimizer,
            learning_rate: draws.between("learning_rate", rates),
            l2: draws.between("l2", L2),
            // Rounded down from below the next number.
            epochs: (draws.between("epochs", [least.into(), f64::from(most_epochs) + 1.0]) as u32)
                .min(most_epochs),
            train_fraction: draws.one_of("train_fraction", &FRACTIONS),
            label_noise: if is_right { 0.0 } else { MOST_NOISE * draws.unit("label_noise") },
            w_init: draws.one_of("w_init", &W_INITS),
            init_std: draws.between("init_std", INIT_STDS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_fill_their_ranges() {
        let draws: Vec<Training> = (0..2000).map(|i| Training::draw(&Seed::new(8).index(i), 16)).collect();
        let share = |holds: &dyn Fn(&Training) -> bool| {
            draws.iter().filter(|drawn| holds(drawn)).count() as f64 / draws.len() as f64
        };
        assert!(draws.iter().all(|t| (2..=16).contains(&t.epochs) && t.label_noise < MOST_NOISE));
        assert!(share(&|t| t.epochs == 16) > 0.01 && share(&|t| t.epochs == 2) > 0.15);
        assert!((share(&|t| t.label_noise == 0.0) - RIGHT).abs() < 0.05);
        let fast = share(&|t| t.optimizer == Optimizer::Sgd && t.learning_rate > RATES[1]);
        assert!((fast - 0.61 / 3.0).abs() < 0.04, "{fast}");
        assert!(draws.iter().all(|t| t.optimizer == Optimizer::Sgd || t.learning_rate < RATES[1]));
        assert!(Training::draw(&Seed::new(1), 1).epochs == 1);
    }
}
