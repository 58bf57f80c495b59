//! The shape of a net's graph, shared by all nets of one spec: nodes, edges, and the facts symmetries read.

use std::{ops::Range, sync::Arc};

use crate::{Error, NetSpec, Nonlinearity, Result};

/// Nodes and edges of a net in canonical order.
///
/// Nodes are ordered by layer, then unit. Node layer 0 holds the inputs, the last one the outputs.
/// Edges are ordered by layer, then receiver, then sender, so the edges of a layer are a dense block
/// `[receivers, senders, K]`, and input, hidden and output nodes are ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    spec: Arc<NetSpec>,
    widths: Vec<usize>,
    largest_kernel: [usize; 2],
    n_edge_values: usize,
}

impl Topology {
    /// The graph of a spec, its edges as wide as its own largest kernel or flatten.
    ///
    /// # Errors
    /// As [`Topology::padded`].
    pub fn new(spec: Arc<NetSpec>) -> Result<Self> {
        Self::padded(spec, [1, 1], 1)
    }

    /// The graph of a spec whose kernels are padded at least to `kernel` and whose edges hold at least
    /// `n_edge_values` numbers, so that nets of different architectures have edge features of one width.
    ///
    /// # Errors
    /// [`Error::Spec`] if the edges would hold more than a million numbers.
    pub fn padded(spec: Arc<NetSpec>, kernel: [usize; 2], n_edge_values: usize) -> Result<Self> {
        let mut largest_kernel = kernel;
        let mut slots = n_edge_values;
        for layer in spec.layers() {
            if let Some(own) = layer.map.kernel() {
                largest_kernel = [0, 1].map(|axis| largest_kernel[axis].max(own[axis]));
            }
            slots = slots.max(layer.map.n_edge_values());
        }
        let n_edge_values = slots.max(largest_kernel[0] * largest_kernel[1]);
        // A guard against specs from files that would ask for absurd memory.
        const MOST_EDGE_VALUES: usize = 1_000_000;
        if n_edge_values > MOST_EDGE_VALUES {
            let why =
                format!("an edge would hold {n_edge_values} numbers, expected at most {MOST_EDGE_VALUES}");
            return Err(Error::Spec { layer: 0, why });
        }
        Ok(Self { widths: spec.widths(), spec, largest_kernel, n_edge_values })
    }

    /// The architecture.
    pub fn spec(&self) -> &Arc<NetSpec> {
        &self.spec
    }

    /// Nodes of each node layer, inputs first.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Number of edge layers, one fewer than node layers.
    pub fn n_layers(&self) -> usize {
        self.widths.len() - 1
    }

    /// Number of nodes, N.
    pub fn n_nodes(&self) -> usize {
        self.widths.iter().sum()
    }

    /// Number of edges, E.
    pub fn n_edges(&self) -> usize {
        self.widths.windows(2).map(|pair| pair[0] * pair[1]).sum()
    }

    /// Numbers an edge holds, K.
    pub fn n_edge_values(&self) -> usize {
        self.n_edge_values
    }

    /// Height and width of the kernel to which all kernels are padded.
    pub fn largest_kernel(&self) -> [usize; 2] {
        self.largest_kernel
    }

    /// Nodes of node layer `l`, counted over all nodes.
    pub fn node_range(&self, l: usize) -> Range<usize> {
        let start = self.widths[..l].iter().sum();
        start..start + self.widths[l]
    }

    /// Edges from node layer `l` to node layer `l + 1`, counted over all edges.
    pub fn edge_range(&self, l: usize) -> Range<usize> {
        let start = self.widths[..=l].windows(2).map(|pair| pair[0] * pair[1]).sum();
        start..start + self.widths[l] * self.widths[l + 1]
    }

    /// Node layers whose units are hidden: those that may be reordered and scaled.
    pub fn hidden_layers(&self) -> Range<usize> {
        1..self.widths.len() - 1
    }

    /// What becomes of the sums of the units of node layer `l`, their activation and pooling; none for inputs.
    pub fn nonlinearity(&self, l: usize) -> Option<Nonlinearity> {
        l.checked_sub(1).map(|layer| self.spec.layers()[layer].nonlinearity())
    }

    /// Whether the units of node layer `l` have a bias; inputs have none.
    pub fn has_bias(&self, l: usize) -> bool {
        l.checked_sub(1).is_some_and(|layer| self.spec.layers()[layer].bias)
    }

    /// For each number of an edge of layer `l`, in the weight's own order, its slot among the edge's K numbers.
    pub fn edge_slots(&self, l: usize) -> Vec<usize> {
        self.spec.layers()[l].map.edge_slots(self.largest_kernel)
    }
}
