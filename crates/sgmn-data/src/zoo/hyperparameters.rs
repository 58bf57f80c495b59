//! How a net of the zoo learns: drawn for every net, independently of the others.

use serde::{Deserialize, Serialize};
use sgmn_graph::Seed;

use super::draws::Draws;
use crate::formats::cnn_zoo::ZooActivation;

/// How a net of the zoo learns.
///
/// # Source
/// Names and meaning: the program and the README beside the zoo (`dnn_predict_accuracy` of google-research). Ranges:
/// Unterthiner et al. 2020, appendix on hyper-parameters; from memory, not compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyperparameters {
    /// Activation behind every convolution.
    pub activation: ZooActivation,
    /// Rule of the updates.
    pub optimizer: Optimizer,
    /// Learning rate per update, constant.
    pub learning_rate: f64,
    /// λ: the loss has λ times the sum of the squares of all kernels' weights added, biases left out.
    pub l2: f64,
    /// Probability with which an activation behind a convolution is dropped in training, in [0, 1).
    pub dropout: f64,
    /// How kernels start; biases start at 0.
    pub w_init: WeightInit,
    /// Standard deviation of the start, for the two kinds that take one.
    pub init_std: f64,
    /// Share of the training images that is used, in (0, 1].
    pub train_fraction: f64,
}

/// Rule of the updates, with Keras's constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// `p ← p − ηg`.
    Sgd,
    /// Adam with β = (0.9, 0.999).
    Adam,
    /// RMSprop with a decay of 0.9.
    Rmsprop,
}

/// How kernels start, named as in the zoo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WeightInit {
    /// Truncated normal of variance `2 / (fan_in + fan_out)`.
    #[serde(rename = "glorot_normal")]
    GlorotNormal,
    /// Truncated normal of variance `2 / fan_in`.
    #[serde(rename = "he_normal")]
    HeNormal,
    /// Orthonormal columns of the kernel as a matrix `[kh·kw·in, out]`, or rows where there are fewer of them.
    #[serde(rename = "orthogonal")]
    Orthogonal,
    /// Normal with standard deviation `init_std`.
    RandomNormal,
    /// The same without what lies beyond two standard deviations.
    TruncatedNormal,
}

pub(super) const OPTIMIZERS: [Optimizer; 3] = [Optimizer::Sgd, Optimizer::Adam, Optimizer::Rmsprop];
pub(super) const W_INITS: [WeightInit; 5] = [
    WeightInit::GlorotNormal,
    WeightInit::HeNormal,
    WeightInit::Orthogonal,
    WeightInit::RandomNormal,
    WeightInit::TruncatedNormal,
];
const ACTIVATIONS: [ZooActivation; 2] = [ZooActivation::Relu, ZooActivation::Tanh];
/// Drawn uniformly in the logarithm.
const LEARNING_RATES: [f64; 2] = [5e-4, 5e-2];
/// Drawn uniformly in the logarithm.
pub(super) const L2: [f64; 2] = [1e-8, 1e-2];
/// Drawn uniformly.
const MAX_DROPOUT: f64 = 0.7;
/// Drawn uniformly in the logarithm.
const INIT_STDS: [f64; 2] = [1e-3, 0.5];
/// Shares of the training images.
pub(super) const TRAIN_FRACTIONS: [f64; 4] = [0.1, 0.25, 0.5, 1.0];

impl Hyperparameters {
    /// Draws all of them, each from a stream of its own.
    pub fn draw(seed: &Seed) -> Self {
        let draws = Draws(seed);
        Self {
            activation: draws.one_of("activation", &ACTIVATIONS),
            optimizer: draws.one_of("optimizer", &OPTIMIZERS),
            learning_rate: draws.between("learning_rate", LEARNING_RATES),
            l2: draws.between("l2", L2),
            dropout: MAX_DROPOUT * draws.unit("dropout"),
            w_init: draws.one_of("w_init", &W_INITS),
            init_std: draws.between("init_std", INIT_STDS),
            train_fraction: draws.one_of("train_fraction", &TRAIN_FRACTIONS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_fill_their_ranges_and_choices_evenly() {
        let draws: Vec<_> = (0..4000).map(|i| Hyperparameters::draw(&Seed::new(3).index(i))).collect();
        let range = |of: fn(&Hyperparameters) -> f64| {
            let values = draws.iter().map(of);
            values.fold((f64::INFINITY, 0.0f64), |(low, high), value| (low.min(value), high.max(value)))
        };
        let fills = |(low, high): (f64, f64), [a, b]: [f64; 2]| {
            low >= a && low < 1.02 * a && high <= b && high > 0.98 * b
        };
        assert!(fills(range(|h| h.learning_rate), LEARNING_RATES));
        assert!(fills(range(|h| h.l2), L2) && fills(range(|h| h.init_std), INIT_STDS));
        let (low, high) = range(|h| h.dropout);
        assert!(low < 0.01 && high > 0.69 && high < 0.7);
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let middle = median(draws.iter().map(|h| h.learning_rate.ln()).collect());
        assert!((middle - 5e-3f64.ln()).abs() < 0.15, "uniform in the logarithm: {middle}");
        let share =
            |holds: fn(&Hyperparameters) -> bool| draws.iter().filter(|h| holds(h)).count() as f64 / 4000.0;
        assert!((share(|h| h.activation == ZooActivation::Tanh) - 0.5).abs() < 0.03);
        assert!((share(|h| h.optimizer == Optimizer::Rmsprop) - 1.0 / 3.0).abs() < 0.03);
        assert!((share(|h| h.w_init == WeightInit::TruncatedNormal) - 0.2).abs() < 0.03);
        assert!((share(|h| h.train_fraction == 1.0) - 0.25).abs() < 0.03);
    }
}
