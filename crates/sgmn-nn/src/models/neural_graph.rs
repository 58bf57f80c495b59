//! What the two models of neural graphs share: rounds over features of nodes and edges, and the two heads.

use std::collections::BTreeSet;

use candle_core::Tensor;
use sgmn_graph::{Batch, Block, GraphBatch, Lowering, Tie, Topology};

use super::{ChangeScales, HeadConfig, Model, Output, output::rows_of_nets, sizes};
use crate::{
    Normalization, Pass, ProbeConfig, Probes, Result, VarBuilder,
    layers::{End, Features, Layout, Mlp, MlpConfig, NeuralGraph, Role, into_groups},
    normalization::LayerScale,
    ops::Rows,
};

/// One round of a model: new features of nodes from all features, then of edges from the new nodes.
pub(super) trait Round: std::fmt::Debug + Sized {
    /// The new features of each site for which `live` holds; others are left out.
    fn nodes(&self, features: &Features, live: &[bool], pass: &Pass) -> Result<Vec<Option<Rows>>>;

    /// The new features of a block of edges.
    fn edges(&self, edges: &Rows, senders: &Rows, receivers: &Rows, pass: &Pass) -> Result<Rows>;
}

/// What a round is built for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    /// Whether nodes hear from the nodes above them.
    pub(super) hears_above: bool,
    /// Whether anything reads the edges afterwards.
    pub(super) updates_edges: bool,
    /// Whether some net has sites of the same units.
    pub(super) has_ties: bool,
}

/// Widths and form of a model.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) d_node: usize,
    pub(super) d_edge: usize,
    pub(super) n_rounds: usize,
    /// Whether messages go against the edges too.
    pub(super) hears_above: bool,
    pub(super) mlp: MlpConfig,
    /// Learned inputs whose answers are features of nodes.
    pub(super) probes: Option<ProbeConfig>,
    pub(super) output: HeadConfig,
}

impl Form {
    /// Checks what both models have.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot be used.
    pub(super) fn validate(&self) -> Result<()> {
        sizes::check_dropout(self.mlp.dropout)?;
        self.output.validate()
    }
}

/// Rounds over the neural graph, and a head.
#[derive(Debug)]
pub(super) struct Trunk<R> {
    graph: NeuralGraph,
    rounds: Vec<R>,
    hears_above: bool,
    head: Head,
    /// Outputs that the head reads.
    n_out: usize,
    normalization: Normalization,
    /// The beginnings of the names of variables that nets of some architecture do not reach.
    idle: BTreeSet<String>,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one")]
enum Head {
    /// A perceptron of the output nodes side by side.
    PerGraph(Mlp),
    /// A perceptron of each node and of each edge.
    PerParam { nodes: Mlp, edges: Mlp, scales: ChangeScales },
}

impl<R: Round> Trunk<R> {
    pub(super) fn new(
        form: &Form,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
        round: impl Fn(Needs, &VarBuilder) -> Result<R>,
    ) -> Result<Self> {
        let layout = Layout::of(lowering)?;
        let Form { d_node, d_edge, n_rounds, hears_above, mlp, probes, output } = form;
        let changes = matches!(output, HeadConfig::PerParam { .. });
        let rounds = (0..*n_rounds).map(|k| {
            let goes_on = k + 1 < *n_rounds || changes;
            // Outputs, all that is read of the last round, have nothing above them.
            let needs = Needs {
                hears_above: *hears_above && goes_on,
                updates_edges: goes_on,
                has_ties: layout.has_ties,
            };
            round(needs, &vars.at("rounds").at(k))
        });
        let rounds = rounds.collect::<Result<_>>()?;
        let vars_of_head = vars.at("head");
        let head = match *output {
            HeadConfig::PerGraph { d_out } => {
                Head::PerGraph(Mlp::new(mlp, layout.n_out * d_node, d_out, &vars_of_head)?)
            }
            HeadConfig::PerParam { initial_scale } => Head::PerParam {
                nodes: Mlp::new(mlp, *d_node, 1, &vars_of_head.at("node"))?,
                edges: Mlp::new(mlp, *d_edge, layout.n_edge_values, &vars_of_head.at("edge"))?,
                scales: ChangeScales::new(initial_scale, layout.n_layers, vars)?,
            },
        };
        let probes =
            probes.as_ref().map(|probes| Probes::new(probes, lowering, &vars.at("probes"))).transpose()?;
        let graph = NeuralGraph::new(mlp, *d_node, *d_edge, probes, &layout, &vars.at("graph"))?;
        let idle = idle(lowering, &layout, *n_rounds, *hears_above, changes);
        let (hears_above, n_out) = (*hears_above, layout.n_out);
        Ok(Self { graph, rounds, hears_above, head, n_out, normalization, idle })
    }

