//! One round of messages of a ScaleGMN.

use super::{
    Direction, ReversedScale, ScaleGmnConfig, State,
    plan::{Paths, ReversedEdges, is_message},
    reach::Live,
};
use crate::{
    Field, Pass, Result, VarBuilder,
    layers::{
        EdgeUpdate, Layout, LinearMap, Message, NodeEmbedding, NodeUpdate, RelativeMessage, Role, Scalings,
        Trust,
    },
    ops::Rows,
};

/// What all nodes and edges learn from their neighbors at once.
#[derive(Debug)]
pub(super) struct Round {
    message: Message,
    reversed: Option<ReversedMessage>,
    update: NodeUpdate,
    edge_update: Option<EdgeUpdate>,
    reversed_edge_update: Option<EdgeUpdate>,
    skip: Option<LinearMap>,
    /// Whether messages see the codes of nodes beside the features.
    messages_see_codes: bool,
    updates_see_codes: bool,
}

/// Messages against the edges: the ordinary form where laws allow it, the relative form elsewhere.
#[derive(Debug)]
struct ReversedMessage {
    plain: Option<Message>,
    relative: Option<RelativeMessage>,
    trust: Trust,
}

impl Round {
    /// Round `k` of a model, counted from 0.
    pub(super) fn new(config: &ScaleGmnConfig, layout: &Layout, k: usize, vars: &VarBuilder) -> Result<Self> {
        let (d, invariants) = (config.d_hidden, &config.invariants());
        let is_last = k + 1 == config.n_rounds;
        // In the last round of a model that changes nets: a number for each parameter and copy.
        let n_copies = config.n_copies().filter(|_| is_last);
        let bidirectional = config.direction == Direction::Bidirectional;
        let paths = Paths::new(config.direction, k);
        let message = Message::new(&config.message, invariants, d, &vars.at(&paths.forward))?;
        let reversed =
            bidirectional.then(|| ReversedMessage::new(config, &vars.at(&paths.backward))).transpose()?;
        let n_parts = if bidirectional { 3 } else { 2 };
        let widths = [n_parts, d, n_copies.unwrap_or(d)];
        let update = NodeUpdate::new(&config.update, invariants, widths, &vars.at(&paths.update))?;
        // The edges of an invariant model's last round are never read again.
        let updates_edges = config.edge_update && (!is_last || n_copies.is_some());
        let d_edge = n_copies.map_or(d, |n_copies| n_copies * layout.n_edge_values);
        let edge_update = |vars: VarBuilder| {
            updates_edges.then(|| EdgeUpdate::new(invariants, d, d_edge, &vars)).transpose()
        };
        let own = ReversedEdges::of(config).is_some_and(ReversedEdges::are_updated);
        let reversed_edge_update =
            if own && n_copies.is_none() { edge_update(vars.at(&paths.reversed_edge_update))? } else { None };
        let skips = config.node_skip && n_copies.is_none();
        let skip = skips.then(|| LinearMap::new(d, d, &vars.at(&paths.skip))).transpose()?;
        let edge_update = edge_update(vars.at(&paths.edge_update))?;
        // Perceptrons of a model of permutations have no place for them.
        let has_place = config.scalings != Scalings::Permutation;
        let (messages_see_codes, updates_see_codes) =
            (has_place && config.message.positional, has_place && config.update.positional);
        Ok(Self {
            message,
            reversed,
            update,
            edge_update,
            reversed_edge_update,
            skip,
            messages_see_codes,
            updates_see_codes,
        })
    }

    /// Messages, node updates, edge updates, all from the features at the start of the round.
    ///
    /// Features that nothing reads afterwards stay as they were.
    pub(super) fn forward(
        &self,
        state: &State,
        codes: Option<&NodeEmbedding>,
        live: &Live,
        dropout: f64,
        pass: &Pass,
    ) -> Result<State> {
        let n_nodes = state.nodes.len();
        let mut nodes = Vec::with_capacity(n_nodes);
        for l in 0..n_nodes {
            let own = &state.nodes[l];
            if !live.nodes[l] {
                nodes.push(own.clone());
                continue;
            }
            let mut parts = vec![own.clone(), self.message_into(state, codes, l, pass)?];
            if let Some(reversed) = &self.reversed {
                parts.push(self.reversed_message_into(reversed, state, codes, l, pass)?);
            }
            let parts: Vec<&Field> = parts.iter().collect();
            let extra = codes_of(codes, state, l, self.updates_see_codes)?;
            let mut new = self.update.forward(
                &parts,
                extra.as_ref(),
                Role::of(l, n_nodes),
                state.groups.canonical[l],
                pass,
            )?;
            if let Some(skip) = &self.skip {
                new = skip.forward(own)?.add(&new)?;
            }
            nodes.push(new.map_equivariant(|values| pass.dropout(values, dropout))?.computed()?);
        }
        let edges = match &self.edge_update {
            Some(update) => update_edges(update, state, &state.edges, &live.edges, false, pass)?,
            None => state.edges.clone(),
        };
        let reversed = match (&self.reversed_edge_update, &state.reversed) {
            (Some(update), Some(reversed)) => {
                Some(update_edges(update, state, reversed, &live.reversed, true, pass)?)
            }
            (_, reversed) => reversed.clone(),
        };
        let answers = state.answers.clone();
        Ok(State { groups: state.groups.clone(), nodes, edges, reversed, answers })
    }

