//! ScaleGMN and ScaleGMN-B: message passing over a net's graph that keeps track of how every feature scales.

use candle_core::Tensor;
use sgmn_graph::{Batch, GraphBatch, Lowering};

use super::{
    Blueprint, ChangeScales, Direction, Layout, Model, Output, OutputConfig, ReversedScale, ScaleGmnConfig,
    Symmetry,
    layout::hidden_of,
    output::rows_of_nets,
    plan::{Groups, Paths, ReversedEdges, is_message},
    reach::{Live, Reach},
};
use crate::{
    Field, Normalization, Pass, Probes, Result, VarBuilder,
    layers::{
        EdgeEmbedding, EdgeUpdate, LinearMap, Message, NodeEmbedding, NodeUpdate, Readout, RelativeMessage,
        Role, Trust,
    },
    normalization::LayerScale,
    ops::Rows,
};

/// A scale equivariant graph metanetwork.
///
/// ```text
/// x = P_v b (+ P_h h), e = P_e w        first projections of biases and weights, with probes also of responses h
/// x ⊙ p, e ⊙ p                          embeddings
/// n_layers times:
///   m_i  = Σ_j Message(e_ij, x_j)       and, if bidirectional, m'_j = Σ_i Message'(e_ij, x_i)
///   x_i ← S x_i + Update(x_i, m_i, m'_i)
///   e_ij ← EdgeUpdate(e_ij, x_j, x_i)   all three from the features at the start of the layer
/// y = Readout(x)                        or Δb = s x, Δw = s e
/// ```
///
/// # Source
/// Kalogeropoulos, Bouritsas, Panagakis, "Scale Equivariant Graph Metanetworks", NeurIPS 2024.
#[derive(Debug)]
pub struct ScaleGmn {
    config: ScaleGmnConfig,
    layout: Layout,
    normalization: Normalization,
    project_node: LinearMap,
    probed: Option<Probed>,
    project_edge: LinearMap,
    node_embedding: Option<NodeEmbedding>,
    edge_embedding: Option<EdgeEmbedding>,
    layers: Vec<Layer>,
    head: Head,
    reach: Reach,
}

/// What nodes know of their responses to learned inputs.
#[derive(Debug)]
struct Probed {
    probes: Probes,
    project: LinearMap,
}

/// One round of message passing.
#[derive(Debug)]
struct Layer {
    message: Message,
    reversed: Option<ReversedMessage>,
    update: NodeUpdate,
    edge_update: Option<EdgeUpdate>,
    reversed_edge_update: Option<EdgeUpdate>,
    skip: Option<LinearMap>,
}

/// Messages against the edges: the ordinary form where laws allow it, the relative form elsewhere.
#[derive(Debug)]
struct ReversedMessage {
    plain: Option<Message>,
    relative: Option<RelativeMessage>,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one")]
enum Head {
    PerGraph(Readout),
    PerParam(ChangeScales),
}

/// The features of one bucket on their way through the layers.
struct State {
    groups: Groups,
    nodes: Vec<Field>,
    edges: Vec<Field>,
    /// Edge features of the reversed direction where they differ from `edges`.
    reversed: Option<Vec<Field>>,
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
        lowering.topologies().iter().try_for_each(|topology| config.check_symmetry(topology))?;
        let layout = &Layout::of(lowering)?;
        let vars = &vars.clone().with_start(config.start);
        let d = config.d_hidden;
        let projections = vars.at("construct_graph");
        let gnn = vars.at("gnn");
        let project_node = LinearMap::new(1, d, &projections.at("proj_bias"))?;
        let project_edge = LinearMap::new(layout.n_edge_values, d, &projections.at("proj_weight"))?;
        let probed = config.probes.as_ref().map(|probes| -> Result<Probed> {
            let project = LinearMap::new(probes.n, d, &projections.at("proj_probes"))?;
            Ok(Probed { probes: Probes::new(probes, lowering, &vars.at("probes"))?, project })
        });
        let probed = probed.transpose()?;
        let node_embedding = config
            .node_embedding
            .then(|| NodeEmbedding::new(config, layout, &vars.at("positional_embeddings")))
            .transpose()?;
        let edge_embedding = config
            .edge_embedding
            .then(|| EdgeEmbedding::new(config, layout, &vars.at("positional_embeddings_edge")))
            .transpose()?;
        let layers =
            (0..config.n_layers).map(|k| Layer::new(config, layout, k, vars)).collect::<Result<Vec<_>>>()?;
        let head = match &config.output {
            OutputConfig::PerGraph(output) => Head::PerGraph(Readout::new(config, output, layout, &gnn)?),
            OutputConfig::PerParam { initial_scale, .. } => {
                Head::PerParam(ChangeScales::new(*initial_scale, layout.n_layers, vars)?)
            }
        };
        Ok(Self {
            config: config.clone(),
            reach: Reach::new(config, layout),
            layout: layout.clone(),
            normalization,
            project_node,
            probed,
            project_edge,
            node_embedding,
            edge_embedding,
            layers,
            head,
        })
    }