    fn step(&self, round: &R, features: Features, live: &Live, pass: &Pass) -> Result<Features> {
        let new = round.nodes(&features, &live.nodes, pass)?;
        let nodes: Vec<Rows> = new
            .into_iter()
            .zip(&features.nodes)
            .map(|(new, old)| new.unwrap_or_else(|| old.clone()))
            .collect();
        let blocks = features.topology.blocks();
        let edges = features.edges.iter().enumerate().map(|(b, old)| {
            if !live.edges[b] {
                return Ok(old.clone());
            }
            let block = &blocks[b];
            let senders = into_groups(&nodes[block.from], block, End::Senders)?;
            round.edges(old, &senders, &into_groups(&nodes[block.to], block, End::Receivers)?, pass)
        });
        let edges = edges.collect::<Result<_>>()?;
        Ok(Features { topology: features.topology, nodes, edges })
    }
}

impl<R: Round> Trunk<R> {
    /// The features of a bucket's nets after all rounds.
    fn rounds(&self, graphs: &GraphBatch, scales: &[LayerScale], pass: &Pass) -> Result<Features> {
        let mut features = self.graph.forward(graphs, scales, pass)?;
        let changes = matches!(self.head, Head::PerParam { .. });
        let live = Live::of_rounds(&graphs.topology, self.rounds.len(), self.hears_above, changes);
        for (round, live) in self.rounds.iter().zip(&live) {
            features = self.step(round, features, live, pass)?;
        }
        Ok(features)
    }
}

/// What not every net reaches: maps for edges of so many numbers, and for sites of the same units.
fn idle(
    lowering: &Lowering,
    layout: &Layout,
    n_rounds: usize,
    hears_above: bool,
    reads_all: bool,
) -> BTreeSet<String> {
    let mut idle = BTreeSet::new();
    for topology in lowering.topologies() {
        let rounds = Live::of_rounds(topology, n_rounds, hears_above, reads_all);
        for (k, live) in rounds.iter().enumerate() {
            let hears = |tie: &Tie| matches!(tie, Tie::Peer { to, .. } if live.nodes[*to]);
            if !topology.ties().iter().any(hears) {
                idle.insert(format!("rounds.{k}.peers."));
            }
        }
        for n_values in layout.edge_widths.iter().filter(|_| layout.edge_widths.len() > 1) {
            let is_heard = |block: &&Block| {
                let heard = |live: &Live| live.nodes[block.to] || hears_above && live.nodes[block.from];
                block.n_values == *n_values && rounds.iter().any(heard)
            };
            if !topology.blocks().iter().any(|block| is_heard(&block)) {
                idle.insert(format!("graph.edge.{n_values}."));
            }
        }
    }
    idle
}

/// The output nodes of each net side by side, and zeros where a net has fewer than the head reads.
fn outputs(features: &Features, most: usize) -> Result<Tensor> {
    let sites = features.topology.sites().iter().zip(&features.nodes);
    let outputs = sites.filter(|(site, _)| site.role == Role::Output);
    let rows = outputs.map(|(_, nodes)| Ok(nodes.tensor()?.flatten_from(1)?)).collect::<Result<Vec<_>>>()?;
    let all = if let [rows] = rows.as_slice() { rows.clone() } else { Tensor::cat(&rows, 1)? };
    let (width, most) = (all.dim(1)?, most * features.nodes[0].width());
    if width < most { Ok(all.pad_with_zeros(1, 0, most - width)?) } else { Ok(all) }
}

impl<R: Round> Model for Trunk<R> {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let (mut rows, mut deltas) = (Vec::new(), Vec::new());
        for bucket in &batch.buckets {
            let graphs = &bucket.graphs;
            let scales = self.normalization.scales(&graphs.topology)?;
            let features = self.rounds(graphs, &scales, pass)?;
            match &self.head {
                Head::PerGraph(mlp) => {
                    rows.push(mlp.forward(&Rows::nets(outputs(&features, self.n_out)?)?, pass)?.tensor()?);
                }
                Head::PerParam { nodes, edges, scales: changes } => {
                    let read = |mlp: &Mlp, rows: &[Rows]| -> Result<Vec<Tensor>> {
                        rows.iter().map(|rows| Ok(mlp.forward(rows, pass)?.tensor()?)).collect()
                    };
                    let (edges, nodes) = (read(edges, &features.edges)?, read(nodes, &features.nodes[1..])?);
                    deltas.push(changes.apply(&graphs.topology, &edges, &nodes, &scales, 1)?);
                }
            }
        }
        match &self.head {
            Head::PerGraph(_) => Output::of_buckets(batch, &rows),
            Head::PerParam { .. } => Ok(Output::PerParam(deltas)),
        }
    }

