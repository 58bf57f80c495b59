//! How much arithmetic a ScaleGMN asks for, once nothing is computed twice: what a measured time is held against.

use sgmn_graph::Topology;
use sgmn_symmetry::ScaleGroup;

use crate::{
    layers::{IoPath, Role, Scalings, SignInvariant},
    models::{
        Direction, ReversedScale, ScaleGmnConfig,
        scalegmn::{
            plan::{Groups, ReversedEdges, reversed_weight_fits},
            reach::{Live, live_rounds},
        },
    },
    ops::EdgeAxis,
};

/// The products of an edge's row with a learned matrix that one forward pass over one net needs.
///
/// What is counted is what the mathematics needs, not what a program does, so that faster programs reach higher shares
/// of the same number. The unit is d², one product of a row with a `[d, d]` matrix. For an edge into a hidden unit:
///
/// | part | from the second layer on | first layer |
/// | --- | --- | --- |
/// | message: `W_e e`, `W u`, φ | 2 + 2 | 1 |
/// | the same where signs are symmetrized: ρ, φ | 2 + 3 | 2 |
/// | relative message against an edge (with ρ) | 2 (3) | 0 (1) |
/// | edge update: `W e`, φ | 2 | 1 |
///
/// 1. What depends on a node alone is computed on nodes, of which there are few, and not counted.
/// 2. `ρ(x) + ρ(−x)` shares its first product and sums before its last one; dividing by a norm and `|x|` need none.
/// 3. Of two linear maps in a row one remains, unless their product is the larger matrix.
/// 4. A linear map that only a sum over senders follows is applied to the sum, on nodes: the last one of a perceptron
///    that is a message (into outputs, or relative).
/// 5. Features of the first layer are the edge's own number times a vector, and products of them are the number times a
///    product on nodes. Where an edge has K > 1 numbers that takes K rows a node; the fewer of these and the edges are
///    counted. Products with the K numbers themselves are not.
/// 6. Edges into gated inputs and outputs are counted like those into hidden units.
///
/// The published MNIST configuration has 22 d² an edge: 2 + 1, twice 5 + 2, and 5. Its read-out reads the outputs alone,
/// so the last messages into hidden units, and what only those need, matter to nobody: [`ReducedWork::that_is_read`]
/// leaves them out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReducedWork {
    multiply_adds: usize,
    n_edges: usize,
    d_hidden: usize,
}

impl ReducedWork {
    /// Counts the products of all layers for nets of one architecture.
    pub fn of(config: &ScaleGmnConfig, topology: &Topology) -> Self {
        Self::counted(config, topology, || None)
    }

    /// Counts those products alone that the output depends on.
    pub fn that_is_read(config: &ScaleGmnConfig, topology: &Topology) -> Self {
        Self::counted(config, topology, || Some(live_rounds(config, topology)))
    }

    fn counted(
        config: &ScaleGmnConfig,
        topology: &Topology,
        live: impl FnOnce() -> Option<Vec<Live>>,
    ) -> Self {
        let groups = Groups::new(config.scalings, topology);
        let count = Count { config, topology, groups, live: live() };
        Self { multiply_adds: count.all(), n_edges: topology.n_edges(), d_hidden: config.d_hidden }
    }

    /// Products with a `[d, d]` matrix for each edge, averaged over the edges of the net.
    pub fn products_per_edge(&self) -> f64 {
        self.multiply_adds as f64 / (self.d_hidden * self.d_hidden * self.n_edges) as f64
    }

    /// Floating-point operations of a forward pass over one net, two for each multiplication with its addition.
    pub fn forward_flop(&self) -> f64 {
        2.0 * self.multiply_adds as f64
    }

    /// Floating-point operations of a training step for one net: the way back needs two products for each of the way
    /// there, and what it computes a second time is not counted.
    pub fn step_flop(&self) -> f64 {
        3.0 * self.forward_flop()
    }
}

/// A count under way.
struct Count<'a> {
    config: &'a ScaleGmnConfig,
    topology: &'a Topology,
    groups: Groups,
    /// The features that matter after each layer; absent: all do.
    live: Option<Vec<Live>>,
}

/// A perceptron of edge rows: multiply-adds a row.
struct RowWork {
    /// Of the first product, the only one that may be done on nodes.
    first: usize,
    /// Of the products between the first and the last.
    inner: usize,
    /// Of the last product, which may be done on sums.
    last: usize,
}