    /// The final features of one bucket's nodes and edges.
    fn pass_messages(&self, graphs: &GraphBatch, scales: &[LayerScale], pass: &Pass) -> Result<State> {
        let mut state = self.start(graphs, scales)?;
        let hidden = hidden_of(&graphs.topology);
        for (k, (layer, live)) in self.layers.iter().zip(&*self.reach.layers(&hidden)).enumerate() {
            let is_last = k + 1 == self.layers.len();
            // The published code drops even final bias changes.
            let keeps_all = is_last && self.config.changes_params() && !self.config.is_published();
            let dropout = if keeps_all { 0.0 } else { self.config.dropout };
            state = self.step(layer, &state, live, dropout, pass)?;
        }
        Ok(state)
    }

    /// First projections and embeddings.
    fn start(&self, graphs: &GraphBatch, scales: &[LayerScale]) -> Result<State> {
        self.layout.check(&graphs.topology)?;
        let n_layers = graphs.topology.n_layers();
        let groups = Groups::new(self.config.symmetry, &hidden_of(&graphs.topology));
        let responses = match &self.probed {
            None => None,
            Some(probed) => {
                Some((probed, probed.probes.responses(graphs)?, Probes::sizes(&graphs.topology, scales)))
            }
        };
        let mut nodes = Vec::with_capacity(n_layers + 1);
        for (l, group) in groups.of_features.iter().enumerate() {
            let values = match l.checked_sub(1) {
                Some(layer) => (&graphs.nodes[l] / scales[layer].bias)?,
                // The published code gives the inputs of a CNN the value 0 and those of an MLP the value 1.
                None if self.config.is_published() && graphs.topology.spec().is_convolutional() => {
                    graphs.nodes[0].zeros_like()?
                }
                None => graphs.nodes[0].clone(),
            };
            let mut field = self.project_node.forward(&Field::nodes(values, *group)?)?;
            if let Some((probed, responses, sizes)) = &responses {
                // A unit that is scaled answers with its value scaled: the law of its bias.
                let responses = Field::nodes((&responses[l] / sizes[l])?, *group)?;
                field = field.add(&probed.project.forward(&responses)?)?;
            }
            nodes.push(match &self.node_embedding {
                Some(embedding) => embedding.apply(&field, l, n_layers)?.computed()?,
                None => field.computed()?,
            });
        }
        let project = |l: usize, values: &Tensor, reciprocal: bool| -> Result<Field> {
            let field = Field::edges(values.clone(), groups.of_features[l + 1], groups.of_features[l])?;
            let field = self.project_edge.forward(&field)?;
            let field = if reciprocal { field.relabel(field.law().inverse(field.place())) } else { field };
            // Not computed now: a number times a vector is cheaper to carry than its product.
            match &self.edge_embedding {
                Some(embedding) => embedding.apply(&field, l, n_layers),
                None => Ok(field),
            }
        };
        let weights =
            (0..n_layers).map(|l| Ok((&graphs.edges[l] / scales[l].weight)?)).collect::<Result<Vec<_>>>()?;
        let edges = (0..n_layers).map(|l| project(l, &weights[l], false)).collect::<Result<Vec<_>>>()?;
        let reversed = match ReversedEdges::of(&self.config) {
            None | Some(ReversedEdges::Shared) => None,
            Some(ReversedEdges::Initial | ReversedEdges::Own) => Some(edges.clone()),
            Some(ReversedEdges::OwnReciprocal) => {
                let inverse = |l: usize| project(l, &reciprocal(&weights[l])?, true);
                Some((0..n_layers).map(inverse).collect::<Result<Vec<_>>>()?)
            }
        };
        Ok(State { groups, nodes, edges, reversed })
    }

