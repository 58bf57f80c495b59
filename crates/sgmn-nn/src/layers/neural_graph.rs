//! The neural graph: a net's biases on nodes and its weights on edges, as features of one width.

use candle_core::Tensor;
use sgmn_graph::GraphBatch;

use super::{Join, Layout, LinearBias, Mlp, MlpConfig, NodeEmbedding};
use crate::{
    Init, Pass, Probes, Result, VarBuilder,
    normalization::LayerScale,
    ops::{EdgeAxis, Rows},
};

/// Features of the nodes and edges of one bucket, layer by layer.
#[derive(Debug, Clone)]
pub struct Features {
    /// Of each node layer, `[B, n_l, d_node]`.
    pub nodes: Vec<Rows>,
    /// Of each edge layer, `[B, n_{l+1}, n_l, d_edge]`, receivers first.
    pub edges: Vec<Rows>,
}

impl Features {
    /// The edges that enter node layer `l` and the nodes that they leave; none for inputs.
    pub fn incoming(&self, l: usize) -> Option<(&Rows, &Rows)> {
        let below = l.checked_sub(1)?;
        Some((&self.edges[below], &self.nodes[below]))
    }

    /// The edges that leave node layer `l` and the nodes that they enter; none for outputs.
    pub fn outgoing(&self, l: usize) -> Option<(&Rows, &Rows)> {
        Some((self.edges.get(l)?, &self.nodes[l + 1]))
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
    edge: Mlp,
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
        let sizes = Probes::sizes(&graphs.topology, scales);
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
        Ok(Self {
            answers: probes.map(|probes| Answers::new(probes, d_node, vars)).transpose()?,
            node: Mlp::new(mlp, 1, d_node, &vars.at("node"))?,
            edge: Mlp::new(mlp, layout.n_edge_values, d_edge, &vars.at("edge"))?,
            positions: NodeEmbedding::new(layout, d_node, Join::Sum, Join::Sum, vars)?,
            layout: layout.clone(),
        })
    }

    /// The features of a bucket's nets, whose parameters are divided by `scales`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the nets do not fit the layout.
    pub fn forward(&self, graphs: &GraphBatch, scales: &[LayerScale], pass: &Pass) -> Result<Features> {
        self.layout.check(&graphs.topology)?;
        let n_layers = graphs.topology.n_layers();
        let answers = self.answers.as_ref().map(|answers| answers.forward(graphs, scales)).transpose()?;
        let node = |(l, values): (usize, &Tensor)| -> Result<Rows> {
            let values = match l.checked_sub(1) {
                Some(layer) => (values / scales[layer].bias)?,
                None => values.clone(),
            };
            let (n_graphs, n_nodes, _) = values.dims3()?;
            let position = self.positions.of_layer(l, n_layers, n_graphs, n_nodes)?;
            let mut feature = self.node.forward(&Rows::nodes(values)?, pass)?.add(&position)?;
            if let Some(answers) = &answers {
                feature = feature.add(&answers[l])?;
            }
            Ok(feature.computed()?)
        };
        let edge = |(values, scale): (&Tensor, &LayerScale)| -> Result<Rows> {
            let values = Rows::edges((values / scale.weight)?)?;
            Ok(self.edge.forward(&values, pass)?.computed()?)
        };
        Ok(Features {
            nodes: graphs.nodes.iter().enumerate().map(node).collect::<Result<_>>()?,
            edges: graphs.edges.iter().zip(scales).map(edge).collect::<Result<_>>()?,
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
