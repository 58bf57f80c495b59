//! Nets and models that several tests examine.

use std::sync::Arc;

use candle_core::{DType, Device};
use sgmn_graph::{Activation, LayerMap, LayerSpec, Lowering, Net, NetSpec, Reading, Seed, testing};
use sgmn_nn::{
    Normalization, VarStore,
    models::{
        Direction, EquivariantConfig, IoEmbedding, IoPath, Model, ModelConfig, OutputConfig, PerGraph,
        ReadoutRange, ScaleGmnConfig, SignInvariant, Symmetry,
    },
};

pub(crate) const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Bidirectional];
pub(crate) const SYMMETRIES: [Symmetry; 4] =
    [Symmetry::Sign, Symmetry::Scale, Symmetry::Hetero, Symmetry::Permutation];

/// Activations whose symmetry a setting is made for.
pub(crate) fn activations(symmetry: Symmetry) -> Vec<Activation> {
    let (sine, leaky) = (Activation::Sine { omega: 30.0 }, Activation::LeakyRelu { slope: 0.1 });
    match symmetry {
        Symmetry::Sign => vec![sine, Activation::Tanh],
        Symmetry::Scale => vec![Activation::Relu, leaky],
        Symmetry::Hetero => testing::ACTIVATIONS.to_vec(),
        Symmetry::Permutation => vec![Activation::Silu, Activation::Gelu],
    }
}

/// Architectures of different widths and depths, whose hidden layers take turns among the activations.
pub(crate) fn mixed_mlps(symmetry: Symmetry, n_out: usize) -> Vec<Arc<NetSpec>> {
    let mut turn = activations(symmetry).into_iter().cycle();
    let mut spec = |widths: &[usize]| {
        let hidden: Vec<Activation> = turn.by_ref().take(widths.len() - 2).collect();
        Arc::new(NetSpec::mixed_mlp(widths, &hidden, 0.5).unwrap())
    };
    vec![spec(&[2, 5, 4, n_out]), spec(&[2, 6, n_out]), spec(&[2, 3, 5, 4, n_out]), spec(&[2, 4, 4, n_out])]
}

/// The device that the tests of models run on: a CUDA device where build and machine have one, the CPU elsewhere.
///
/// Each thread has its own: tensors of two handles do not mix, and a handle's products are not for two threads at once.
pub(crate) fn device() -> Device {
    thread_local! {
        static DEVICE: Device = Device::cuda_if_available(0).unwrap_or(Device::Cpu);
    }
    DEVICE.with(Device::clone)
}

/// Nets of one hidden activation.
pub(crate) fn plain_mlps(activation: Activation) -> Vec<Arc<NetSpec>> {
    vec![Arc::new(NetSpec::mlp(&[2, 5, 4, 1], activation, 0.5).unwrap())]
}

/// CNNs of different kernels, one with an average and one with a flatten.
pub(crate) fn mixed_cnns(symmetry: Symmetry) -> Vec<Arc<NetSpec>> {
    let activations = activations(symmetry);
    let conv = |n_in, n_out, kernel, activation| LayerSpec {
        map: LayerMap::Conv { n_in, n_out, kernel, stride: [1, 1], padding: [0, 0] },
        activation,
    };
    let linear = |n_in, n_out, reading, activation| LayerSpec {
        map: LayerMap::Linear { n_in, n_out, reading },
        activation,
    };
    let flatten = Reading::Flatten { positions: 4 };
    let (a, b) = (activations[0], *activations.last().unwrap());
    let uneven = vec![
        conv(1, 3, [3, 2], a),
        conv(3, 4, [1, 3], b),
        linear(4, 3, flatten, a),
        linear(3, 3, Reading::Direct, Activation::Identity),
    ];
    let zoo = NetSpec::cnn_zoo(&[1, 4, 3, 5, 3], b).unwrap();
    vec![Arc::new(zoo), Arc::new(NetSpec::new(uneven, 0.0).unwrap())]
}

