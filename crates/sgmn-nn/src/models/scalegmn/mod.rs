//! ScaleGMN and ScaleGMN-B: message passing over a net's graph that keeps track of how every feature scales.

mod answers;
mod config;
mod first;
mod output;
pub(crate) mod plan;
pub(crate) mod reach;
mod round;

use std::sync::Arc;

use candle_core::Tensor;
use sgmn_graph::{Batch, GraphBatch, Lowering, Topology};

use self::{answers::Answers, first::FirstFeatures, plan::Groups, reach::Reach, round::Round};
pub use self::{
    config::{AnswersConfig, Compatibility, Direction, ReversedScale, ScaleGmnConfig},
    output::{OutputConfig, PerGraph, ReadoutRange},
};
use super::{Blueprint, ChangeScales, Model, Output, output::rows_of_nets};
use crate::{
    Field, Normalization, Pass, Result, VarBuilder,
    layers::{Layout, Mlp, Readout, ReadoutConfig, Reads, Scalings},
    normalization::LayerScale,
};

/// A scale equivariant graph metanetwork.
///
/// ```text
/// x = P_v b (+ P_h h), e = P_e w        first projections of biases and weights, with probes also of responses h;
///                                     with sines also of sin(f_k b), sin(f_k w)
/// x ⊙ p, e ⊙ p                          embeddings
/// n_rounds times:
///   m_i  = Σ_j Message(e_ij, x_j)       and, if bidirectional, m'_j = Σ_i Message'(e_ij, x_i);
///                                     over all blocks of edges, and from sites of the same units
///   x_i ← S x_i + Update(x_i, m_i, m'_i)
///   e_ij ← EdgeUpdate(e_ij, x_j, x_i)   all three from the features at the start of the round
/// y = Readout(x) (+ MLP(h_out))          or Δb = s x, Δw = s e
/// ```
///
/// # Source
/// Kalogeropoulos, Bouritsas, Panagakis, "Scale Equivariant Graph Metanetworks", NeurIPS 2024.
#[derive(Debug)]
pub struct ScaleGmn {
    config: ScaleGmnConfig,
    normalization: Normalization,
    first: FirstFeatures,
    rounds: Vec<Round>,
    head: Head,
    reach: Reach,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one")]
enum Head {
    PerGraph(Readout, Option<Answers>),
    PerParam(ChangeScales),
}

/// The features of one bucket on their way through the rounds.
#[derive(Debug, Clone)]
struct State {
    topology: Arc<Topology>,
    groups: Groups,
    nodes: Vec<Field>,
    edges: Vec<Field>,
    /// Edge features of the reversed direction where they differ from `edges`.
    reversed: Option<Vec<Field>>,
    /// What outputs answer to probes, of the order of 1, `[B, n_out, P]`, if the model has probes.
    answers: Option<Tensor>,
}

impl ScaleGmn {
    /// The model for nets of the given architectures, its variables under the published names.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the configuration or the architectures cannot be used.
    pub fn new(
        config: &ScaleGmnConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        config.validate()?;
        for topology in lowering.topologies() {
            config.check_symmetry(topology)?;
            config.check_size(topology)?;
        }
        let layout = &Layout::of(lowering)?;
        let vars = &vars.clone().with_start(config.start);
        let first = FirstFeatures::new(config, layout, lowering, vars)?;
        let rounds =
            (0..config.n_rounds).map(|k| Round::new(config, layout, k, vars)).collect::<Result<Vec<_>>>()?;
        let head = match &config.output {
            OutputConfig::PerGraph(output) => {
                let readout = readout(config, &config.readout(output), layout, &vars.at("gnn"))?;
                Head::PerGraph(readout, Answers::new(config, output.d_out, layout, &vars.at("answers"))?)
            }
            OutputConfig::PerParam { initial_scale, .. } => {
                Head::PerParam(ChangeScales::new(*initial_scale, layout.n_layers, vars)?)
            }
        };
        Ok(Self {
            config: config.clone(),
            reach: Reach::new(config, lowering),
            normalization,
            first,
            rounds,
            head,
        })
    }

    /// The final features of one bucket's nodes and edges.
    fn pass_messages(&self, graphs: &GraphBatch, scales: &[LayerScale], pass: &Pass) -> Result<State> {
        let mut state = self.first.forward(graphs, scales)?;
        for (k, (round, live)) in self.rounds.iter().zip(&*self.reach.rounds(&graphs.topology)).enumerate() {
            let is_last = k + 1 == self.rounds.len();
            // The published code drops even final bias changes.
            let keeps_all = is_last && self.config.changes_params() && !self.config.is_published();
            let dropout = if keeps_all { 0.0 } else { self.config.dropout };
            state = round.forward(&state, self.first.codes(), live, dropout, pass)?;
        }
        Ok(state)
    }
}

/// The read-out; a published one has a perceptron more, which nothing reads.
fn readout(
    config: &ScaleGmnConfig,
    form: &ReadoutConfig,
    layout: &Layout,
    gnn: &VarBuilder,
) -> Result<Readout> {
    let d = config.d_hidden;
    if config.is_published() && form.reads == Reads::All && config.scalings != Scalings::Permutation {
        Mlp::new(&form.mlp, d, d, &gnn.at("readout").at("phi"))?;
    }
    Readout::new(form, &config.invariants(), d, layout, gnn)
}

impl Model for ScaleGmn {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let mut rows = Vec::new();
        let mut deltas = Vec::new();
        for bucket in &batch.buckets {
            let scales = self.normalization.scales(&bucket.graphs.topology)?;
            let state = self.pass_messages(&bucket.graphs, &scales, pass)?;
            match &self.head {
                Head::PerGraph(readout, answers) => {
                    let row =
                        readout.forward(&state.nodes, &state.topology, &state.groups.of_features, pass)?;
                    rows.push(match answers {
                        Some(answers) => (row + answers.forward(&state, pass)?)?,
                        None => row,
                    });
                }
                Head::PerParam(change_scales) => {
                    let tensors = |fields: &[Field]| -> Result<Vec<Tensor>> {
                        fields.iter().map(|field| Ok(field.values().tensor()?)).collect()
                    };
                    let (edges, nodes) = (tensors(&state.edges)?, tensors(&state.nodes[1..])?);
                    let n_copies = self.config.n_copies().unwrap_or(1);
                    deltas.push(change_scales.apply(
                        &bucket.graphs.topology,
                        &edges,
                        &nodes,
                        &scales,
                        n_copies,
                    )?);
                }
            }
        }
        match &self.head {
            Head::PerParam(_) => Ok(Output::PerParam(deltas)),
            Head::PerGraph(..) => Output::of_buckets(batch, &rows),
        }
    }

    fn features(&self, batch: &Batch, pass: &Pass) -> Result<Option<Tensor>> {
        let Head::PerGraph(readout, _) = &self.head else { return Ok(None) };
        let of_bucket = |graphs: &GraphBatch| -> Result<Tensor> {
            let scales = self.normalization.scales(&graphs.topology)?;
            let state = self.pass_messages(graphs, &scales, pass)?;
            readout.features(&state.nodes, &state.topology, &state.groups.of_features, pass)
        };
        rows_of_nets(batch, of_bucket).map(Some)
    }

    fn may_lack_gradient(&self, name: &str) -> bool {
        !self.reach.always(name)
    }
}
