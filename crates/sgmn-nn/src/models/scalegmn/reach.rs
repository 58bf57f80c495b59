//! What the output depends on: the forward pass followed backward from the output, without numbers.

use std::{borrow::Cow, collections::BTreeSet};

use sgmn_graph::{Lowering, Site, Tie, Topology};
use sgmn_symmetry::ScaleGroup;

use super::{
    Direction, OutputConfig, ReadoutRange, ReversedScale, ScaleGmnConfig,
    plan::{Groups, Paths, ReversedEdges, reversed_weight_fits},
};
use crate::layers::{IoPath, Outline, Role, ScaleEqConfig, Scalings, SignInvariant};

/// The variables that nets of each architecture connect to the output.
///
/// Not every variable lies on a path for every net: forward messages never enter inputs and reversed ones never
/// outputs of chains, the last round's maps of hidden nodes are idle where only the ends are read, a net of ReLU units does not
/// pass the maps for signs, a shallow net has no weights in the deepest layer. All of this follows from the
/// configuration and the architectures alone, so a variable without gradient can be told from one that was cut off by
/// mistake. Tests compare this walk with what backpropagation finds, both ways.
///
/// The same walk tells which features matter after each round: the others are not computed.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    config: ScaleGmnConfig,
    /// For each outline of an architecture that was announced.
    of: Vec<(Outline, Reached)>,
}

/// What the output of one architecture depends on.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// The paths below which every variable is reached.
    variables: BTreeSet<String>,
    /// After each round of the model, in its order.
    rounds: Vec<Live>,
}

/// Which features influence the output.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    /// Of each site.
    pub(crate) nodes: Vec<bool>,
    /// Of each block.
    pub(crate) edges: Vec<bool>,
    /// The same for the reversed direction's own edge features, if it has any.
    pub(crate) reversed: Vec<bool>,
}

impl Reach {
    /// The walk through a model of this configuration, for every architecture.
    pub(crate) fn new(config: &ScaleGmnConfig, lowering: &Lowering) -> Self {
        let mut of: Vec<(Outline, Reached)> = Vec::new();
        for topology in lowering.topologies() {
            let outline = Outline::of(topology);
            if of.iter().all(|(known, _)| *known != outline) {
                of.push((outline, Walk::new(config, topology).run()));
            }
        }
        Self { config: config.clone(), of }
    }

    /// Whether every batch reaches the variable, whatever architectures its nets have.
    pub(crate) fn always(&self, name: &str) -> bool {
        self.of.iter().all(|(_, reached)| {
            let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|end| reached.variables.contains(&name[..end]))
        })
    }

    /// The features that matter after each round of the model, for nets of an architecture.
    pub(crate) fn rounds(&self, topology: &Topology) -> Cow<'_, [Live]> {
        let outline = Outline::of(topology);
        match self.of.iter().find(|(known, _)| *known == outline) {
            Some((_, reached)) => Cow::Borrowed(&reached.rounds),
            None => Cow::Owned(live_rounds(&self.config, topology)),
        }
    }
}

/// The features that matter after each round of a model, for nets of an architecture.
pub(crate) fn live_rounds(config: &ScaleGmnConfig, topology: &Topology) -> Vec<Live> {
    Walk::new(config, topology).run().rounds
}

