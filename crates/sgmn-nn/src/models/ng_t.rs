//! NG-T: a relational transformer over the neural graph.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, Lowering};
use sgmn_symmetry::Symmetry;

use super::{
    Blueprint, HeadConfig, Model, Output, Returns,
    neural_graph::{Form, Needs, Round, Trunk},
    sizes,
};
use crate::{
    Error, Normalization, Pass, ProbeConfig, Result, VarBuilder,
    layers::{
        AttentionWidths, Features, LinearBias, Mlp, MlpConfig, RelationalAttention, RmsNorm, with_ends,
    },
    ops::Rows,
};

/// The configuration of an [`NgT`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NgTConfig {
    /// Width of nodes.
    pub d_node: usize,
    /// Width of edges.
    pub d_edge: usize,
    /// Width of queries, keys and values, all heads together.
    pub d_attention: usize,
    /// Heads of attention, a divisor of `d_attention`.
    pub n_heads: usize,
    /// Width of the hidden layer of the nodes' perceptrons.
    pub d_node_mlp: usize,
    /// Width of the hidden layer of the edges' perceptrons.
    pub d_edge_mlp: usize,
    /// Rounds of attention.
    #[serde(rename = "n_layers")]
    pub n_rounds: usize,
    /// Dropout in perceptrons.
    pub dropout: f64,
    /// Learned inputs of the nets, whose answers are features of nodes; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<ProbeConfig>,
    /// What the model returns.
    pub output: HeadConfig,
}

impl NgTConfig {
    fn form(&self) -> Form {
        Form {
            d_node: self.d_node,
            d_edge: self.d_edge,
            n_rounds: self.n_rounds,
            hears_above: true,
            mlp: self.mlp(self.d_node_mlp, true),
            probes: self.probes.clone(),
            output: self.output,
        }
    }

    fn mlp(&self, d_hidden: usize, layer_norm: bool) -> MlpConfig {
        MlpConfig { d_hidden: vec![d_hidden], layer_norm, dropout: self.dropout }
    }
}

impl Blueprint for NgTConfig {
    fn validate(&self) -> Result<()> {
        sizes::check(&[
            ("model.d_node", &[self.d_node]),
            ("model.d_edge", &[self.d_edge]),
            ("model.d_attention", &[self.d_attention]),
            ("model.n_heads", &[self.n_heads]),
            ("model.d_node_mlp", &[self.d_node_mlp]),
            ("model.d_edge_mlp", &[self.d_edge_mlp]),
            ("model.n_layers", &[self.n_rounds]),
        ])?;
        if !self.d_attention.is_multiple_of(self.n_heads) {
            let expected = format!("a divisor of model.d_attention ({})", self.d_attention);
            return Err(Error::config("model.n_heads", expected, self.n_heads));
        }
        self.form().validate()
    }

    fn returns(&self) -> Returns {
        self.output.returns()
    }

    fn respected(&self) -> &'static [Symmetry] {
        &[Symmetry::Permutation]
    }
}

/// A transformer whose attention knows edges, and updates them:
///
/// ```text
/// x = MLP(b) + p, e = MLP(w)                         the neural graph
/// n_rounds times:
///   x_i ← N(x_i + attention(x, e)_i)                 over itself, the nodes below and the nodes above
///   x_i ← N(x_i + MLP(x_i))
///   e_ij ← N(e_ij + MLP([e_ij, x_j, x_i]))
///   e_ij ← N(e_ij + MLP(e_ij))
/// y = MLP([x_i of all outputs])                      or Δb = s MLP(x), Δw = s MLP(e)
/// ```
///
/// # Source
/// Kofinas et al., "Graph Neural Networks for Learning Equivariant Representations of Neural Networks", ICLR 2024, and
/// the published program. **Departs:** N divides by the root mean square, where theirs subtracts a mean too; SiLU for
/// GELU; each weight has one edge, read in both directions; for neighbours see [`RelationalAttention`].
#[derive(Debug)]
pub struct NgT(Trunk<TransformerRound>);

