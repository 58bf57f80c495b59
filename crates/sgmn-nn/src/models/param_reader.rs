//! The parameters of nets as features of all weights and all biases, for models that read them at their places.

use candle_core::Tensor;
use sgmn_graph::{GraphBatch, Lowering};

use crate::{
    Error, Result,
    layers::{Channels, Ends, Layout, ParamSpaces},
    normalization::LayerScale,
    unpadded::in_slots,
};

/// The parameters of nets of one depth and one kind of ends, as features.
#[derive(Debug, Clone)]
pub(super) struct ParamReader {
    pub(super) spaces: ParamSpaces,
    /// For each layer, the slots of an edge that hold a parameter in some architecture, ascending.
    slots: Vec<Vec<usize>>,
    pub(super) n_edge_values: usize,
}

impl ParamReader {
    /// A reader of nets of the given architectures.
    ///
    /// # Errors
    /// [`Error::Config`] if they differ in depth, inputs or outputs.
    pub(super) fn new(lowering: &Lowering, ends: Ends) -> Result<Self> {
        let Layout { n_in, n_out, n_layers, n_edge_values, .. } = Layout::of(lowering)?;
        let mut slots = vec![Vec::new(); n_layers];
        for topology in lowering.topologies() {
            if topology.n_layers() != n_layers {
                let found = format!("nets of {n_layers} and of {} layers", topology.n_layers());
                return Err(Error::config("model.kind", "a model that reads nets of any depth", found));
            }
            for (l, slots) in slots.iter_mut().enumerate() {
                slots.extend(topology.edge_slots(l));
            }
        }
        for slots in &mut slots {
            slots.sort_unstable();
            slots.dedup();
        }
        Ok(Self { spaces: ParamSpaces { n_layers, n_in, n_out, ends }, slots, n_edge_values })
    }

    /// Channels of the features: the slots in use, and one of a bias.
    pub(super) fn channels(&self) -> Channels {
        Channels { weights: self.slots.iter().map(Vec::len).collect(), biases: vec![1; self.slots.len()] }
    }

    /// The parameters of a bucket's nets in units of the normalization: of each layer's weights `[B, n_out, n_in, slots]`
    /// and biases `[B, n_out, 1]`.
    pub(super) fn read(
        &self,
        graphs: &GraphBatch,
        scales: &[LayerScale],
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let ParamSpaces { n_layers, n_in, n_out, .. } = self.spaces;
        let widths = graphs.topology.widths();
        let found = (graphs.topology.n_layers(), widths[0], widths[widths.len() - 1]);
        if found != (n_layers, n_in, n_out) {
            let expected = format!("{n_layers} layers, {n_in} inputs and {n_out} outputs");
            return Err(Error::config("nets", expected, format!("widths {widths:?}")));
        }
        let (mut weights, mut biases) = (Vec::with_capacity(n_layers), Vec::with_capacity(n_layers));
        for (l, scale) in scales.iter().enumerate() {
            let edges = &graphs.edges[l];
            let unread = graphs.topology.edge_slots(l).into_iter().any(|slot| !self.slots[l].contains(&slot));
            if unread {
                let found = graphs.topology.fingerprint();
                return Err(Error::config(
                    "nets",
                    "kernels of the sizes that the model was built for",
                    found,
                ));
            }
            weights.push((in_slots(edges, &self.slots[l])? / scale.weight)?);
            biases.push((&graphs.nodes[l + 1] / scale.bias)?);
        }
        Ok((weights, biases))
    }
}
