//! Architectures of the wild zoo: what there is to choose, and how it is drawn.

use serde::{Deserialize, Serialize};
use sgmn_graph::{Activation, Seed};

use crate::zoo::draws::Draws;

/// Rows and columns of the images that nets read.
pub(super) const SIDE: usize = 14;

/// A net without its numbers. Each hidden layer is a map, a norm if there is one, and the activation; then a linear
/// layer to ten classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Architecture {
    /// Behind every hidden map.
    pub activation: Activation,
    /// Between map and activation.
    pub norm: Norm,
    /// What is added to what it reads.
    pub residual: Residual,
    /// Units or channels of the hidden layers, at least one.
    pub widths: Vec<usize>,
    /// What only convolutional nets have; without it maps are linear, and the image is one vector.
    pub convolutional: Option<Convolutional>,
}

/// What is added to what it reads, wherever both have one shape. The first layer reads the image and is added to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// Nothing.
    None,
    /// Every layer.
    Layer,
    /// Two layers together, the activation of the second behind the sum: the block of a ResNet.
    Block,
}

/// What only convolutional nets have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Convolutional {
    /// Rows and columns of the first kernel, 3 or 5; later ones have 3.
    pub kernel: usize,
    /// Steps of the hidden layers.
    pub strides: Vec<usize>,
    /// How layers behind the first mix channels.
    pub mixing: Mixing,
    /// What stands before the last layer.
    pub head: Head,
}

/// Between map and activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Nothing; maps have biases.
    None,
    /// Batch normalization.
    Batch,
    /// Layer normalization, over all units, or over all channels and places, with a gain and a shift a channel.
    Layer,
}

/// How a convolution mixes channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mixing {
    /// All with all.
    Full,
    /// In two groups.
    TwoGroups,
    /// In four groups.
    FourGroups,
    /// None, and behind it a convolution of one place that mixes all.
    Depthwise,
}

/// From channels at places to one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// All of them.
    Flatten,
    /// Means over places.
    Average,
}

/// Share of convolutional nets.
const CONVOLUTIONAL: f64 = 0.6;
/// Share of residual nets.
const RESIDUAL: f64 = 0.4;
/// The activations, all equally likely.
const ACTIVATIONS: [Activation; 5] = [
    Activation::Relu,
    Activation::Tanh,
    Activation::Silu,
    Activation::Gelu,
    Activation::LeakyRelu { slope: 0.1 },
];
const NORMS: [Norm; 3] = [Norm::None, Norm::Batch, Norm::Layer];
/// Half of the convolutional nets mix all channels.
const MIXINGS: [Mixing; 6] =
    [Mixing::Full, Mixing::Full, Mixing::Full, Mixing::TwoGroups, Mixing::FourGroups, Mixing::Depthwise];
const HEADS: [Head; 2] = [Head::Flatten, Head::Average];
/// Hidden layers of perceptrons, and their units.
const DEPTHS: [usize; 4] = [1, 2, 3, 4];
const UNITS: [usize; 5] = [8, 12, 16, 24, 32];
/// Hidden layers of convolutional nets, and their channels: multiples of four, for four groups.
const CONVOLUTIONAL_DEPTHS: [usize; 4] = [2, 3, 4, 5];
const CHANNELS: [usize; 4] = [4, 8, 12, 16];
const KERNELS: [usize; 2] = [3, 5];
/// Share of convolutional nets that halve the image once more behind the first layer.
const HALVED_AGAIN: f64 = 0.6;

impl Architecture {
    /// Draws all of it, each choice from a stream of its own.
    pub fn draw(seed: &Seed) -> Self {
        let draws = Draws(seed);
        let residual = draws.chance("residual", RESIDUAL);
        let is_convolutional = draws.chance("convolutional", CONVOLUTIONAL);
        let (depths, units) =
            if is_convolutional { (&CONVOLUTIONAL_DEPTHS, &CHANNELS[..]) } else { (&DEPTHS, &UNITS[..]) };
        let depth = draws.one_of("depth", depths);
        // One width everywhere lets every layer of a residual net be added.
        let width = |l: usize| draws.one_of(&format!("width {}", if residual { 0 } else { l }), units);
        Self {
            activation: draws.one_of("activation", &ACTIVATIONS),
            norm: draws.one_of("norm", &NORMS),
            residual: if residual { Residual::Layer } else { Residual::None },
            widths: (0..depth).map(width).collect(),
            convolutional: is_convolutional.then(|| Convolutional::draw(&draws, depth)),
        }
    }

    /// The word for its kind.
    pub fn kind(&self) -> &'static str {
        if self.convolutional.is_some() { "convolutional" } else { "perceptron" }
    }
}

impl Convolutional {
    fn draw(draws: &Draws<'_>, depth: usize) -> Self {
        // The first layer halves the image: all that follow take a quarter of the time.
        let mut strides = vec![1; depth];
        strides[0] = 2;
        if draws.chance("halved again", HALVED_AGAIN) {
            let later: Vec<usize> = (1..depth).collect();
            strides[draws.one_of("where", &later)] = 2;
        }
        Self {
            kernel: draws.one_of("kernel", &KERNELS),
            strides,
            mixing: draws.one_of("mixing", &MIXINGS),
            head: draws.one_of("head", &HEADS),
        }
    }
}

impl Residual {
    /// How many layers are added together.
    pub(super) fn n_layers(self) -> usize {
        match self {
            Self::None => 0,
            Self::Layer => 1,
            Self::Block => 2,
        }
    }
}

impl Mixing {
    /// Groups of a layer that reads `n_in` channels.
    pub(super) fn groups(self, n_in: usize) -> usize {
        match self {
            Self::Full => 1,
            Self::TwoGroups => 2,
            Self::FourGroups => 4,
            Self::Depthwise => n_in,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_reach_every_choice_and_residual_nets_have_one_width() {
        let draws: Vec<Architecture> = (0..600).map(|i| Architecture::draw(&Seed::new(5).index(i))).collect();
        let share = |holds: &dyn Fn(&Architecture) -> bool| {
            draws.iter().filter(|drawn| holds(drawn)).count() as f64 / draws.len() as f64
        };
        assert!((share(&|a| a.convolutional.is_some()) - CONVOLUTIONAL).abs() < 0.07);
        assert!((share(&|a| a.residual == Residual::Layer) - RESIDUAL).abs() < 0.07);
        for activation in ACTIVATIONS {
            assert!((share(&|a| a.activation == activation) - 0.2).abs() < 0.06, "{activation:?}");
        }
        for norm in NORMS {
            assert!((share(&|a| a.norm == norm) - 1.0 / 3.0).abs() < 0.07, "{norm:?}");
        }
        let convolutional = |holds: &dyn Fn(&Convolutional) -> bool| {
            share(&|a| a.convolutional.as_ref().is_some_and(holds)) / CONVOLUTIONAL
        };
        assert!((convolutional(&|c| c.mixing == Mixing::Full) - 0.5).abs() < 0.08);
        assert!((convolutional(&|c| c.head == Head::Average) - 0.5).abs() < 0.08);
        for drawn in &draws {
            assert!(
                drawn.residual == Residual::None
                    || drawn.widths.iter().all(|width| *width == drawn.widths[0])
            );
            let strides = drawn.convolutional.as_ref().map(|c| c.strides.len());
            assert!(strides.is_none_or(|n| n == drawn.widths.len()));
        }
    }
}
