//! Many graphs on a device: one dense tensor a layer for nodes and for edges.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::{Error, Graph, Lowering, Net, Result, Topology};

/// Graphs of one topology, stacked.
#[derive(Debug, Clone)]
pub struct GraphBatch {
    /// The shape of every graph in the batch.
    pub topology: Arc<Topology>,
    /// Node features of each node layer, `[B, n_l, 1]`.
    pub nodes: Vec<Tensor>,
    /// Edge features of each edge layer, `[B, n_{l+1} (receivers), n_l (senders), K]`.
    pub edges: Vec<Tensor>,
}

impl GraphBatch {
    /// Stacks graphs of one topology on a device.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no graph or the topologies differ; [`Error::Tensor`] if the device refuses.
    pub fn collate(graphs: &[Graph], dtype: DType, device: &Device) -> Result<Self> {
        let Some(first) = graphs.first() else {
            return Err(Error::shape("graphs of a batch", "at least 1", 0));
        };
        let topology = first.topology.clone();
        if let Some(other) = graphs.iter().find(|graph| graph.topology != topology) {
            let found = other.topology.spec().fingerprint();
            return Err(Error::shape("spec of a graph in the batch", topology.spec().fingerprint(), found));
        }
        let n_values = topology.n_edge_values();
        let stack = |range: std::ops::Range<usize>, rows: &dyn Fn(&Graph) -> &[f64], shape: Vec<usize>| {
            let values = graphs.iter().flat_map(|graph| rows(graph)[range.clone()].iter().copied());
            match dtype {
                DType::F64 => Tensor::from_vec(values.collect::<Vec<f64>>(), shape, device),
                _ => Tensor::from_vec(values.map(|v| v as f32).collect::<Vec<f32>>(), shape, device)?
                    .to_dtype(dtype),
            }
        };
        let n_graphs = graphs.len();
        let widths = topology.widths();
        let nodes = (0..widths.len())
            .map(|l| stack(topology.node_range(l), &|graph| &graph.nodes, vec![n_graphs, widths[l], 1]))
            .collect::<Result<_, _>>()?;
        let edges = (0..topology.n_layers())
            .map(|l| {
                let range = topology.edge_range(l);
                let shape = vec![n_graphs, widths[l + 1], widths[l], n_values];
                stack(range.start * n_values..range.end * n_values, &|graph| &graph.edges, shape)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { topology, nodes, edges })
    }

    /// Number of graphs, B.
    pub fn n_graphs(&self) -> usize {
        self.nodes[0].dims()[0]
    }
}

/// Nets of possibly different architectures: a [`GraphBatch`] for each architecture.
#[derive(Debug, Clone)]
pub struct Batch {
    /// One bucket an architecture, ordered by the first net of each.
    pub buckets: Vec<Bucket>,
}

/// The graphs of one architecture and their places in the batch.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The graphs.
    pub graphs: GraphBatch,
    /// For each graph its position among all nets of the batch.
    pub positions: Vec<usize>,
}

impl Batch {
    /// Sorts graphs into buckets by architecture and collates each.
    ///
    /// # Errors
    /// As [`GraphBatch::collate`].
    pub fn collate(graphs: &[Graph], dtype: DType, device: &Device) -> Result<Self> {
        let mut buckets: Vec<(Vec<Graph>, Vec<usize>)> = Vec::new();
        for (position, graph) in graphs.iter().enumerate() {
            // The pointer answers for almost all graphs.
            let same = |other: &Graph| {
                Arc::ptr_eq(&other.topology, &graph.topology) || other.topology == graph.topology
            };
            match buckets.iter_mut().find(|(members, _)| same(&members[0])) {
                Some((members, positions)) => {
                    members.push(graph.clone());
                    positions.push(position);
                }
                None => buckets.push((vec![graph.clone()], vec![position])),
            }
        }
        let buckets = buckets
            .into_iter()
            .map(|(members, positions)| {
                Ok(Bucket { graphs: GraphBatch::collate(&members, dtype, device)?, positions })
            })
            .collect::<Result<Vec<_>>>()?;
        if buckets.is_empty() {
            return Err(Error::shape("graphs of a batch", "at least 1", 0));
        }
        Ok(Self { buckets })
    }

    /// Lowers nets and collates them.
    ///
    /// # Errors
    /// As [`Lowering::new`] and [`Batch::collate`].
    pub fn from_nets(nets: &[Net], dtype: DType, device: &Device) -> Result<Self> {
        let lowering = Lowering::new(nets.iter().map(Net::spec))?;
        let graphs = nets.iter().map(|net| lowering.lower(net)).collect::<Result<Vec<_>>>()?;
        Self::collate(&graphs, dtype, device)
    }

    /// Number of nets in all buckets.
    pub fn n_nets(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.positions.len()).sum()
    }
}
