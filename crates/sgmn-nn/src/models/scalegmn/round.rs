//! One round of messages of a ScaleGMN.

use sgmn_graph::Tie;

use super::{
    Direction, ReversedScale, ScaleGmnConfig, State,
    plan::{Paths, ReversedEdges, is_message},
    reach::Live,
};
use crate::{
    Field, Pass, Result, VarBuilder,
    layers::{
        DirectMessage, EdgeUpdate, End, Layout, LinearMap, Message, NodeEmbedding, NodeUpdate,
        RelativeMessage, Scalings, TiedMessage, Trust, Way, field_into_groups, into_groups, out_of_groups,
    },
    ops::Rows,
};

/// What all nodes and edges learn from their neighbors at once.
#[derive(Debug)]
pub(super) struct Round {
    along: Along,
    against: Option<Against>,
    update: NodeUpdate,
    edge_update: Option<EdgeUpdate>,
    reversed_edge_update: Option<EdgeUpdate>,
    skip: Option<LinearMap>,
    /// Between sites of the same units, where some net has them.
    tied: Option<TiedMessage>,
    /// Whether messages see the codes of nodes beside the features.
    messages_see_codes: bool,
    updates_see_codes: bool,
}

/// Messages along the edges.
#[derive(Debug)]
enum Along {
    Featured(Message),
    Direct(DirectMessage),
}

/// Messages against the edges.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a round has one")]
enum Against {
    Featured(ReversedMessage),
    Direct(DirectMessage),
}