/// Some random nets of each architecture, in turns.
pub(crate) fn nets(seed: Seed, specs: &[Arc<NetSpec>], n_each: u64) -> Vec<Net> {
    let net = |i: u64, spec| testing::random_net(seed.index(i), spec);
    (0..n_each).flat_map(|i| specs.iter().map(move |spec| net(i, spec))).collect()
}

/// The form of message and update nets.
pub(crate) fn net(n_layers: usize, io: IoPath, n_mlps: usize, positional: bool) -> EquivariantConfig {
    EquivariantConfig { n_layers, io, n_mlps, positional }
}

/// Two numbers for each net.
pub(crate) fn per_graph(readout: ReadoutRange, mlp_directions: bool) -> OutputConfig {
    OutputConfig::PerGraph(PerGraph { readout, d_out: 2, d_rho: 5, mlp_directions })
}

/// Between them every option, in the exact setting, for one symmetry and direction.
pub(crate) fn variants(symmetry: Symmetry, direction: Direction) -> Vec<(&'static str, ScaleGmnConfig)> {
    let base = ScaleGmnConfig::new(symmetry, direction, 6, 2);
    let both = |form: EquivariantConfig| ScaleGmnConfig { message: form, update: form, ..base.clone() };
    let changes = OutputConfig::PerParam { initial_scale: 0.5, n_copies: 1 };
    vec![
        ("as new makes it", base.clone()),
        (
            "full graph, gated",
            ScaleGmnConfig {
                output: per_graph(ReadoutRange::FullGraph, false),
                sign_invariant: SignInvariant::Absolute,
                ..both(net(1, IoPath::Gated, 3, false))
            },
        ),
        (
            "shared, positional, embedded edges",
            ScaleGmnConfig {
                edge_embedding: true,
                io_embedding: IoEmbedding::Product,
                node_skip: false,
                ..both(net(2, IoPath::Shared, 2, true))
            },
        ),
        (
            "equivariant ends, positional",
            ScaleGmnConfig {
                output: per_graph(ReadoutRange::LastLayer, true),
                layer_norm: false,
                d_mlp: vec![5, 7],
                ..both(net(1, IoPath::Equivariant, 3, true))
            },
        ),
        (
            "equivariant ends sharing one, linear maps",
            ScaleGmnConfig {
                output: per_graph(ReadoutRange::FullGraph, false),
                d_mlp: vec![],
                ..both(net(2, IoPath::Equivariant, 2, false))
            },
        ),
        (
            "three perceptrons, edges as they are",
            ScaleGmnConfig {
                edge_update: false,
                node_embedding: false,
                ..both(net(2, IoPath::Mlp, 3, false))
            },
        ),
        ("changes of parameters", ScaleGmnConfig { output: changes, ..base.clone() }),
        (
            "three changes of parameters, gated, positional",
            ScaleGmnConfig {
                output: OutputConfig::PerParam { initial_scale: 0.5, n_copies: 3 },
                sign_invariant: SignInvariant::Absolute,
                edge_embedding: true,
                n_layers: 2,
                dropout: 0.3,
                mlp_dropout: 0.3,
                ..both(net(1, IoPath::Gated, 2, true))
            },
        ),
    ]
}

/// A model for nets of these architectures.
pub(crate) fn build(
    config: &ScaleGmnConfig,
    specs: &[Arc<NetSpec>],
    normalization: Normalization,
    dtype: DType,
) -> (Box<dyn Model>, VarStore, Lowering) {
    build_any(&ModelConfig::ScaleGmn(config.clone()), specs, normalization, dtype)
}

/// A model of any kind for nets of these architectures.
pub(crate) fn build_any(
    config: &ModelConfig,
    specs: &[Arc<NetSpec>],
    normalization: Normalization,
    dtype: DType,
) -> (Box<dyn Model>, VarStore, Lowering) {
    let lowering = Lowering::new(specs).unwrap();
    let (model, vars) = config.build(&lowering, normalization, Seed::new(11), dtype, &device()).unwrap();
    (model, vars, lowering)
}