    /// One layer: messages, node update, edge updates, all from the features at its start.
    ///
    /// Features that nothing reads afterwards stay as they were.
    fn step(&self, layer: &Layer, state: &State, live: &Live, dropout: f64, pass: &Pass) -> Result<State> {
        let n_nodes = state.nodes.len();
        let mut nodes = Vec::with_capacity(n_nodes);
        for l in 0..n_nodes {
            let own = &state.nodes[l];
            if !live.nodes[l] {
                nodes.push(own.clone());
                continue;
            }
            let mut parts = vec![own.clone(), self.message_into(layer, state, l, pass)?];
            if let Some(reversed) = &layer.reversed {
                parts.push(self.reversed_message_into(reversed, state, l, pass)?);
            }
            let parts: Vec<&Field> = parts.iter().collect();
            let extra = self.embedding_of(state, l, self.config.update.positional)?;
            let mut new = layer.update.forward(
                &parts,
                extra.as_ref(),
                Role::of(l, n_nodes),
                state.groups.canonical[l],
                pass,
            )?;
            if let Some(skip) = &layer.skip {
                new = skip.forward(own)?.add(&new)?;
            }
            nodes.push(new.map_equivariant(|values| pass.dropout(values, dropout))?.computed()?);
        }
        let edges = match &layer.edge_update {
            Some(update) => self.update_edges(update, state, &state.edges, &live.edges, false, pass)?,
            None => state.edges.clone(),
        };
        let reversed = match (&layer.reversed_edge_update, &state.reversed) {
            (Some(update), Some(reversed)) => {
                Some(self.update_edges(update, state, reversed, &live.reversed, true, pass)?)
            }
            (_, reversed) => reversed.clone(),
        };
        Ok(State { groups: state.groups.clone(), nodes, edges, reversed })
    }

    /// Messages along the edges into node layer `l`; inputs hear nothing.
    fn message_into(&self, layer: &Layer, state: &State, l: usize, pass: &Pass) -> Result<Field> {
        let Some(sender) = l.checked_sub(1) else { return state.nodes[l].zeros_like() };
        let edges = &state.edges[sender];
        // One-way models see the receiver's embedding, bidirectional ones the sender's.
        let bidirectional = self.config.direction == Direction::Bidirectional;
        let (seen, axis) =
            if bidirectional { (sender, edges.sender_axis()) } else { (l, edges.receiver_axis()) };
        let extra = self.embedding_of(state, seen, self.config.message.positional)?;
        let extra = extra.map(|rows| edges.spread(&rows, axis)).transpose()?;
        let (role, group) = (Role::of(l, state.nodes.len()), state.groups.canonical[l]);
        layer.message.forward(edges, &state.nodes[sender], extra.as_ref(), role, group, Trust::Checked, pass)
    }

    /// Messages against the edges into node layer `l`; outputs hear nothing.
    fn reversed_message_into(
        &self,
        message: &ReversedMessage,
        state: &State,
        l: usize,
        pass: &Pass,
    ) -> Result<Field> {
        let sender = l + 1;
        let Some(senders) = state.nodes.get(sender) else { return state.nodes[l].zeros_like() };
        let edges = state.reversed.as_ref().unwrap_or(&state.edges)[l].reversed();
        let extra = self.embedding_of(state, sender, self.config.message.positional)?;
        let extra = extra.map(|rows| edges.spread(&rows, edges.sender_axis())).transpose()?;
        let (role, group) = (Role::of(l, state.nodes.len()), state.groups.canonical[l]);
        let relative = message
            .relative
            .as_ref()
            .filter(|_| message.plain.is_none() || !is_message(edges.law(), edges.place(), senders.law()));
        match (relative, &message.plain) {
            (Some(relative), _) => {
                relative.forward(&edges, senders, &state.nodes[l], extra.as_ref(), role, pass)
            }
            (None, Some(plain)) => {
                let published = self.config.reversed_scale() == ReversedScale::Published;
                let trust = if published { Trust::Published } else { Trust::Checked };
                plain.forward(&edges, senders, extra.as_ref(), role, group, trust, pass)
            }
            (None, None) => unreachable!("a reversed message has one form at least"),
        }
    }

    fn update_edges(
        &self,
        update: &EdgeUpdate,
        state: &State,
        edges: &[Field],
        live: &[bool],
        reversed: bool,
        pass: &Pass,
    ) -> Result<Vec<Field>> {
        let is_end = |l: usize| live.get(l) == Some(&true) || l > 0 && live[l - 1];
        let invariants = (state.nodes.iter().zip(&state.groups.canonical).enumerate())
            .map(|(l, (nodes, group))| {
                is_end(l).then(|| update.node_invariants(nodes, *group, pass)).transpose()
            })
            .collect::<Result<Vec<_>>>()?;
        let ends = invariants.iter().zip(&invariants[1..]);
        edges
            .iter()
            .zip(live)
            .zip(ends)
            .map(|((edges, live), ends)| {
                let (true, (Some(lower), Some(upper))) = (*live, ends) else { return Ok(edges.clone()) };
                // Messages and the next update all read the result: it is computed here, once.
                if reversed {
                    update.forward(&edges.reversed(), upper, lower, pass)?.reversed().computed()
                } else {
                    update.forward(edges, lower, upper, pass)?.computed()
                }
            })
            .collect()
    }