/// One walk: what is alive at the place where it stands, and what it has met.
struct Walk<'a> {
    config: &'a ScaleGmnConfig,
    topology: &'a Topology,
    groups: Groups,
    live: Live,
    reached: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn new(config: &'a ScaleGmnConfig, topology: &'a Topology) -> Self {
        let (n_sites, n_blocks) = (topology.sites().len(), topology.blocks().len());
        let mut walk = Self {
            config,
            topology,
            groups: Groups::new(config.scalings, topology),
            live: Live {
                nodes: vec![false; n_sites],
                edges: vec![false; n_blocks],
                reversed: vec![false; n_blocks],
            },
            reached: BTreeSet::new(),
        };
        walk.start_at_head();
        walk
    }

    fn run(mut self) -> Reached {
        let mut rounds = Vec::new();
        for k in (0..self.config.n_rounds).rev() {
            rounds.push(self.live.clone());
            self.step(k);
        }
        rounds.reverse();
        if self.live.nodes.contains(&true) {
            self.meet("construct_graph.proj_bias");
            self.meet("positional_embeddings");
            if self.config.probes.is_some() {
                self.meet("construct_graph.proj_probes");
                self.meet("probes");
            }
        }
        if self.config.answers.is_some() {
            self.meet("answers");
            self.meet("probes");
        }
        for (b, block) in self.topology.blocks().iter().enumerate() {
            if self.live.edges[b] || self.live.reversed[b] {
                self.meet(&format!("construct_graph.proj_weight.{}", block.n_values));
                for name in ["weight", "sines"] {
                    self.meet(&format!("construct_graph.proj_weight.{name}"));
                }
                self.meet("positional_embeddings_edge");
            }
        }
        Reached { variables: self.reached, rounds }
    }

    /// What the read-out or the changes of parameters depend on.
    fn start_at_head(&mut self) {
        let sites = self.topology.sites();
        let of_role = |role: Role| move |(_, site): &(usize, &Site)| site.role == role;
        match &self.config.output {
            OutputConfig::PerParam { .. } => {
                sites.iter().enumerate().for_each(|(s, site)| self.live.nodes[s] = site.role != Role::Input);
                self.live.edges.fill(true);
                for l in 0..self.live.edges.len() {
                    self.meet(&format!("weight_scale.{l}"));
                    self.meet(&format!("bias_scale.{l}"));
                }
            }
            OutputConfig::PerGraph(output) if output.readout == ReadoutRange::LastLayer => {
                self.meet("gnn.readout.rho");
                sites
                    .iter()
                    .enumerate()
                    .filter(of_role(Role::Output))
                    .for_each(|(s, _)| self.live.nodes[s] = true);
                if self.config.direction == Direction::Bidirectional {
                    sites
                        .iter()
                        .enumerate()
                        .filter(of_role(Role::Input))
                        .for_each(|(s, _)| self.live.nodes[s] = true);
                    self.meet("gnn.project_last");
                    self.meet("gnn.project_first");
                }
            }
            OutputConfig::PerGraph(_) => {
                self.live.nodes.fill(true);
                self.meet("gnn.readout.global_mlp");
                self.meet("gnn.readout.local_mlp");
                if self.config.scalings != Scalings::Permutation {
                    for (s, _) in sites.iter().enumerate().filter(of_role(Role::Hidden)) {
                        self.meet_branch("gnn.readout", self.groups.of_features[s]);
                    }
                }
            }
        }
    }

    /// From the features after round `k` to those before it.
    fn step(&mut self, k: usize) {
        let (nodes, edges, reversed) =
            (self.live.nodes.clone(), self.live.edges.clone(), self.live.reversed.clone());
        for features in [&mut self.live.nodes, &mut self.live.edges, &mut self.live.reversed] {
            features.fill(false);
        }
        let topology = self.topology;
        let reversed_edges = ReversedEdges::of(self.config);
        let paths = Paths::new(self.config.direction, k);
        for s in (0..nodes.len()).filter(|s| nodes[*s]) {
            self.meet(&paths.skip);
            self.meet_stack(&paths.update, &self.config.update, s);
            self.live.nodes[s] = true;
            for b in topology.blocks_into(s) {
                self.meet_message(&paths.forward, s);
                self.live.nodes[topology.blocks()[b].from] = true;
                self.live.edges[b] = true;
            }
            for tie in topology.ties().iter().filter(|tie| tie.to() == s) {
                self.meet_tie(&paths.tied, tie);
            }
            if self.config.direction == Direction::Bidirectional {
                for b in topology.blocks_out_of(s) {
                    let sender = topology.blocks()[b].to;
                    self.meet_reversed_message(&paths.backward, s, sender);
                    self.live.nodes[sender] = true;
                    let own = reversed_edges != Some(ReversedEdges::Shared);
                    if own { self.live.reversed[b] = true } else { self.live.edges[b] = true }
                }
            }
        }
        let is_last = k + 1 == self.config.n_rounds;
        let updates = self.config.edge_update && (!is_last || self.config.changes_params());
        let own = reversed_edges.is_some_and(ReversedEdges::are_updated);
        for b in 0..edges.len() {
            if edges[b] {
                self.live.edges[b] = true;
                if updates {
                    self.meet_edge_update(&paths.edge_update, b);
                }
            }
            if reversed[b] {
                self.live.reversed[b] = true;
                if updates && own {
                    self.meet_edge_update(&paths.reversed_edge_update, b);
                }
            }
        }
    }

    fn meet_tie(&mut self, path: &str, tie: &Tie) {
        let (is_plain, role) =
            (self.config.scalings == Scalings::Permutation, self.topology.sites()[tie.to()].role);
        match *tie {
            Tie::Peer { from, to } => {
                self.live.nodes[from] = true;
                self.meet(&format!("{path}.phi"));
                if !is_plain {
                    self.meet_canonical(&format!("{path}.own"), self.groups.canonical[to]);
                    self.meet_canonical(&format!("{path}.other"), self.groups.of_features[from]);
                    if role == Role::Hidden {
                        self.meet(&format!("{path}.W"));
                    }
                }
            }
            Tie::Product { from, .. } if !is_plain => {
                from.iter().for_each(|site| self.live.nodes[*site] = true);
                self.meet(&format!("{path}.product"));
            }
            Tie::Product { .. } => {}
        }
    }

    fn meet_message(&mut self, path: &str, to: usize) {
        for name in ["w_e", "w_v"] {
            self.meet(&format!("{path}.{name}"));
        }
        self.meet_stack(&format!("{path}.message_fn"), &self.config.message, to);
    }

    fn meet_reversed_message(&mut self, path: &str, to: usize, from: usize) {
        let [receiver, sender] = [to, from].map(|site| self.groups.of_features[site]);
        let relative = self.config.reversed_scale() == ReversedScale::Relative;
        let path = match self.config.scalings {
            Scalings::Scale if relative => path.to_owned(),
            Scalings::Own if relative && !reversed_weight_fits(receiver, sender) => {
                format!("{path}.relative")
            }
            _ => return self.meet_message(path, to),
        };
        let hidden = self.topology.sites()[to].role == Role::Hidden;
        for name in ["w_e", "w_v", if hidden { "message_fn.W" } else { "message_fn.phi_in" }] {
            self.meet(&format!("{path}.{name}"));
        }
        if hidden {
            self.meet(&format!("{path}.message_fn.phi"));
        }
        self.meet_canonical(&format!("{path}.message_fn.sender"), sender);
        self.meet_canonical(&format!("{path}.message_fn.receiver"), receiver);
    }

    fn meet_edge_update(&mut self, path: &str, b: usize) {
        for name in ["W", "phi"] {
            self.meet(&format!("{path}.{name}"));
        }
        let branch = if self.config.scalings == Scalings::Own { "g_sign" } else { "g1" };
        let block = &self.topology.blocks()[b];
        for end in [block.from, block.to] {
            self.live.nodes[end] = true;
            self.meet_canonical(&format!("{path}.{branch}"), self.groups.canonical[end]);
        }
    }

    /// The equivariant stack that nodes of a site, or messages into them, pass.
    fn meet_stack(&mut self, path: &str, form: &ScaleEqConfig, site: usize) {
        if self.config.scalings == Scalings::Permutation {
            return self.meet(&format!("{path}.rho"));
        }
        let (role, group) = (self.topology.sites()[site].role, self.groups.canonical[site]);
        let own = if form.n_mlps == 3 && role == Role::Output { "last" } else { "in" };
        for n in 0..form.n_layers {
            if form.io == IoPath::Mlp && role != Role::Hidden {
                self.meet(&format!("{path}.eq_layers_{own}.{n}"));
                continue;
            }
            let path = format!("{path}.eq_layers.{n}");
            self.meet(&format!("{path}.W"));
            if role == Role::Hidden {
                self.meet_branch(&format!("{path}.g"), group);
            } else {
                self.meet(&format!("{path}.g.phi_{own}"));
            }
        }
    }

    /// The invariant map of units of one group.
    fn meet_branch(&mut self, path: &str, group: ScaleGroup) {
        let branch = match (self.config.scalings, group) {
            (Scalings::Own, ScaleGroup::Positive) => "g_scale",
            (Scalings::Own, _) => "g_sign",
            _ => "g1",
        };
        self.meet(&format!("{path}.{branch}.phi"));
        self.meet_canonical(&format!("{path}.{branch}"), group);
    }

    fn meet_canonical(&mut self, path: &str, group: ScaleGroup) {
        let signed = matches!(group, ScaleGroup::Sign | ScaleGroup::NonZero);
        if signed && self.config.sign_invariant == SignInvariant::Symmetrize {
            self.meet(&format!("{path}.rho"));
        }
    }

    fn meet(&mut self, path: &str) {
        self.reached.insert(path.to_owned());
    }
}
