//! The neural graph: a net's biases on nodes and its weights on edges, as features of one width.

use std::{collections::BTreeMap, sync::Arc};

use candle_core::Tensor;
use sgmn_graph::{Block, GraphBatch, Tie, Topology};

use super::{
    End, Join, Layout, LinearBias, Mlp, MlpConfig, NodeEmbedding, Role, into_groups, rows_out_of_groups,
};
use crate::{
    Init, Pass, Probes, Result, VarBuilder,
    normalization::LayerScale,
    ops::{EdgeAxis, Rows},
};

/// Features of the nodes and edges of one bucket.
#[derive(Debug, Clone)]
pub struct Features {
    /// The sites and blocks.
    pub topology: Arc<Topology>,
    /// Of each site, `[B, n, d_node]`.
    pub nodes: Vec<Rows>,
    /// Of each block, `[B, n_receivers, n_senders, d_edge]`, receivers first; of a grouped block, group after group.
    pub edges: Vec<Rows>,
}

/// A block of edges, seen from the site at one end of it.
pub(crate) struct Side<'a> {
    block: &'a Block,
    /// Its edges.
    pub(crate) edges: &'a Rows,
    /// The nodes at the other end, as the block meets them.
    pub(crate) others: Rows,
    own: End,
}

impl Features {
    /// The blocks that enter a site.
    pub(crate) fn incoming(&self, site: usize) -> Result<Vec<Side<'_>>> {
        self.topology.blocks_into(site).map(|b| self.side(b, End::Receivers)).collect()
    }

    /// The blocks that leave a site.
    pub(crate) fn outgoing(&self, site: usize) -> Result<Vec<Side<'_>>> {
        self.topology.blocks_out_of(site).map(|b| self.side(b, End::Senders)).collect()
    }

    /// The features of the other sites of the same units.
    pub(crate) fn peers(&self, site: usize) -> impl Iterator<Item = &Rows> {
        self.topology.ties().iter().filter_map(move |tie| match *tie {
            Tie::Peer { from, to } if to == site => Some(&self.nodes[from]),
            _ => None,
        })
    }

    fn side(&self, b: usize, own: End) -> Result<Side<'_>> {
        let block = &self.topology.blocks()[b];
        let (other, end) = match own {
            End::Receivers => (block.from, End::Senders),
            End::Senders => (block.to, End::Receivers),
        };
        Ok(Side { block, edges: &self.edges[b], others: into_groups(&self.nodes[other], block, end)?, own })
    }
}

impl Side<'_> {
    /// Whether the block is dense: its nodes are those of the sites.
    pub(crate) fn is_dense(&self) -> bool {
        self.block.groups == 1
    }

    /// The site's own nodes as the block meets them.
    pub(crate) fn gathered(&self, own: &Rows) -> Result<Rows> {
        into_groups(own, self.block, self.own)
    }

    /// What the block's nodes have got, in the order of the site.
    pub(crate) fn returned(&self, heard: Rows) -> Result<Rows> {
        if self.is_dense() { Ok(heard) } else { rows_out_of_groups(&heard, self.block, self.own) }
    }
}

/// `x_i = MLP(b_i) + p_i` and `e_ij = MLP(w_ij)`: where a node stands enters through a learned row p for each input, each
/// hidden layer and each output.
///
/// A convolution's kernel is one edge of as many numbers as it has slots; a linear layer of a CNN fills fewer of them,
/// and the rest are 0.
///
/// With probes, learned inputs of the nets, `N(A h_i + a)` of what each unit answers to them is added, the answers h
/// divided by their expected size and outputs having a map A and a norm N of their own.
///
/// Variables: `node`, `edge`, `pos_embed`, and with probes `answers`, `answers_norm`, of `units` and `outputs` each.
///
/// # Source
/// Kofinas et al., "Graph Neural Networks for Learning Equivariant Representations of Neural Networks", ICLR 2024,
/// section 2. **Departs:** a perceptron reads parameters where the published program has random Fourier features.
#[derive(Debug, Clone)]
pub struct NeuralGraph {
    node: Mlp,
    /// For each number of values of an edge.
    edge: BTreeMap<usize, Mlp>,
    positions: NodeEmbedding,
    answers: Option<Answers>,
    layout: Layout,
}

/// What units answer to probes, as features of their nodes.
#[derive(Debug, Clone)]
struct Answers {
    probes: Probes,
    units: (LinearBias, RmsNorm),
    outputs: (LinearBias, RmsNorm),
}

impl Answers {
    fn new(probes: Probes, d_node: usize, vars: &VarBuilder) -> Result<Self> {
        let part = |name: &str| -> Result<(LinearBias, RmsNorm)> {
            let map = LinearBias::new(probes.n(), d_node, &vars.at("answers").at(name))?;
            Ok((map, RmsNorm::new(d_node, &vars.at("answers_norm").at(name))?))
        };
        Ok(Self { units: part("units")?, outputs: part("outputs")?, probes })
    }