    /// The embedding rows of node layer `l`, where a net sees them beside the features.
    fn embedding_of(&self, state: &State, l: usize, wanted: bool) -> Result<Option<Rows>> {
        let Some(embedding) = self.node_embedding.as_ref().filter(|_| wanted) else { return Ok(None) };
        // The permutation model's nets have no place for them.
        if self.config.symmetry == Symmetry::Permutation {
            return Ok(None);
        }
        let [n_graphs, n_nodes, _] = *state.nodes[l].values().dims() else {
            unreachable!("nodes have three axes")
        };
        Ok(Some(embedding.of_layer(l, state.nodes.len() - 1, n_graphs, n_nodes)?))
    }
}

impl Model for ScaleGmn {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let mut rows = Vec::new();
        let mut deltas = Vec::new();
        for bucket in &batch.buckets {
            let scales = self.normalization.scales(&bucket.graphs.topology)?;
            let state = self.pass_messages(&bucket.graphs, &scales, pass)?;
            match &self.head {
                Head::PerGraph(readout) => {
                    rows.push(readout.forward(&state.nodes, &state.groups.of_features, pass)?)
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
            Head::PerGraph(_) => Output::of_buckets(batch, &rows),
        }
    }

    fn features(&self, batch: &Batch, pass: &Pass) -> Result<Option<Tensor>> {
        let Head::PerGraph(readout) = &self.head else { return Ok(None) };
        let of_bucket = |graphs: &GraphBatch| -> Result<Tensor> {
            let scales = self.normalization.scales(&graphs.topology)?;
            let state = self.pass_messages(graphs, &scales, pass)?;
            readout.features(&state.nodes, &state.groups.of_features, pass)
        };
        rows_of_nets(batch, of_bucket).map(Some)
    }

    fn may_lack_gradient(&self, name: &str) -> bool {
        !self.reach.always(name)
    }
}

impl Layer {
    fn new(config: &ScaleGmnConfig, layout: &Layout, k: usize, vars: &VarBuilder) -> Result<Self> {
        let d = config.d_hidden;
        let is_last = k + 1 == config.n_layers;
        // In the last layer of a model that changes nets: a number for each parameter and copy.
        let n_copies = config.n_copies().filter(|_| is_last);
        let bidirectional = config.direction == Direction::Bidirectional;
        let d_extra = |positional: bool| if positional { d } else { 0 };
        let paths = Paths::new(config.direction, k);
        let message = Message::new(config, d_extra(config.message.positional), &vars.at(&paths.forward))?;
        let reversed =
            bidirectional.then(|| ReversedMessage::new(config, &vars.at(&paths.backward))).transpose()?;
        let n_parts = if bidirectional { 3 } else { 2 };
        let d_node = n_copies.unwrap_or(d);
        let extra = d_extra(config.update.positional);
        let update = NodeUpdate::new(config, n_parts, extra, d_node, &vars.at(&paths.update))?;
        // The edges of an invariant model's last layer are never read again.
        let updates_edges = config.edge_update && (!is_last || n_copies.is_some());
        let d_edge = n_copies.map_or(d, |n_copies| n_copies * layout.n_edge_values);
        let edge_update =
            |vars: VarBuilder| updates_edges.then(|| EdgeUpdate::new(config, d_edge, &vars)).transpose();
        let own = ReversedEdges::of(config).is_some_and(ReversedEdges::are_updated);
        let reversed_edge_update =
            if own && n_copies.is_none() { edge_update(vars.at(&paths.reversed_edge_update))? } else { None };
        let skips = config.node_skip && n_copies.is_none();
        let skip = skips.then(|| LinearMap::new(d, d, &vars.at(&paths.skip))).transpose()?;
        let edge_update = edge_update(vars.at(&paths.edge_update))?;
        Ok(Self { message, reversed, update, edge_update, reversed_edge_update, skip })
    }
}

impl ReversedMessage {
    fn new(config: &ScaleGmnConfig, vars: &VarBuilder) -> Result<Self> {
        let d_extra = if config.message.positional { config.d_hidden } else { 0 };
        let relative = config.reversed_scale() == ReversedScale::Relative;
        let plain = |vars: &VarBuilder| Message::new(config, d_extra, vars).map(Some);
        let beside = |vars: &VarBuilder| RelativeMessage::new(config, d_extra, vars).map(Some);
        Ok(match config.symmetry {
            Symmetry::Scale if relative => Self { plain: None, relative: beside(vars)? },
            Symmetry::Own if relative => {
                Self { plain: plain(vars)?, relative: beside(&vars.at("relative"))? }
            }
            _ => Self { plain: plain(vars)?, relative: None },
        })
    }
}

/// `1/w`, and 0 for 0: padded kernel slots stay empty.
fn reciprocal(weights: &Tensor) -> Result<Tensor> {
    let is_zero = weights.eq(0.0)?.to_dtype(weights.dtype())?;
    Ok(((weights + &is_zero)?.recip()? - is_zero)?)
}
