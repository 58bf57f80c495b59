//! Many graphs on a device: one dense tensor for the nodes of each site and for the edges of each block.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, WithDType};

use crate::{
    Error, Graph, LentNet, Lowering, Net, Result, Topology,
    graph::{INPUT_NODE, append_edges, append_nodes},
};

/// Graphs of one topology, stacked.
#[derive(Debug, Clone)]
pub struct GraphBatch {
    /// The shape of every graph in the batch.
    pub topology: Arc<Topology>,
    /// Node features of each site, `[B, n, 1]`: biases, 0 where there are none, and 1 for inputs.
    pub nodes: Vec<Tensor>,
    /// Edge features of each block, `[B G, R, S, K]`, receivers before senders: of a dense block, G = 1, all nodes of
    /// both sites; of another one, those of a group.
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
        if let Some(other) = graphs.iter().find(|graph| !is_same(&graph.topology, &first.topology)) {
            let [expected, found] = [first, other].map(|graph| graph.topology.fingerprint());
            return Err(Error::shape("spec of a graph in the batch", expected, found));
        }
        Self::of_graphs(&graphs.iter().collect::<Vec<_>>(), dtype, device)
    }

    /// Stacks graphs that are known to have one topology; at least one.
    fn of_graphs(graphs: &[&Graph], dtype: DType, device: &Device) -> Result<Self> {
        match dtype {
            DType::F64 => Self::stack_graphs(graphs, |value| value, device),
            _ => Self::stack_graphs(graphs, |value| value as f32, device)?.to_dtype(dtype),
        }
    }

    /// Lowers and stacks nets of one topology in one go.
    fn of_lent(
        topology: &Arc<Topology>,
        nets: &[LentNet<'_>],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        match dtype {
            DType::F64 => Self::stack_lent(topology, nets, f64::from, device),
            _ => Self::stack_lent(topology, nets, |value| value, device)?.to_dtype(dtype),
        }
    }

    fn stack_graphs<T: WithDType>(
        graphs: &[&Graph],
        round: impl Fn(f64) -> T + Copy,
        device: &Device,
    ) -> Result<Self> {
        let topology = &graphs[0].topology;
        Self::stack(
            topology,
            graphs,
            |graph, l, out| out.extend(graph.nodes[topology.node_range(l)].iter().map(|value| round(*value))),
            |graph, l, out| {
                out.extend(graph.edges[topology.number_range(l)].iter().map(|value| round(*value)));
            },
            device,
        )
    }

    fn stack_lent<T: WithDType + Default>(
        topology: &Arc<Topology>,
        nets: &[LentNet<'_>],
        widen: impl Fn(f32) -> T + Copy,
        device: &Device,
    ) -> Result<Self> {
        let slots = topology.n_edge_values();
        let own: Vec<Vec<usize>> = (0..topology.n_layers()).map(|l| topology.edge_slots(l)).collect();
        Self::stack(
            topology,
            nets,
            |net, l, out| match l.checked_sub(1) {
                Some(before) => append_nodes(out, net.bias(before), topology.sites()[l].n, widen),
                None => out.resize(out.len() + topology.sites()[0].n, widen(INPUT_NODE as f32)),
            },
            |net, l, out| append_edges(out, net.weight(l), &own[l], slots, widen),
            device,
        )
    }

    /// The tensors of graphs, each of which appends its numbers of a site or block to those before it.
    fn stack<G, T: WithDType>(
        topology: &Arc<Topology>,
        graphs: &[G],
        append_nodes: impl Fn(&G, usize, &mut Vec<T>),
        append_edges: impl Fn(&G, usize, &mut Vec<T>),
        device: &Device,
    ) -> Result<Self> {
        let n_graphs = graphs.len();
        let sites = topology.sites();
        let tensor = |shape: Vec<usize>, append: &dyn Fn(&G, &mut Vec<T>)| {
            let mut values = Vec::with_capacity(shape.iter().product());
            graphs.iter().for_each(|graph| append(graph, &mut values));
            Tensor::from_vec(values, shape, device)
        };
        let nodes = (0..sites.len())
            .map(|s| tensor(vec![n_graphs, sites[s].n, 1], &|graph, out| append_nodes(graph, s, out)))
            .collect::<Result<_, _>>()?;
        let edges = topology.blocks().iter().enumerate().map(|(b, block)| {
            let [groups, receivers, senders] = block.shape(sites);
            let shape = vec![n_graphs * groups, receivers, senders, block.n_values];
            tensor(shape, &|graph, out| append_edges(graph, b, out))
        });
        let edges = edges.collect::<Result<_, _>>()?;
        Ok(Self { topology: topology.clone(), nodes, edges })
    }

    fn to_dtype(&self, dtype: DType) -> Result<Self> {
        let convert = |tensors: &[Tensor]| -> Result<Vec<Tensor>> {
            Ok(tensors.iter().map(|tensor| tensor.to_dtype(dtype)).collect::<Result<_, _>>()?)
        };
        Ok(Self {
            topology: self.topology.clone(),
            nodes: convert(&self.nodes)?,
            edges: convert(&self.edges)?,
        })
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
        Self::sorted(graphs.iter().map(|graph| (&graph.topology, graph)), |_, graphs| {
            GraphBatch::of_graphs(graphs, dtype, device)
        })
    }

    /// Lowers and collates nets that lie elsewhere, with no copy in between: the bits of [`Batch::collate`] on their
    /// graphs.
    ///
    /// # Errors
    /// As [`Lowering::lower`] and [`GraphBatch::collate`].
    pub fn from_lent(
        lowering: &Lowering,
        nets: &[LentNet<'_>],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let with_topologies = nets.iter().map(|net| Ok((lowering.topology(net.spec())?, *net)));
        Self::sorted(with_topologies.collect::<Result<Vec<_>>>()?, |topology, nets| {
            GraphBatch::of_lent(topology, nets, dtype, device)
        })
    }

    /// Sorts nets by their topology and collates those of each.
    fn sorted<'a, G>(
        nets: impl IntoIterator<Item = (&'a Arc<Topology>, G)>,
        collate: impl Fn(&Arc<Topology>, &[G]) -> Result<GraphBatch>,
    ) -> Result<Self> {
        let mut buckets: Vec<(&Arc<Topology>, Vec<G>, Vec<usize>)> = Vec::new();
        for (position, (topology, net)) in nets.into_iter().enumerate() {
            match buckets.iter_mut().find(|(known, ..)| is_same(known, topology)) {
                Some((_, members, positions)) => {
                    members.push(net);
                    positions.push(position);
                }
                None => buckets.push((topology, vec![net], vec![position])),
            }
        }
        if buckets.is_empty() {
            return Err(Error::shape("graphs of a batch", "at least 1", 0));
        }
        let buckets = buckets.into_iter().map(|(topology, members, positions)| {
            Ok(Bucket { graphs: collate(topology, &members)?, positions })
        });
        Ok(Self { buckets: buckets.collect::<Result<_>>()? })
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

/// Equality of topologies that asks the pointer first, which answers for almost all graphs.
fn is_same(a: &Arc<Topology>, b: &Arc<Topology>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}
