//! Settings of ScaleGMN that between them use every option.

use crate::{
    layers::{IoPath, Join, ScaleEqConfig, Scalings, SignInvariant},
    models::{Direction, OutputConfig, PerGraph, ReadoutRange, ScaleGmnConfig},
};

/// Both directions.
pub const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Bidirectional];
/// All choices of scalings.
pub const SCALINGS: [Scalings; 4] = [Scalings::Sign, Scalings::Scale, Scalings::Own, Scalings::Permutation];

/// The form of the stacks of messages and updates.
pub fn stack(n_layers: usize, io: IoPath, n_mlps: usize, positional: bool) -> ScaleEqConfig {
    ScaleEqConfig { n_layers, io, n_mlps, positional }
}

/// Two numbers for each net.
pub fn per_graph(readout: ReadoutRange) -> OutputConfig {
    OutputConfig::PerGraph(PerGraph { readout, d_out: 2, d_rho: 5 })
}

/// Between them every option, in the exact setting, for some scalings and a direction.
pub fn variants(scalings: Scalings, direction: Direction) -> Vec<(&'static str, ScaleGmnConfig)> {
    // The nets of the checks need not have the symmetry: what is computed is asked about.
    let base = ScaleGmnConfig { force_symmetry: true, ..ScaleGmnConfig::new(scalings, direction, 6, 2) };
    let both = |form: ScaleEqConfig| ScaleGmnConfig { message: form, update: form, ..base.clone() };
    let changes = OutputConfig::PerParam { initial_scale: 0.5, n_copies: 1 };
    vec![
        ("as new makes it", base.clone()),
        (
            "full graph, gated",
            ScaleGmnConfig {
                output: per_graph(ReadoutRange::FullGraph),
                sign_invariant: SignInvariant::Absolute,
                ..both(stack(1, IoPath::Gated, 3, false))
            },
        ),
        (
            "two gated layers, positional, embedded edges, sines where signs allow them",
            ScaleGmnConfig {
                n_sines: if matches!(scalings, Scalings::Sign | Scalings::Permutation) { 2 } else { 0 },
                edge_embedding: true,
                io_embedding: Join::Product,
                node_skip: false,
                ..both(stack(2, IoPath::Gated, 2, true))
            },
        ),
        (
            "perceptrons at both ends, positional",
            ScaleGmnConfig {
                output: per_graph(ReadoutRange::LastLayer),
                layer_norm: false,
                d_mlp: vec![5, 7],
                ..both(stack(1, IoPath::Mlp, 3, true))
            },
        ),
        (
            "perceptrons that both ends share, linear maps",
            ScaleGmnConfig {
                output: per_graph(ReadoutRange::FullGraph),
                d_mlp: vec![],
                ..both(stack(2, IoPath::Mlp, 2, false))
            },
        ),
        (
            "three perceptrons, edges as they are",
            ScaleGmnConfig {
                edge_update: false,
                node_embedding: false,
                ..both(stack(2, IoPath::Mlp, 3, false))
            },
        ),
        ("changes of parameters", ScaleGmnConfig { output: changes, ..base.clone() }),
        (
            "three changes of parameters, gated, positional",
            ScaleGmnConfig {
                output: OutputConfig::PerParam { initial_scale: 0.5, n_copies: 3 },
                sign_invariant: SignInvariant::Absolute,
                edge_embedding: true,
                n_rounds: 2,
                dropout: 0.3,
                mlp_dropout: 0.3,
                ..both(stack(1, IoPath::Gated, 2, true))
            },
        ),
    ]
}