    fn features(&self, batch: &Batch, pass: &Pass) -> Result<Option<Tensor>> {
        let Head::PerGraph(_) = &self.head else { return Ok(None) };
        let of_bucket = |graphs: &GraphBatch| -> Result<Tensor> {
            let scales = self.normalization.scales(&graphs.topology)?;
            outputs(&self.rounds(graphs, &scales, pass)?, self.n_out)
        };
        rows_of_nets(batch, of_bucket).map(Some)
    }

    fn may_lack_gradient(&self, name: &str) -> bool {
        self.idle.iter().any(|start| name.starts_with(start.as_str()))
    }
}

/// The sites and blocks that a round has to compute, since something reads them later.
#[derive(Debug, Clone, PartialEq)]
struct Live {
    nodes: Vec<bool>,
    edges: Vec<bool>,
}

impl Live {
    /// For each round over nets of a topology, of whose final features all are read, or the outputs alone.
    fn of_rounds(topology: &Topology, n_rounds: usize, hears_above: bool, reads_all: bool) -> Vec<Self> {
        let mut nodes: Vec<bool> =
            topology.sites().iter().map(|site| reads_all || site.role == Role::Output).collect();
        let mut edges = vec![reads_all; topology.blocks().len()];
        let mut rounds = Vec::with_capacity(n_rounds);
        for _ in 0..n_rounds {
            for (block, _) in topology.blocks().iter().zip(&edges).filter(|(_, live)| **live) {
                nodes[block.from] = true;
                nodes[block.to] = true;
            }
            rounds.push(Self { nodes: nodes.clone(), edges: edges.clone() });
            let before = nodes.clone();
            for (b, block) in topology.blocks().iter().enumerate() {
                let (lower, upper) = (hears_above && before[block.from], before[block.to]);
                edges[b] |= lower || upper;
                nodes[block.from] |= upper;
                nodes[block.to] |= lower;
            }
            for tie in topology.ties() {
                if let Tie::Peer { from, to } = *tie {
                    nodes[from] |= before[to];
                }
            }
        }
        rounds.reverse();
        rounds
    }
}

#[cfg(test)]
mod tests {
    use sgmn_graph::{Activation, NetSpec};

    use super::*;

    #[test]
    fn rounds_compute_only_what_the_outputs_see_later() {
        let chain =
            Topology::new(NetSpec::mlp(&[2, 3, 3, 1], Activation::Relu, 0.0).unwrap().into()).unwrap();
        let rounds = Live::of_rounds(&chain, 3, false, false);
        let counts: Vec<_> = rounds
            .iter()
            .map(|live| [&live.nodes, &live.edges].map(|live| live.iter().filter(|live| **live).count()))
            .collect();
        assert_eq!(counts, [[3, 2], [2, 1], [1, 0]]);
        let all = Live { nodes: vec![true; 4], edges: vec![true; 3] };
        assert_eq!(Live::of_rounds(&chain, 2, true, true), [all.clone(), all]);
    }
}
