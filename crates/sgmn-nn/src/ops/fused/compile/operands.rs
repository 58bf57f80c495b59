//! What a program reads: rows of edges and nodes, and what stands for the rest in candle's graph.

use candle_core::{Tensor, TensorId};

/// The tensors that a program reads, until it runs.
#[derive(Debug, Default)]
pub(crate) struct Operands {
    pub(crate) edges: Vec<Tensor>,
    pub(crate) nodes: Vec<Tensor>,
    n_node_values: usize,
    /// Of stores.
    pub(crate) tokens: Vec<Tensor>,
    /// Operands that were met before and where they lie; a program has a dozen, so a list is searched fastest.
    known_nodes: Vec<(TensorId, usize)>,
}

impl Operands {
    /// The tensors of packed nodes, and where each begins among them.
    pub(crate) fn packed_nodes(&self) -> impl Iterator<Item = (usize, &Tensor)> {
        self.known_nodes.iter().map(|(_, start)| *start).zip(&self.nodes)
    }

    /// Where a tensor lies among the packed nodes; it is packed if it is met for the first time.
    pub(crate) fn node(&mut self, tensor: &Tensor) -> usize {
        if let Some((_, start)) = self.known_nodes.iter().find(|(id, _)| *id == tensor.id()) {
            return *start;
        }
        let start = self.n_node_values;
        self.n_node_values += tensor.elem_count();
        self.nodes.push(tensor.clone());
        self.known_nodes.push((tensor.id(), start));
        start
    }
}
