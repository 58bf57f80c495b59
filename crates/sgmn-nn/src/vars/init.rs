//! Starting values of variables.

use candle_core::{DType, Device, Result, Tensor};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use sgmn_graph::Seed;

/// A distribution of starting values.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// The same value everywhere.
    Constant(f64),
    /// Uniform in `±1/√n_in`: what PyTorch's linear layer draws its weight and bias from.
    Linear {
        /// Width of the layer's input.
        n_in: usize,
    },
    /// The weight of a linear map without bias, as the model's [`Start`] says.
    Map {
        /// Width of the map's input.
        n_in: usize,
    },
    /// The last bias of a perceptron whose output multiplies a feature, as the model's [`Start`] says.
    Gate {
        /// Width of the last layer's input.
        n_in: usize,
    },
    /// Uniform between minus and plus a bound.
    Uniform {
        /// The bound.
        bound: f64,
    },
    /// Standard normal, for learned embeddings.
    Normal,
}

/// How the factors of equivariant products start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// As PyTorch starts every linear layer, and so the published program: each product shrinks what it multiplies.
    #[default]
    Pytorch,
    /// Features keep their size: maps start in `±√(3/n_in)`, which keeps the variance, and gates start around 1.
    ///
    /// Deep products of small factors otherwise leave layer normalizations with nothing but their biases, and training
    /// waits at chance until they have grown.
    Balanced,
}

impl Init {
    /// The distribution that a start makes of this one.
    pub(super) fn under(self, start: Start) -> Self {
        match (self, start) {
            (Self::Map { n_in } | Self::Gate { n_in }, Start::Pytorch) => Self::Linear { n_in },
            (Self::Gate { .. }, Start::Balanced) => Self::Constant(1.0),
            (init, _) => init,
        }
    }

    /// Draws a tensor. Values are drawn in f64 and rounded, so both number types start alike.
    pub(super) fn draw(self, shape: &[usize], dtype: DType, device: &Device, seed: Seed) -> Result<Tensor> {
        let mut rng = seed.rng();
        let mut draw = || match self {
            Self::Constant(value) => value,
            Self::Linear { n_in } | Self::Gate { n_in } => {
                let bound = 1.0 / (n_in.max(1) as f64).sqrt();
                rng.random_range(-bound..bound)
            }
            Self::Map { n_in } => {
                let bound = (3.0 / n_in.max(1) as f64).sqrt();
                rng.random_range(-bound..bound)
            }
            Self::Uniform { bound } => rng.random_range(-bound..bound),
            Self::Normal => {
                // The method of Box and Muller; 1 − u keeps the logarithm finite.
                let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
                radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
            }
        };
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| draw()).collect();
        Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }
}
