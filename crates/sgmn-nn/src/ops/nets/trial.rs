//! Small nets on which every way to run nets is tried.

use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading, Result};

/// One of each kind that some kernel has a formula for; the frequency is low, so that chance inputs compare well in f32.
pub(in crate::ops) const ACTIVATIONS: [Activation; 6] = [
    Activation::Sine { omega: 1.5 },
    Activation::Tanh,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.1 },
    Activation::Silu,
    Activation::Gelu,
];

/// Two convolutions, one with a margin and another stride along each axis.
pub(in crate::ops) fn convolutions(activation: Activation) -> [LayerSpec; 2] {
    let conv = |n_in, n_out, stride, padding| {
        LayerSpec::new(LayerMap::Conv { n_in, n_out, kernel: [3, 2], stride, padding }, activation)
    };
    [conv(2, 3, [2, 1], [1, 0]), conv(3, 4, [1, 2], [0, 1])]
}

/// These convolutions and a layer that reads them.
pub(in crate::ops) fn cnn(activation: Activation, reading: Reading) -> Result<NetSpec> {
    let map = LayerMap::Linear { n_in: 4, n_out: 3, reading };
    let last = LayerSpec::new(map, Activation::Identity);
    NetSpec::new([&convolutions(activation)[..], &[last]].concat(), 0.0)
}
