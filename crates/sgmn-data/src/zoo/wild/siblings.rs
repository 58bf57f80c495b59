//! Nets of one architecture that learn alike and differ by chance alone: what alignment and merging are tried on.

use serde::{Deserialize, Serialize};
use sgmn_graph::Activation;

use super::{
    architecture::{Architecture, Convolutional, Head, Mixing, Norm, Residual},
    training::Training,
};
use crate::zoo::{Optimizer, WeightInit};

/// What all nets of a zoo are, if nothing is drawn for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Siblings {
    /// Two convolutions of 32 and 64 channels with stride 2, ReLU, no norms, the mean over places.
    Cnn,
    /// Two convolutions of 16 and 32 channels with stride 2, three blocks of two convolutions that are added to what they read,
    /// batch norms, ReLU, the mean over places.
    Resnet,
    /// A linear layer of 128 units, two blocks of two layers that are added to what they read, layer norms, ReLU.
    Perceptron,
}

/// Merging works better the wider nets are; these still train within a minute or so on a few thousand images.
const WIDTHS: [&[usize]; 3] = [&[32, 64], &[16, 32, 32, 32, 32, 32, 32, 32], &[128; 5]];
/// For Adam, as its authors have it.
const LEARNING_RATE: f64 = 1e-3;
/// Weak: nets on few images know all of them soon, and then grow without end.
const L2: f64 = 1e-4;

impl Siblings {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Cnn, Self::Resnet, Self::Perceptron];

    /// The architecture of all nets.
    pub fn architecture(self) -> Architecture {
        let widths = WIDTHS[self as usize].to_vec();
        let convolutional = |strides: Vec<usize>| {
            Some(Convolutional { kernel: 3, strides, mixing: Mixing::Full, head: Head::Average })
        };
        // The first two halve the image.
        let mut halved = vec![1; widths.len()];
        halved[..2].fill(2);
        let (norm, residual, convolutional) = match self {
            Self::Cnn => (Norm::None, Residual::None, convolutional(halved)),
            Self::Resnet => (Norm::Batch, Residual::Block, convolutional(halved)),
            Self::Perceptron => (Norm::Layer, Residual::Block, None),
        };
        Architecture { activation: Activation::Relu, norm, residual, widths, convolutional }
    }

    /// How all nets learn: from all images, with their right classes.
    pub fn training(self, epochs: u32) -> Training {
        Training {
            optimizer: Optimizer::Adam,
            learning_rate: LEARNING_RATE,
            l2: L2,
            epochs,
            train_fraction: 1.0,
            label_noise: 0.0,
            w_init: WeightInit::HeNormal,
            init_std: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_of_a_resnet_adds_two_convolutions_before_the_last_activation() {
        let text = Siblings::Resnet.architecture().description().toml;
        let block = r#"    { op = "same", as = "stream" },
    { op = "conv", name = "layers.2.map", padding = 1 },
    { op = "batch_norm", name = "layers.2.norm", epsilon = 1e-5 },
    "relu",
    { op = "conv", name = "layers.3.map", padding = 1 },
    { op = "batch_norm", name = "layers.3.norm", epsilon = 1e-5 },
    { op = "add", with = "stream" },
    "relu",
"#;
        assert!(text.contains(block), "{text}");
        assert_eq!(text.matches("\"add\"").count(), 3);
    }
}
