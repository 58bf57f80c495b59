//! What follows from a configuration and an architecture before there are numbers: groups, paths, reversed edges.

use sgmn_graph::Topology;
use sgmn_symmetry::{Law, Place, ScaleGroup};

use super::{Direction, ReversedScale, ScaleGmnConfig};
use crate::layers::Scalings;

/// The scalings of every site of an architecture.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    /// By which its features scale: inputs and outputs never do.
    pub(crate) of_features: Vec<ScaleGroup>,
    /// By which equivariant layers and edge updates canonicalize: inputs and outputs like hidden layers, so that one
    /// learned map may serve both.
    pub(crate) canonical: Vec<ScaleGroup>,
}

impl Groups {
    /// The groups of the sites of a topology.
    pub(crate) fn new(scalings: Scalings, topology: &Topology) -> Self {
        let scaling = scalings.scaling();
        Self { of_features: scaling.of_sites(topology), canonical: scaling.of_sites_alike(topology) }
    }
}

/// Whether an edge's feature times its sender's scales like the receiver, so that the ordinary message is exact.
pub(crate) fn is_message(edges: Law, place: Place, senders: Law) -> bool {
    edges.times(Law::new(place, 0, senders.receiver()), place) == Law::node(place)
}

/// Whether a weight read against its direction makes an exact message between units of these groups: it does for
/// signs, where 1/q = q.
pub(crate) fn reversed_weight_fits(receiver: ScaleGroup, sender: ScaleGroup) -> bool {
    let place = Place::edge(receiver, sender);
    is_message(Law::weight(place.reversed()).reversed(), place, Law::node(Place::node(sender)))
}

/// The edge features that reversed messages read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReversedEdges {
    /// Those of the forward direction, as they are now.
    Shared,
    /// Those of the forward direction, as they were before the first round.
    Initial,
    /// Their own, from the weights.
    Own,
    /// Their own, from the weights' reciprocals.
    OwnReciprocal,
}

impl ReversedEdges {
    /// What a configuration's reversed messages read, if it has such messages.
    pub(crate) fn of(config: &ScaleGmnConfig) -> Option<Self> {
        if config.direction == Direction::Forward {
            return None;
        }
        Some(match (config.scalings, config.reversed_scale()) {
            (Scalings::Sign | Scalings::Permutation, _) if config.is_published() => Self::Initial,
            (Scalings::Sign | Scalings::Permutation, _) | (_, ReversedScale::Relative) => Self::Shared,
            (_, ReversedScale::Reciprocal) => Self::OwnReciprocal,
            (Scalings::Scale, ReversedScale::Published) => Self::Own,
            (Scalings::Own, ReversedScale::Published) => Self::Initial,
        })
    }

    /// Whether they are updated by maps of their own.
    pub(crate) fn are_updated(self) -> bool {
        matches!(self, Self::Own | Self::OwnReciprocal)
    }
}

/// Where the variables of one round lie, as in published checkpoints.
///
/// Forward models keep a round's parts together, bidirectional ones in lists beside the two directions.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) forward: String,
    pub(crate) backward: String,
    pub(crate) update: String,
    pub(crate) edge_update: String,
    pub(crate) reversed_edge_update: String,
    pub(crate) skip: String,
    pub(crate) tied: String,
}

impl Paths {
    /// The paths of round `k`, counted from 0.
    pub(crate) fn new(direction: Direction, k: usize) -> Self {
        let forward = format!("gnn.fw_layers.{k}");
        let (update, edge_update) = match direction {
            Direction::Forward => {
                (format!("{forward}.update_node_feats_fn"), format!("{forward}.update_edge_attr_fn"))
            }
            Direction::Bidirectional => {
                (format!("gnn.update_node_feats_fn.{k}"), format!("gnn.fw_update_edge_attr_fn.{k}"))
            }
        };
        Self {
            forward,
            backward: format!("gnn.bw_layers.{k}"),
            update,
            edge_update,
            reversed_edge_update: format!("gnn.bw_update_edge_attr_fn.{k}"),
            skip: format!("gnn.skip_layers.{k}"),
            tied: format!("gnn.tied_layers.{k}"),
        }
    }
}