    /// Messages along the edges into node layer `l`; inputs hear nothing.
    fn message_into(
        &self,
        state: &State,
        codes: Option<&NodeEmbedding>,
        l: usize,
        pass: &Pass,
    ) -> Result<Field> {
        let Some(sender) = l.checked_sub(1) else { return state.nodes[l].zeros_like() };
        let edges = &state.edges[sender];
        // One-way models see the receiver's embedding, bidirectional ones the sender's.
        let bidirectional = self.reversed.is_some();
        let (seen, axis) =
            if bidirectional { (sender, edges.sender_axis()) } else { (l, edges.receiver_axis()) };
        let extra = codes_of(codes, state, seen, self.messages_see_codes)?;
        let extra = extra.map(|rows| edges.spread(&rows, axis)).transpose()?;
        let (role, group) = (Role::of(l, state.nodes.len()), state.groups.canonical[l]);
        self.message.forward(edges, &state.nodes[sender], extra.as_ref(), role, group, Trust::Checked, pass)
    }

    /// Messages against the edges into node layer `l`; outputs hear nothing.
    fn reversed_message_into(
        &self,
        message: &ReversedMessage,
        state: &State,
        codes: Option<&NodeEmbedding>,
        l: usize,
        pass: &Pass,
    ) -> Result<Field> {
        let sender = l + 1;
        let Some(senders) = state.nodes.get(sender) else { return state.nodes[l].zeros_like() };
        let edges = state.reversed.as_ref().unwrap_or(&state.edges)[l].reversed();
        let extra = codes_of(codes, state, sender, self.messages_see_codes)?;
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
                plain.forward(&edges, senders, extra.as_ref(), role, group, message.trust, pass)
            }
            (None, None) => unreachable!("a reversed message has one form at least"),
        }
    }
}

impl ReversedMessage {
    fn new(config: &ScaleGmnConfig, vars: &VarBuilder) -> Result<Self> {
        let (d, invariants, reversed) = (config.d_hidden, &config.invariants(), config.reversed_scale());
        let trust = if reversed == ReversedScale::Published { Trust::Published } else { Trust::Checked };
        let is_relative = reversed == ReversedScale::Relative;
        let plain = |vars: &VarBuilder| Message::new(&config.message, invariants, d, vars).map(Some);
        let relative = |vars: &VarBuilder| {
            RelativeMessage::new(invariants, d, config.message.d_extra(d), vars).map(Some)
        };
        Ok(match config.scalings {
            Scalings::Scale if is_relative => Self { plain: None, relative: relative(vars)?, trust },
            Scalings::Own if is_relative => {
                Self { plain: plain(vars)?, relative: relative(&vars.at("relative"))?, trust }
            }
            _ => Self { plain: plain(vars)?, relative: None, trust },
        })
    }
}

/// The codes of node layer `l`, where something sees them beside the features.
fn codes_of(codes: Option<&NodeEmbedding>, state: &State, l: usize, seen: bool) -> Result<Option<Rows>> {
    let Some(codes) = codes.filter(|_| seen) else { return Ok(None) };
    let [n_graphs, n_nodes, _] = *state.nodes[l].values().dims() else {
        unreachable!("nodes have three axes")
    };
    Ok(Some(codes.of_layer(l, state.nodes.len() - 1, n_graphs, n_nodes)?))
}

/// The new features of all blocks of edges that something reads later.
fn update_edges(
    update: &EdgeUpdate,
    state: &State,
    edges: &[Field],
    live: &[bool],
    reversed: bool,
    pass: &Pass,
) -> Result<Vec<Field>> {
    let is_end = |l: usize| live.get(l) == Some(&true) || l > 0 && live[l - 1];
    let invariants = (state.nodes.iter().zip(&state.groups.canonical).enumerate())
        .map(|(l, (nodes, group))| is_end(l).then(|| update.node_invariants(nodes, *group, pass)).transpose())
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
