//! A net as a graph: a row of numbers for every node and every edge.

use std::sync::Arc;

use crate::{Error, Net, Result, Topology, lowering::same};

/// A net lowered to numbers of nodes and edges in canonical order (see [`Topology`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The shape of the graph, shared by all nets of one architecture.
    pub topology: Arc<Topology>,
    /// One value a node `[N]`: the bias; 0 in layers without one, and 1 for input nodes.
    pub nodes: Vec<f64>,
    /// K values an edge: the weight or the padded kernel. `[E, K]` where all blocks have one K, as in chains; else block
    /// after block.
    pub edges: Vec<f64>,
}

/// The value of an input node, which has no bias.
pub(crate) const INPUT_NODE: f64 = 1.0;

/// The graph of a net.
///
/// # Errors
/// [`Error::Shape`] if the topology belongs to another spec.
pub fn lower(net: &Net, topology: &Arc<Topology>) -> Result<Graph> {
    if !same(net.spec(), topology.spec()?) {
        return Err(Error::shape("spec of a net", topology.fingerprint(), net.spec().fingerprint()));
    }
    let slots = topology.n_edge_values();
    let mut nodes = Vec::with_capacity(topology.n_nodes());
    nodes.resize(topology.sites()[0].n, INPUT_NODE);
    let mut edges = Vec::with_capacity(topology.n_edges() * slots);
    for l in 0..topology.n_layers() {
        append_nodes(&mut nodes, net.bias(l), topology.sites()[l + 1].n, |value| value);
        append_edges(&mut edges, net.weight(l), &topology.edge_slots(l), slots, |value| value);
    }
    Ok(Graph { topology: topology.clone(), nodes, edges })
}

/// Appends the nodes of one layer of `n` units: their biases, or zeros where there are none.
pub(crate) fn append_nodes<S: Copy, T: Copy + Default>(
    nodes: &mut Vec<T>,
    biases: &[S],
    n: usize,
    round: impl Fn(S) -> T,
) {
    if biases.is_empty() {
        nodes.resize(nodes.len() + n, T::default());
    } else {
        nodes.extend(biases.iter().map(|value| round(*value)));
    }
}

/// Appends the edges of one layer, `slots` numbers each: its weights in their `own` slots, zeros in the others.
pub(crate) fn append_edges<S: Copy, T: Copy + Default>(
    edges: &mut Vec<T>,
    weight: &[S],
    own: &[usize],
    slots: usize,
    round: impl Fn(S) -> T,
) {
    // A layer that fills its edges has its numbers in the order of the slots.
    if own.len() == slots {
        edges.extend(weight.iter().map(|value| round(*value)));
        return;
    }
    let start = edges.len();
    edges.resize(start + weight.len() / own.len() * slots, T::default());
    for (edge, values) in edges[start..].chunks_exact_mut(slots).zip(weight.chunks_exact(own.len())) {
        for (slot, value) in own.iter().zip(values) {
            edge[*slot] = round(*value);
        }
    }
}

impl Graph {
    /// The net of this graph: the exact inverse of [`lower`]. Values in padding slots, at input nodes and at
    /// nodes without a bias are dropped.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if a value that belongs to the net is NaN or infinite; [`Error::NoChain`] if the graph is of
    /// another net than a chain.
    pub fn raise(&self) -> Result<Net> {
        let topology = &self.topology;
        let slots = topology.n_edge_values();
        let spec = topology.spec()?;
        let mut params = Vec::with_capacity(spec.n_params());
        for l in 0..topology.n_layers() {
            let own = topology.edge_slots(l);
            for edge in topology.edge_range(l) {
                params.extend(own.iter().map(|slot| self.edges[edge * slots + slot]));
            }
            if topology.has_bias(l + 1) {
                params.extend_from_slice(&self.nodes[topology.node_range(l + 1)]);
            }
        }
        Net::new(spec.clone(), params)
    }
}
