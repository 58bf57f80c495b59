//! Starting values of variables.

use candle_core::{DType, Device, Result, Tensor};
use rand::RngExt;
use sgmn_graph::Seed;

/// A distribution of starting values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// The same value everywhere.
    Constant(f64),
    /// Uniform in `±1/√n_in`: what PyTorch's linear layer draws its weight and bias from.
    Linear {
        /// Width of the layer's input.
        n_in: usize,
    },
    /// Standard normal, for learned embeddings.
    Normal,
}

impl Init {
    /// Draws a tensor. Values are drawn in f64 and rounded, so both number types start alike.
    pub(super) fn draw(self, shape: &[usize], dtype: DType, device: &Device, seed: Seed) -> Result<Tensor> {
        let mut rng = seed.rng();
        let mut draw = || match self {
            Self::Constant(value) => value,
            Self::Linear { n_in } => {
                let bound = 1.0 / (n_in.max(1) as f64).sqrt();
                rng.random_range(-bound..bound)
            }
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