/// Messages against edges with features: the ordinary form where laws allow it, the relative form elsewhere.
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
        let direct = |path: &str| DirectMessage::new(&config.message, invariants, d, layout, &vars.at(path));
        let along = match config.edge_features {
            true => Along::Featured(Message::new(&config.message, invariants, d, &vars.at(&paths.forward))?),
            false => Along::Direct(direct(&paths.forward)?),
        };
        let against = bidirectional.then(|| -> Result<Against> {
            Ok(match config.edge_features {
                true => Against::Featured(ReversedMessage::new(config, &vars.at(&paths.backward))?),
                false => Against::Direct(direct(&paths.backward)?),
            })
        });
        let against = against.transpose()?;
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
        let tied =
            layout.has_ties.then(|| TiedMessage::new(invariants, d, &vars.at(&paths.tied))).transpose()?;
        // Perceptrons of a model of permutations have no place for them.
        let has_place = config.scalings != Scalings::Permutation;
        let (messages_see_codes, updates_see_codes) =
            (has_place && config.message.positional, has_place && config.update.positional);
        Ok(Self {
            along,
            against,
            update,
            edge_update,
            reversed_edge_update,
            skip,
            tied,
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
        let sites = state.topology.sites();
        let mut nodes = Vec::with_capacity(sites.len());
        for (s, site) in sites.iter().enumerate() {
            let own = &state.nodes[s];
            if !live.nodes[s] {
                nodes.push(own.clone());
                continue;
            }
            let mut parts = vec![own.clone(), self.message_into(state, codes, s, pass)?];
            match &self.against {
                None => {}
                Some(Against::Featured(message)) => {
                    parts.push(self.reversed_message_into(message, state, codes, s, pass)?);
                }
                Some(Against::Direct(message)) => {
                    let heard = self.direct_message_into(message, state, codes, s, Way::Against, pass)?;
                    parts.push(heard);
                }
            }
            let parts: Vec<&Field> = parts.iter().collect();
            let extra = codes_of(codes, state, s, self.updates_see_codes)?;
            let mut new =
                self.update.forward(&parts, extra.as_ref(), site.role, state.groups.canonical[s], pass)?;
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
        let State { topology, groups, answers, .. } = state.clone();
        Ok(State { topology, groups, nodes, edges, reversed, answers })
    }

    /// Messages along the edges into a site, and from sites of the same units; one that nothing enters hears nothing.
    fn message_into(
        &self,
        state: &State,
        codes: Option<&NodeEmbedding>,
        to: usize,
        pass: &Pass,
    ) -> Result<Field> {
        let mut messages = match &self.along {
            Along::Featured(message) => self.messages_into(message, state, codes, to, pass)?,
            Along::Direct(message) => {
                vec![self.direct_message_into(message, state, codes, to, Way::Along, pass)?]
            }
        };
        if let Some(tied) = &self.tied {
            for tie in state.topology.ties().iter().filter(|tie| tie.to() == to) {
                messages.extend(tied_message(tied, state, tie, pass)?);
            }
        }
        sum(messages, &state.nodes[to])
    }

    /// The message of each block into a site.
    fn messages_into(
        &self,
        message: &Message,
        state: &State,
        codes: Option<&NodeEmbedding>,
        to: usize,
        pass: &Pass,
    ) -> Result<Vec<Field>> {
        let (role, group) = (state.topology.sites()[to].role, state.groups.canonical[to]);
        // One-way models see the receiver's embedding, bidirectional ones the sender's.
        let sees_senders = self.against.is_some();
        let of_block = |b: usize| -> Result<Field> {
            let block = &state.topology.blocks()[b];
            let edges = &state.edges[b];
            let senders = field_into_groups(&state.nodes[block.from], block, End::Senders)?;
            let (seen, end, axis) = if sees_senders {
                (block.from, End::Senders, edges.sender_axis())
            } else {
                (to, End::Receivers, edges.receiver_axis())
            };
            let extra = codes_of(codes, state, seen, self.messages_see_codes)?;
            let extra = extra.map(|rows| edges.spread(&into_groups(&rows, block, end)?, axis)).transpose()?;
            let message =
                message.forward(edges, &senders, extra.as_ref(), role, group, Trust::Checked, pass)?;
            out_of_groups(&message, block, End::Receivers)
        };
        state.topology.blocks_into(to).map(of_block).collect()
    }

    /// The message into a site from the numbers of edges as they are.
    fn direct_message_into(
        &self,
        message: &DirectMessage,
        state: &State,
        codes: Option<&NodeEmbedding>,
        to: usize,
        way: Way,
        pass: &Pass,
    ) -> Result<Field> {
        let topology = &state.topology;
        let of_block = |b: usize| -> Result<Field> {
            let block = &topology.blocks()[b];
            let (from, ends) = match way {
                Way::Along => (block.from, [End::Receivers, End::Senders]),
                Way::Against => (block.to, [End::Senders, End::Receivers]),
            };
            let hearing = field_into_groups(&state.nodes[to], block, ends[0])?;
            let speaking = field_into_groups(&state.nodes[from], block, ends[1])?;
            let heard = message.weigh(&state.edges[b], [&hearing, &speaking], block.at, way)?;
            out_of_groups(&heard, block, ends[0])
        };
        let heard = match way {
            Way::Along => topology.blocks_into(to).map(of_block).collect::<Result<Vec<_>>>()?,
            Way::Against => topology.blocks_out_of(to).map(of_block).collect::<Result<Vec<_>>>()?,
        };
        if heard.is_empty() {
            return state.nodes[to].zeros_like();
        }
        let extra = codes_of(codes, state, to, self.messages_see_codes)?;
        let (role, group) = (topology.sites()[to].role, state.groups.canonical[to]);
        message.finish(&sum(heard, &state.nodes[to])?, extra.as_ref(), role, group, pass)
    }

    /// Messages against the edges into a site; one that nothing leaves hears nothing.
    fn reversed_message_into(
        &self,
        message: &ReversedMessage,
        state: &State,
        codes: Option<&NodeEmbedding>,
        to: usize,
        pass: &Pass,
    ) -> Result<Field> {
        let (role, group) = (state.topology.sites()[to].role, state.groups.canonical[to]);
        let of_block = |b: usize| -> Result<Field> {
            let block = &state.topology.blocks()[b];
            let edges = state.reversed.as_ref().unwrap_or(&state.edges)[b].reversed();
            let senders = field_into_groups(&state.nodes[block.to], block, End::Receivers)?;
            let extra = codes_of(codes, state, block.to, self.messages_see_codes)?;
            let extra = extra
                .map(|rows| edges.spread(&into_groups(&rows, block, End::Receivers)?, edges.sender_axis()));
            let extra = extra.transpose()?;
            let relative = message.relative.as_ref().filter(|_| {
                message.plain.is_none() || !is_message(edges.law(), edges.place(), senders.law())
            });
            let message = match (relative, &message.plain) {
                (Some(relative), _) => {
                    let receivers = field_into_groups(&state.nodes[to], block, End::Senders)?;
                    relative.forward(&edges, &senders, &receivers, extra.as_ref(), role, pass)?
                }
                (None, Some(plain)) => {
                    plain.forward(&edges, &senders, extra.as_ref(), role, group, message.trust, pass)?
                }
                (None, None) => unreachable!("a reversed message has one form at least"),
            };
            out_of_groups(&message, block, End::Senders)
        };
        let messages = state.topology.blocks_out_of(to).map(of_block).collect::<Result<Vec<_>>>()?;
        sum(messages, &state.nodes[to])
    }
}

/// What a site hears through one tie.
fn tied_message(tied: &TiedMessage, state: &State, tie: &Tie, pass: &Pass) -> Result<Option<Field>> {
    let groups = &state.groups;
    match *tie {
        Tie::Peer { from, to } => {
            let role = state.topology.sites()[to].role;
            let of = [groups.canonical[to], groups.of_features[from]];
            tied.of_peer(&state.nodes[to], &state.nodes[from], role, of, pass).map(Some)
        }
        Tie::Product { from, to } => {
            tied.of_product(from.map(|site| &state.nodes[site]), groups.of_features[to])
        }
    }
}

/// The sum of messages into a site whose features are `own`; zeros if there are none.
fn sum(messages: Vec<Field>, own: &Field) -> Result<Field> {
    let mut messages = messages.into_iter();
    let Some(first) = messages.next() else { return own.zeros_like() };
    messages.try_fold(first, |sum, message| sum.add(&message))
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

/// The codes of the nodes of a site, where something sees them beside the features.
fn codes_of(codes: Option<&NodeEmbedding>, state: &State, site: usize, seen: bool) -> Result<Option<Rows>> {
    let Some(codes) = codes.filter(|_| seen) else { return Ok(None) };
    let n_graphs = state.nodes[site].values().dims()[0];
    Ok(Some(codes.of_site(&state.topology.sites()[site], n_graphs)?))
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
    let blocks = state.topology.blocks();
    let is_end = |site: usize| {
        blocks.iter().zip(live).any(|(block, live)| *live && (block.from == site || block.to == site))
    };
    let invariants = (state.nodes.iter().zip(&state.groups.canonical).enumerate())
        .map(|(s, (nodes, group))| is_end(s).then(|| update.node_invariants(nodes, *group, pass)).transpose())
        .collect::<Result<Vec<_>>>()?;
    let ends = blocks.iter().map(|block| (block, &invariants[block.from], &invariants[block.to]));
    edges
        .iter()
        .zip(live)
        .zip(ends)
        .map(|((edges, live), (block, lower, upper))| {
            let (true, Some(lower), Some(upper)) = (*live, lower, upper) else { return Ok(edges.clone()) };
            let lower = &into_groups(lower, block, End::Senders)?;
            let upper = &into_groups(upper, block, End::Receivers)?;
            // Messages and the next update all read the result: it is computed here, once.
            if reversed {
                update.forward(&edges.reversed(), upper, lower, pass)?.reversed().computed()
            } else {
                update.forward(edges, lower, upper, pass)?.computed()
            }
        })
        .collect()
}