    /// Features of each node layer, `[B, n_l, d_node]`.
    fn forward(&self, graphs: &GraphBatch, scales: &[LayerScale]) -> Result<Vec<Rows>> {
        let sizes = Probes::sizes(&graphs.topology, scales)?;
        let responses = self.probes.responses(graphs)?;
        let feature = |(l, (response, size)): (usize, (Tensor, f64))| -> Result<Rows> {
            let (map, norm) = if l == graphs.topology.n_layers() { &self.outputs } else { &self.units };
            let response = Rows::nodes(response.contiguous()?)?.scale(1.0 / size)?;
            norm.forward(&map.forward(&response)?)
        };
        responses.into_iter().zip(sizes).enumerate().map(feature).collect()
    }
}

impl NeuralGraph {
    /// The features of nets of a layout.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        mlp: &MlpConfig,
        d_node: usize,
        d_edge: usize,
        probes: Option<Probes>,
        layout: &Layout,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let edge = |n_values: &usize| -> Result<(usize, Mlp)> {
            let vars = vars.at("edge");
            let vars = if layout.edge_widths.len() == 1 { vars } else { vars.at(n_values) };
            Ok((*n_values, Mlp::new(mlp, *n_values, d_edge, &vars)?))
        };
        Ok(Self {
            answers: probes.map(|probes| Answers::new(probes, d_node, vars)).transpose()?,
            node: Mlp::new(mlp, 1, d_node, &vars.at("node"))?,
            edge: layout.edge_widths.iter().map(edge).collect::<Result<_>>()?,
            positions: NodeEmbedding::new(layout, d_node, Join::Sum, Join::Sum, vars)?,
            layout: layout.clone(),
        })
    }

    /// The features of a bucket's nets, whose parameters are divided by `scales`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the nets do not fit the layout.
    pub fn forward(&self, graphs: &GraphBatch, scales: &[LayerScale], pass: &Pass) -> Result<Features> {
        let topology = &graphs.topology;
        self.layout.check(topology)?;
        let answers = self.answers.as_ref().map(|answers| answers.forward(graphs, scales)).transpose()?;
        let node = |(s, values): (usize, &Tensor)| -> Result<Rows> {
            let site = &topology.sites()[s];
            let values = match topology.blocks_into(s).next() {
                Some(block) if site.role != Role::Input => (values / scales[block].bias)?,
                _ => values.clone(),
            };
            let position = self.positions.of_site(site, values.dim(0)?)?;
            let mut feature = self.node.forward(&Rows::nodes(values)?, pass)?.add(&position)?;
            if let Some(answers) = &answers {
                feature = feature.add(&answers[s])?;
            }
            Ok(feature.computed()?)
        };
        let edge = |((values, scale), block): ((&Tensor, &LayerScale), &Block)| -> Result<Rows> {
            let values = Rows::edges((values / scale.weight)?)?;
            Ok(self.edge[&block.n_values].forward(&values, pass)?.computed()?)
        };
        Ok(Features {
            topology: topology.clone(),
            nodes: graphs.nodes.iter().enumerate().map(node).collect::<Result<_>>()?,
            edges: graphs.edges.iter().zip(scales).zip(topology.blocks()).map(edge).collect::<Result<_>>()?,
        })
    }
}

/// The features of the nodes at one end of each edge.
///
/// # Shapes
/// edges `[B, R, S, ·]`, nodes `[B, n, H]` of that end, result `[B, R, S, H]`.
///
/// # Errors
/// If shapes differ.
pub(super) fn along(edges: &Rows, nodes: &Rows, axis: EdgeAxis) -> Result<Rows> {
    let n_others = edges.dims()[if axis == EdgeAxis::Receivers { 2 } else { 1 }];
    Ok(Rows::spread(nodes, n_others, axis)?)
}

/// Edges with the features of their senders and of their receivers beside their own: `[e_ij, x_j, x_i]`.
///
/// # Errors
/// If shapes differ.
pub(crate) fn with_ends(edges: &Rows, senders: &Rows, receivers: &Rows) -> Result<Rows> {
    let senders = along(edges, senders, EdgeAxis::Senders)?;
    let receivers = along(edges, receivers, EdgeAxis::Receivers)?;
    Ok(Rows::concat(&[edges, &senders, &receivers])?)
}

/// `x ↦ γ ⊙ √H x / ‖x‖ + β`: rows of one size, after a residual sum. A zero row stays zero.
///
/// Variables: `weight` and `bias`.
#[derive(Debug, Clone)]
pub struct RmsNorm {
    gamma: Tensor,
    beta: Tensor,
}

impl RmsNorm {
    /// The norm of rows of `width` channels.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(width: usize, vars: &VarBuilder) -> Result<Self> {
        Ok(Self {
            gamma: vars.var("weight", &[width], Init::Constant(1.0))?,
            beta: vars.var("bias", &[width], Init::Constant(0.0))?,
        })
    }

    /// Applies the norm.
    ///
    /// # Errors
    /// If the width differs.
    pub fn forward(&self, x: &Rows) -> Result<Rows> {
        let size = (x.width() as f64).sqrt();
        Ok(x.unit_norm(None)?.scale(size)?.mul_row(&self.gamma)?.add_bias(&self.beta)?)
    }
}
