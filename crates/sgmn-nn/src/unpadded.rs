//! The numbers of nets without the padding of a dataset: every edge has as many slots as the largest kernel.

use candle_core::Tensor;
use sgmn_graph::Topology;

use crate::Result;

/// The numbers of edge layer `l` that are parameters of its nets, in the order of their files.
///
/// # Shapes
/// edges `[B, R, S, K]`, result `[B, R, S, k]` for the k slots that the layer fills.
pub(crate) fn unpadded(topology: &Topology, l: usize, edges: &Tensor) -> Result<Tensor> {
    in_slots(edges, &topology.edge_slots(l))
}

/// The numbers of edges in some slots, ascending.
pub(crate) fn in_slots(edges: &Tensor, slots: &[usize]) -> Result<Tensor> {
    let (n_slots, last_axis) = (slots.len(), edges.rank() - 1);
    if n_slots == edges.dim(last_axis)? {
        return Ok(edges.clone());
    }
    if n_slots == 1 {
        return Ok(edges.narrow(last_axis, slots[0], 1)?);
    }
    let slots: Vec<u32> = slots.iter().map(|slot| *slot as u32).collect();
    Ok(edges.contiguous()?.index_select(&Tensor::new(slots, edges.device())?, last_axis)?)
}
