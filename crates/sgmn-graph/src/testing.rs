//! Random specs and nets from a seed, for tests here and in the crates above.

use std::sync::Arc;

use rand::RngExt;

use crate::{
    Activation, LayerMap, LayerPool, LayerSpec, Net, NetSpec, PoolAt, PoolKind, Reading, Seed, normal,
};

/// Every activation, the parametrized ones at usual values or near them.
pub const ACTIVATIONS: [Activation; 15] = [
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.01 },
    Activation::Tanh,
    Activation::Sine { omega: 30.0 },
    Activation::Silu,
    Activation::Gelu,
    Activation::Identity,
    Activation::Sigmoid,
    Activation::Softplus { beta: 1.5 },
    Activation::Elu { alpha: 0.75 },
    Activation::Selu,
    Activation::Mish,
    Activation::Hardswish,
    Activation::Gaussian,
    Activation::Relu6,
];

/// A random multi-layer perceptron with one to three hidden layers of one to six units.
pub fn random_mlp(seed: Seed, activation: Activation) -> Arc<NetSpec> {
    let mut rng = seed.child("mlp").rng();
    let n_hidden = rng.random_range(1..=3);
    let widths: Vec<usize> = (0..n_hidden + 2).map(|_| rng.random_range(1..=6)).collect();
    Arc::new(NetSpec::mlp(&widths, activation, 0.25).expect("widths of at least 1 make a valid net"))
}

/// A random CNN: one or two convolutions of different kernels, then a flatten or an average, then dense layers.
///
/// It reads images of the size that [`input_values`] knows.
pub fn random_cnn(seed: Seed, activation: Activation) -> Arc<NetSpec> {
    let mut rng = seed.child("cnn").rng();
    let mut n_in = rng.random_range(1..=2);
    let mut side = CNN_SIDE;
    let mut layers = Vec::new();
    for _ in 0..rng.random_range(1..=2) {
        let n_out = rng.random_range(1..=4);
        let kernel = [rng.random_range(1..=3), rng.random_range(1..=3)];
        // Padding to the same size keeps the image square whatever the kernel.
        let map = LayerMap::Conv {
            n_in,
            n_out,
            kernel: [kernel[0] | 1, kernel[1] | 1],
            stride: [1, 1],
            padding: [(kernel[0] | 1) / 2, (kernel[1] | 1) / 2],
        };
        layers.push(LayerSpec::new(map, activation));
        n_in = n_out;
    }
    let flatten = rng.random_bool(0.5);
    side *= usize::from(flatten);
    let reading = if flatten { Reading::Flatten { positions: side * side } } else { Reading::GlobalAverage };
    let n_hidden = rng.random_range(1..=4);
    layers.push(LayerSpec::new(LayerMap::Linear { n_in, n_out: n_hidden, reading }, activation));
    let map = LayerMap::Linear { n_in: n_hidden, n_out: rng.random_range(1..=3), reading: Reading::Direct };
    layers.push(LayerSpec::new(map, Activation::Identity));
    Arc::new(NetSpec::new(layers, 0.0).expect("neighbours were given equal widths"))
}

/// The same architecture without the biases of some layers: each loses its own by the toss of a coin, and one surely.
pub fn without_some_biases(seed: Seed, spec: &NetSpec) -> Arc<NetSpec> {
    let mut rng = seed.child("biases").rng();
    let mut layers = spec.layers().to_vec();
    let surely = rng.random_range(0..layers.len());
    for (l, layer) in layers.iter_mut().enumerate() {
        layer.bias = rng.random_bool(0.5) && l != surely;
    }
    Arc::new(NetSpec::new(layers, spec.output_offset()).expect("a net needs no bias"))
}

/// A CNN of [`random_cnn`] with pooling of any kind behind some of its convolutions, and one surely. Images have the same
/// size as before, and a flatten reads as many positions as are left.
pub fn with_some_pools(seed: Seed, spec: &NetSpec) -> Arc<NetSpec> {
    let mut rng = seed.child("pools").rng();
    let mut layers = spec.layers().to_vec();
    let n_convolutions = layers.iter().filter(|layer| layer.map.kernel().is_some()).count();
    let surely = rng.random_range(0..n_convolutions);
    let mut size = [CNN_SIDE; 2];
    for (l, layer) in layers.iter_mut().enumerate() {
        match &mut layer.map {
            LayerMap::Conv { .. } if rng.random_bool(0.5) || l == surely => {
                let window = size.map(|side| rng.random_range(1..=side.min(3)));
                // A window of one place is no pooling.
                let window = if window == [1, 1] { size.map(|side| side.min(2)) } else { window };
                let pool = LayerPool {
                    kind: if rng.random() { PoolKind::Max } else { PoolKind::Mean },
                    window,
                    stride: window.map(|n| rng.random_range(1..=n)),
                    padding: window.map(|n| rng.random_range(0..=n / 2)),
                    at: if rng.random() { PoolAt::BeforeActivation } else { PoolAt::AfterActivation },
                };
                size = pool.size_after(size).expect("no window is larger than what it reads");
                layer.pool = Some(pool);
            }
            LayerMap::Linear { reading: Reading::Flatten { positions }, .. } => {
                *positions = size[0] * size[1]
            }
            _ => {}
        }
    }
    Arc::new(NetSpec::new(layers, spec.output_offset()).expect("positions were counted"))
}

/// Height and width of the images that [`random_cnn`]'s nets read.
const CNN_SIDE: usize = 4;

/// A net with parameters from a normal distribution, scaled by the root of each layer's fan-in; biases of like size.
pub fn random_net(seed: Seed, spec: &Arc<NetSpec>) -> Net {
    let mut rng = seed.child("params").rng();
    let mut params = vec![0.0; spec.n_params()];
    for (l, layer) in spec.layers().iter().enumerate() {
        let n_in: usize = spec.weight_shape(l)[1..].iter().product();
        // A sine of 30 times its input needs small input to stay smooth, as in a SIREN.
        let gain = match layer.activation {
            Activation::Sine { omega } => 1.5 / omega,
            _ => 1.0,
        };
        for value in &mut params[spec.weight_range(l).start..spec.bias_range(l).end] {
            *value = gain * normal(&mut rng) / (n_in as f64).sqrt();
        }
    }
    Net::new(spec.clone(), params).expect("the draws are finite and as many as the spec asks for")
}

/// A random input for nets of a spec made here: image nets read squares of one fixed size.
pub fn input_values(seed: Seed, spec: &NetSpec) -> Vec<f64> {
    let mut rng = seed.child("input").rng();
    let n_positions = if spec.is_convolutional() { CNN_SIDE * CNN_SIDE } else { 1 };
    (0..spec.widths()[0] * n_positions).map(|_| normal(&mut rng)).collect()
}
