//! NG-GNN: message passing over the neural graph, whose edges are updated like its nodes.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, Lowering};
use sgmn_symmetry::Symmetry;

use super::{
    Blueprint, Direction, HeadConfig, Model, Output, Returns,
    neural_graph::{Form, Needs, Round, Trunk},
    sizes,
};
use crate::{
    Normalization, Pass, ProbeConfig, Result, VarBuilder,
    layers::{Features, FilmMessage, LinearBias, Mlp, MlpConfig, N_STATISTICS, with_ends},
    ops::{EdgeAxis, Rows},
};

/// The configuration of an [`NgGnn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NgGnnConfig {
    /// Whether nodes hear from the nodes above them too.
    pub direction: Direction,
    /// Width of nodes and edges.
    pub d_hidden: usize,
    /// Rounds of message passing.
    #[serde(rename = "n_layers")]
    pub n_rounds: usize,
    /// Width of each hidden layer of every perceptron.
    pub d_mlp: Vec<usize>,
    /// Layer normalization in perceptrons.
    pub layer_norm: bool,
    /// Dropout in perceptrons.
    pub dropout: f64,
    /// Learned inputs of the nets, whose answers are features of nodes; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<ProbeConfig>,
    /// What the model returns.
    pub output: HeadConfig,
}

impl NgGnnConfig {
    fn form(&self) -> Form {
        Form {
            d_node: self.d_hidden,
            d_edge: self.d_hidden,
            n_rounds: self.n_rounds,
            hears_above: self.direction == Direction::Bidirectional,
            mlp: MlpConfig {
                d_hidden: self.d_mlp.clone(),
                layer_norm: self.layer_norm,
                dropout: self.dropout,
            },
            probes: self.probes.clone(),
            output: self.output,
        }
    }
}

impl Blueprint for NgGnnConfig {
    fn validate(&self) -> Result<()> {
        sizes::check(&[
            ("model.d_hidden", &[self.d_hidden]),
            ("model.n_layers", &[self.n_rounds]),
            ("model.d_mlp", &self.d_mlp),
        ])?;
        self.form().validate()
    }

    fn returns(&self) -> Returns {
        self.output.returns()
    }

    fn respected(&self) -> &'static [Symmetry] {
        &[Symmetry::Permutation]
    }
}

/// A graph network on nodes and edges:
///
/// ```text
/// x = MLP(b) + p, e = MLP(w)                                     the neural graph
/// n_rounds times:
///   m_i  = stat_j (γ(e_ij) ⊙ (A x_i + C x_j + c) + β(e_ij))      stat: mean, deviation, min, max; each twice, the
///   x_i ← x_i + MLP([x_i, m_i, s_i m_i])                         second time by s_i = ln(degree + 1) / its mean
///   e_ij ← e_ij + MLP([e_ij, x_j, x_i])
/// y = MLP([x_i of all outputs])                                  or Δb = s MLP(x), Δw = s MLP(e)
/// ```
///
/// A bidirectional model gathers messages against the edges too, by a function of their own.
///
/// # Source
/// Kofinas et al., "Graph Neural Networks for Learning Equivariant Representations of Neural Networks", ICLR 2024, and
/// the published program. **Departs:** perceptrons with residual sums, normalized inside, where theirs normalize after;
/// the two directions have functions and statistics of their own, where theirs, if it has both, makes one graph of them.
#[derive(Debug)]
pub struct NgGnn(Trunk<GnnRound>);

impl NgGnn {
    /// The model for nets of these architectures, from a valid configuration.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if nets differ in inputs or outputs.
    pub fn new(
        config: &NgGnnConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let form = config.form();
        let mean_logs = mean_log_degrees(lowering);
        let round = |needs: Needs, vars: &VarBuilder| GnnRound::new(&form, needs, mean_logs, vars);
        Ok(Self(Trunk::new(&form, lowering, normalization, vars, round)?))
    }
}

impl Model for NgGnn {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        self.0.forward(batch, pass)
    }

    fn features(&self, batch: &Batch, pass: &Pass) -> Result<Option<Tensor>> {
        self.0.features(batch, pass)
    }
}

