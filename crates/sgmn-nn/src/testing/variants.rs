//! Settings of ScaleGMN that between them use every option.

use crate::models::{
    Direction, EquivariantConfig, IoEmbedding, IoPath, OutputConfig, PerGraph, ReadoutRange, ScaleGmnConfig,
    SignInvariant, Symmetry,
};

/// Both directions.
pub const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Bidirectional];
/// All symmetries.
pub const SYMMETRIES: [Symmetry; 4] = [Symmetry::Sign, Symmetry::Scale, Symmetry::Own, Symmetry::Permutation];

/// The form of message and update nets.
pub fn net(n_layers: usize, io: IoPath, n_mlps: usize, positional: bool) -> EquivariantConfig {
    EquivariantConfig { n_layers, io, n_mlps, positional }
}

/// Two numbers for each net.
pub fn per_graph(readout: ReadoutRange, mlp_directions: bool) -> OutputConfig {
    OutputConfig::PerGraph(PerGraph { readout, d_out: 2, d_rho: 5, mlp_directions })
}

/// Between them every option, in the exact setting, for one symmetry and direction.
pub fn variants(symmetry: Symmetry, direction: Direction) -> Vec<(&'static str, ScaleGmnConfig)> {
    // The nets of the checks need not have the symmetry: what is computed is asked about.
    let base = ScaleGmnConfig { force_symmetry: true, ..ScaleGmnConfig::new(symmetry, direction, 6, 2) };
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