impl NgT {
    /// The model for nets of these architectures, from a valid configuration.
    ///
    /// # Errors
    /// [`Error::Config`] if nets differ in inputs or outputs.
    pub fn new(
        config: &NgTConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let round = |needs: Needs, vars: &VarBuilder| TransformerRound::new(config, needs, vars);
        Ok(Self(Trunk::new(&config.form(), lowering, normalization, vars, round)?))
    }
}

impl Model for NgT {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        self.0.forward(batch, pass)
    }

    fn features(&self, batch: &Batch, pass: &Pass) -> Result<Option<Tensor>> {
        self.0.features(batch, pass)
    }
}

/// One round: attention, a perceptron of nodes, two of edges.
#[derive(Debug)]
struct TransformerRound {
    attention: RelationalAttention,
    node: Mlp,
    norms: [RmsNorm; 2],
    edges: Option<EdgeRound>,
    /// From sites of the same units, where some net has them.
    peers: Option<LinearBias>,
}

#[derive(Debug)]
struct EdgeRound {
    ends: Mlp,
    own: Mlp,
    norms: [RmsNorm; 2],
}

impl TransformerRound {
    fn new(config: &NgTConfig, needs: Needs, vars: &VarBuilder) -> Result<Self> {
        let &NgTConfig { d_node, d_edge, d_attention, n_heads, .. } = config;
        let norms = |width: usize, name: &str| -> Result<[RmsNorm; 2]> {
            let vars = vars.at(name);
            Ok([RmsNorm::new(width, &vars.at(0))?, RmsNorm::new(width, &vars.at(1))?])
        };
        let edge = |d_in: usize, name: &str| {
            Mlp::new(&config.mlp(config.d_edge_mlp, false), d_in, d_edge, &vars.at(name))
        };
        let edges = || -> Result<EdgeRound> {
            Ok(EdgeRound {
                ends: edge(d_edge + 2 * d_node, "edge_ends")?,
                own: edge(d_edge, "edge")?,
                norms: norms(d_edge, "edge_norm")?,
            })
        };
        let widths = AttentionWidths { d_node, d_edge, d_attention, n_heads };
        let node = config.mlp(config.d_node_mlp, false);
        Ok(Self {
            attention: RelationalAttention::new(widths, needs.hears_above, &vars.at("attention"))?,
            node: Mlp::new(&node, d_node, d_node, &vars.at("node"))?,
            norms: norms(d_node, "node_norm")?,
            edges: if needs.updates_edges { Some(edges()?) } else { None },
            peers: if needs.has_ties {
                Some(LinearBias::new(d_node, d_node, &vars.at("peers"))?)
            } else {
                None
            },
        })
    }
}

impl Round for TransformerRound {
    fn nodes(&self, features: &Features, live: &[bool], pass: &Pass) -> Result<Vec<Option<Rows>>> {
        let node = |site: usize| -> Result<Rows> {
            let own = &features.nodes[site];
            let mut heard = own.add(&self.attention.forward(features, site)?)?;
            if let Some(map) = &self.peers {
                for peer in features.peers(site) {
                    heard = heard.add(&map.forward(peer)?)?;
                }
            }
            let own = self.norms[0].forward(&heard)?;
            Ok(self.norms[1].forward(&own.add(&self.node.forward(&own, pass)?)?)?.computed()?)
        };
        live.iter().enumerate().map(|(l, live)| live.then(|| node(l)).transpose()).collect()
    }

    fn edges(&self, edges: &Rows, senders: &Rows, receivers: &Rows, pass: &Pass) -> Result<Rows> {
        let Some(round) = &self.edges else { return Ok(edges.clone()) };
        let change = round.ends.forward(&with_ends(edges, senders, receivers)?, pass)?;
        let edges = round.norms[0].forward(&edges.add(&change)?)?;
        let change = round.own.forward(&edges, pass)?;
        Ok(round.norms[1].forward(&edges.add(&change)?)?.computed()?)
    }
}