/// One round: messages along the edges, against them, node update, edge update.
#[derive(Debug)]
struct GnnRound {
    incoming: FilmMessage,
    outgoing: Option<FilmMessage>,
    update: Mlp,
    edge_update: Option<Mlp>,
    /// From sites of the same units, where some net has them.
    peers: Option<LinearBias>,
    d: usize,
    mean_logs: [f64; 2],
}

impl GnnRound {
    fn new(form: &Form, needs: Needs, mean_logs: [f64; 2], vars: &VarBuilder) -> Result<Self> {
        let d = form.d_node;
        let message = |name: &str| FilmMessage::new(d, &vars.at(name));
        let outgoing = if needs.hears_above { Some(message("outgoing")?) } else { None };
        let n_sides = if needs.hears_above { 2 } else { 1 };
        let d_in = d + n_sides * 2 * N_STATISTICS * d;
        let edge_update = || Mlp::new(&form.mlp, 3 * d, d, &vars.at("edge_update"));
        Ok(Self {
            incoming: message("incoming")?,
            outgoing,
            update: Mlp::new(&form.mlp, d_in, d, &vars.at("update"))?,
            edge_update: if needs.updates_edges { Some(edge_update()?) } else { None },
            peers: if needs.has_ties { Some(LinearBias::new(d, d, &vars.at("peers"))?) } else { None },
            d,
            mean_logs,
        })
    }
}

impl Round for GnnRound {
    fn nodes(&self, features: &Features, live: &[bool], pass: &Pass) -> Result<Vec<Option<Rows>>> {
        let heard = N_STATISTICS * self.d;
        let mut widths = vec![self.d, heard, heard];
        if self.outgoing.is_some() {
            widths.extend([heard, heard]);
        }
        let columns = self.update.first_columns(&widths)?;
        let node = |site: usize| -> Result<Rows> {
            let own = &features.nodes[site];
            let mut known = own.clone();
            if let Some(map) = &self.peers {
                for peer in features.peers(site) {
                    known = known.add(&map.forward(peer)?)?;
                }
            }
            let mut first = known.linear(&columns[0])?;
            let sides = [
                (features.incoming(site)?, Some(&self.incoming), EdgeAxis::Senders),
                (features.outgoing(site)?, self.outgoing.as_ref(), EdgeAxis::Receivers),
            ];
            for (at, (blocks, message, over)) in sides.into_iter().enumerate() {
                let Some(message) = message else { continue };
                for side in blocks {
                    let gathered = message.forward(side.edges, &side.gathered(own)?, &side.others, over)?;
                    let gathered = side.returned(gathered)?;
                    // A block's nodes are all of one degree, so the second, scaled copy is part of the map.
                    let amplification = log_degree(side.others.dims()[1]) / self.mean_logs[at];
                    let map = (&columns[1 + 2 * at] + (&columns[2 + 2 * at] * amplification)?)?;
                    first = first.add(&gathered.linear(&map)?)?;
                }
            }
            Ok(own.add(&self.update.finish(first, pass)?)?.computed()?)
        };
        live.iter().enumerate().map(|(l, live)| live.then(|| node(l)).transpose()).collect()
    }

    fn edges(&self, edges: &Rows, senders: &Rows, receivers: &Rows, pass: &Pass) -> Result<Rows> {
        let Some(update) = &self.edge_update else { return Ok(edges.clone()) };
        let change = update.forward(&with_ends(edges, senders, receivers)?, pass)?;
        Ok(edges.add(&change)?.computed()?)
    }
}

fn log_degree(n_neighbours: usize) -> f64 {
    ((n_neighbours + 1) as f64).ln()
}

/// The means of `ln(degree + 1)` over the nodes of all architectures, of edges that enter and of edges that leave.
fn mean_log_degrees(lowering: &Lowering) -> [f64; 2] {
    let (mut n_nodes, mut sums) = (0, [0.0, 0.0]);
    for topology in lowering.topologies() {
        n_nodes += topology.n_nodes();
        for block in topology.blocks() {
            let [groups, receivers, senders] = block.shape(topology.sites());
            sums[0] += (groups * receivers) as f64 * log_degree(senders);
            sums[1] += (groups * senders) as f64 * log_degree(receivers);
        }
    }
    sums.map(|sum| sum / n_nodes.max(1) as f64)
}