/// One block of edges, as the features of its messages see it.
#[derive(Clone, Copy)]
struct Block {
    /// Place among the edge layers.
    l: usize,
    /// Rows, one an edge.
    n_rows: usize,
    /// Whether the edge features are still those of the first layer.
    initial: bool,
}

impl Count<'_> {
    fn all(&self) -> usize {
        let n_layers = self.config.n_rounds;
        (0..n_layers)
            .flat_map(|k| (0..self.topology.n_layers()).map(move |l| (k, l)))
            .map(|(k, l)| self.step(k, l))
            .sum()
    }

    /// Everything that layer `k` of the model does with edge layer `l`.
    fn step(&self, k: usize, l: usize) -> usize {
        let config = self.config;
        let initial = k == 0 || !config.edge_update;
        let block = Block { l, n_rows: self.topology.edge_range(l).len(), initial };
        let is_last = k + 1 == config.n_rounds;
        let live = self.live.as_ref().map(|layers| &layers[k]);
        let matters = |features: fn(&Live) -> &[bool], i: usize| live.is_none_or(|live| features(live)[i]);
        let mut work = 0;
        if matters(|live| &live.nodes, l + 1) {
            work += self.message(block, l + 1, EdgeAxis::Senders);
        }
        if config.edge_update && (!is_last || config.changes_params()) && matters(|live| &live.edges, l) {
            work += self.edge_update(block, is_last);
        }
        let Some(reversed_edges) = ReversedEdges::of(config) else { return work };
        let reversed = Block { initial: initial || reversed_edges == ReversedEdges::Initial, ..block };
        if matters(|live| &live.nodes, l) {
            work += if self.is_relative(l) {
                self.relative(reversed)
            } else {
                self.message(reversed, l, EdgeAxis::Receivers)
            };
        }
        let updates = config.edge_update && !is_last && reversed_edges.are_updated();
        if updates && matters(|live| &live.reversed, l) {
            work += self.edge_update(reversed, false);
        }
        work
    }

    /// Messages into node layer `receiver`; senders stand along one axis of the block.
    fn message(&self, block: Block, receiver: usize, senders: EdgeAxis) -> usize {
        let (config, d, n_rows) = (self.config, self.config.d_hidden, block.n_rows);
        if config.scalings == Scalings::Permutation {
            return n_rows * (if block.initial { 0 } else { self.joint(d) } + self.plain().inner);
        }
        let of_edges = if block.initial { 0 } else { n_rows * d * d };
        let of_u = if block.initial { self.rows_on_nodes(block.l, senders) } else { n_rows };
        let net = &config.message;
        let role = self.topology.sites()[receiver].role;
        if net.io == IoPath::Mlp && role != Role::Hidden {
            let RowWork { first, inner, .. } = self.plain();
            let joints = (net.n_layers - 1) * (inner + self.joint(d));
            return of_edges + of_u * first + n_rows * (inner + joints);
        }
        let gate = self.gate(self.groups.canonical[receiver], d);
        let rest = n_rows * (gate.inner + gate.last);
        let of_first = if self.is_bent(receiver, block.l) { n_rows } else { of_u };
        let first = of_u * d * d + of_first * gate.first + rest;
        of_edges + first + (net.n_layers - 1) * (n_rows * (d * d + gate.first) + rest)
    }

    /// Relative messages against the edges of a block.
    fn relative(&self, block: Block) -> usize {
        let Block { l, n_rows, initial } = block;
        let sender = l + 1;
        let of_edges = if initial { 0 } else { n_rows * self.config.d_hidden * self.config.d_hidden };
        let of_u = match initial {
            true if !self.is_bent(sender, l) => self.rows_on_nodes(l, EdgeAxis::Senders),
            _ => n_rows,
        };
        // Its canonical form is of u and the sender side by side; what comes from the sender is done on nodes.
        let RowWork { first, inner, .. } =
            self.gate(self.groups.of_features[sender], 2 * self.config.d_hidden);
        of_edges + of_u * first + n_rows * inner
    }

    fn edge_update(&self, block: Block, to_params: bool) -> usize {
        let d = self.config.d_hidden;
        let RowWork { inner, last, .. } = self.plain();
        let from_last_layer = |work: usize| if block.initial { 0 } else { work };
        block.n_rows
            * match self.config.scalings {
                // Its last map merges with the first ones of the next layer, which read the edges.
                Scalings::Permutation => from_last_layer(self.joint(d)) + inner,
                // The rows that become changes of weights are as short as the edge's own numbers, for each copy.
                _ if to_params => inner + self.copies(),
                _ if self.config.d_mlp.is_empty() => from_last_layer(d * d),
                _ => from_last_layer(d * d) + inner + last,
            }
    }

    /// The linear map and the gate to the changes of several copies; to one number an edge they count as none.
    fn copies(&self) -> usize {
        let d = self.config.d_hidden;
        let n = self.config.n_copies().filter(|n| *n > 1).unwrap_or(0);
        n * (d + self.config.d_mlp.last().unwrap_or(&d))
    }

    /// A perceptron from and to the model's width; one without hidden layers is nothing but its last product.
    fn plain(&self) -> RowWork {
        let (d, hidden) = (self.config.d_hidden, self.config.d_mlp.as_slice());
        let (Some(h_first), Some(h_last)) = (hidden.first(), hidden.last()) else {
            return RowWork { first: 0, inner: 0, last: d * d };
        };
        let inner = hidden.windows(2).map(|pair| pair[0] * pair[1]).sum();
        RowWork { first: d * h_first, inner, last: h_last * d }
    }

    /// `φ(canon(u))`, where the canonical form is as wide as `d_canonical`.
    fn gate(&self, group: ScaleGroup, d_canonical: usize) -> RowWork {
        let phi = self.plain();
        let signs = matches!(group, ScaleGroup::Sign | ScaleGroup::NonZero);
        if !signs || self.config.sign_invariant == SignInvariant::Absolute {
            return phi;
        }
        if self.config.d_mlp.is_empty() {
            // A linear ρ cancels but for its bias.
            return RowWork { first: 0, inner: 0, last: 0 };
        }
        RowWork { inner: 2 * phi.inner + self.joint(d_canonical) + phi.inner, ..phi }
    }

    /// The last map of a perceptron and the first of the next, with `d_between` numbers between them: as one or as two.
    fn joint(&self, d_between: usize) -> usize {
        match (self.config.d_mlp.first(), self.config.d_mlp.last()) {
            (Some(h_first), Some(h_last)) => (h_first * h_last).min(d_between * (h_first + h_last)),
            _ => 0,
        }
    }

    /// Rows of a product of u in the first layer, where u is a sum of the edge's numbers times vectors of a node.
    ///
    /// One vector a node is node work and counts as none. Embeddings of edges make it one a node and type.
    fn rows_on_nodes(&self, l: usize, anchor: EdgeAxis) -> usize {
        let [n_senders, n_receivers] = [l, l + 1].map(|l| self.topology.widths()[l]);
        let (n_nodes, n_others) = match anchor {
            EdgeAxis::Senders => (n_senders, n_receivers),
            EdgeAxis::Receivers => (n_receivers, n_senders),
        };
        let types_along = match l {
            0 => Some(EdgeAxis::Senders),
            l if l + 1 == self.topology.n_layers() => Some(EdgeAxis::Receivers),
            _ => None,
        };
        let typed = self.config.edge_embedding && types_along.is_some_and(|axis| axis != anchor);
        let n_types = if typed { n_others } else { 1 };
        match n_types * self.n_numbers(l) {
            1 => 0,
            n => n_nodes * n.min(n_others),
        }
    }

    /// Whether the canonical form at node layer `l` is no linear map of u even for given numbers of the edges there.
    fn is_bent(&self, l: usize, edges: usize) -> bool {
        let signs = matches!(self.groups.canonical[l], ScaleGroup::Sign | ScaleGroup::NonZero);
        signs && self.config.sign_invariant == SignInvariant::Absolute && self.n_numbers(edges) > 1
    }

    /// Numbers that an edge of layer `l` holds, without padding.
    fn n_numbers(&self, l: usize) -> usize {
        self.topology.edge_slots(l).len()
    }

    /// Whether messages against the edges of layer `l` have the relative form.
    fn is_relative(&self, l: usize) -> bool {
        let config = self.config;
        let [receiver, sender] = [l, l + 1].map(|l| self.groups.of_features[l]);
        config.direction == Direction::Bidirectional
            && config.reversed_scale() == ReversedScale::Relative
            && match config.scalings {
                Scalings::Scale => true,
                Scalings::Own => !reversed_weight_fits(receiver, sender),
                Scalings::Sign | Scalings::Permutation => false,
            }
    }
}

#[cfg(test)]
mod tests;
