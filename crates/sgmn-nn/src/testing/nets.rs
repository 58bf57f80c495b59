//! Architectures and nets that tests and checks read.

use std::sync::Arc;

use sgmn_graph::{Activation, LayerMap, LayerSpec, Net, NetSpec, Reading, Seed, testing};

use crate::layers::Scalings;

/// Why building an architecture below cannot fail.
const VALID: &str = "layers of equal neighbours make a valid net";

/// Activations whose symmetry a setting is made for.
pub fn activations(symmetry: Scalings) -> Vec<Activation> {
    let (sine, leaky) = (Activation::Sine { omega: 30.0 }, Activation::LeakyRelu { slope: 0.1 });
    match symmetry {
        Scalings::Sign => vec![sine, Activation::Tanh],
        Scalings::Scale => vec![Activation::Relu, leaky],
        // Every group; those that only permutations respect are tried one by one.
        Scalings::Own => vec![
            Activation::Relu,
            Activation::LeakyRelu { slope: 0.01 },
            Activation::Tanh,
            sine,
            Activation::Silu,
            Activation::Gelu,
            Activation::Identity,
        ],
        Scalings::Permutation => vec![Activation::Silu, Activation::Gelu],
    }
}

/// Architectures of different widths and depths, whose hidden layers take turns among the activations.
pub fn mixed_mlps(symmetry: Scalings, n_out: usize) -> Vec<Arc<NetSpec>> {
    let mut turn = activations(symmetry).into_iter().cycle();
    let mut spec = |widths: &[usize]| {
        let hidden: Vec<Activation> = turn.by_ref().take(widths.len() - 2).collect();
        Arc::new(NetSpec::mixed_mlp(widths, &hidden, 0.5).expect(VALID))
    };
    vec![spec(&[2, 5, 4, n_out]), spec(&[2, 6, n_out]), spec(&[2, 3, 5, 4, n_out]), spec(&[2, 4, 4, n_out])]
}

/// Nets of one hidden activation.
pub fn plain_mlps(activation: Activation) -> Vec<Arc<NetSpec>> {
    vec![Arc::new(NetSpec::mlp(&[2, 5, 4, 1], activation, 0.5).expect(VALID))]
}

/// CNNs of different kernels, one with an average and one with a flatten.
pub fn mixed_cnns(symmetry: Scalings) -> Vec<Arc<NetSpec>> {
    let activations = activations(symmetry);
    let conv = |n_in, n_out, kernel, activation| {
        LayerSpec::new(LayerMap::Conv { n_in, n_out, kernel, stride: [1, 1], padding: [0, 0] }, activation)
    };
    let linear = |n_in, n_out, reading, activation| {
        LayerSpec::new(LayerMap::Linear { n_in, n_out, reading }, activation)
    };
    let flatten = Reading::Flatten { positions: 4 };
    let (a, b) = (activations[0], activations[activations.len() - 1]);
    let uneven = vec![
        conv(1, 3, [3, 2], a),
        conv(3, 4, [1, 3], b),
        linear(4, 3, flatten, a),
        linear(3, 3, Reading::Direct, Activation::Identity),
    ];
    let zoo = NetSpec::cnn_zoo(&[1, 4, 3, 5, 3], b).expect(VALID);
    vec![Arc::new(zoo), Arc::new(NetSpec::new(uneven, 0.0).expect(VALID))]
}

/// Some random nets of each architecture, in turns.
pub fn nets(seed: Seed, specs: &[Arc<NetSpec>], n_each: u64) -> Vec<Net> {
    let net = |i: u64, spec| testing::random_net(seed.index(i), spec);
    (0..n_each).flat_map(|i| specs.iter().map(move |spec| net(i, spec))).collect()
}

/// Perceptrons of one hidden activation, or CNNs of two convolutions and an average with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nets {
    /// Two hidden layers, from two inputs to one output.
    Mlps,
    /// Images of one channel to three classes.
    Cnns,
}

impl Nets {
    /// Their architectures.
    pub fn specs(self, activation: Activation) -> Vec<Arc<NetSpec>> {
        match self {
            Self::Mlps => plain_mlps(activation),
            Self::Cnns => vec![Arc::new(NetSpec::cnn_zoo(&[1, 4, 3, 3], activation).expect(VALID))],
        }
    }
}
