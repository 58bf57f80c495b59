//! What the output depends on: the forward pass followed backward from the output, without numbers.

use std::{borrow::Cow, collections::BTreeSet};

use sgmn_graph::Nonlinearity;
use sgmn_symmetry::ScaleGroup;

use super::{
    Direction, OutputConfig, ReadoutRange, ReversedScale, ScaleGmnConfig,
    plan::{Groups, Paths, ReversedEdges, reversed_weight_fits},
};
use crate::layers::{IoPath, Layout, Role, ScaleEqConfig, Scalings, SignInvariant};

/// The variables that nets of each architecture connect to the output.
///
/// Not every variable lies on a path for every net: forward messages never enter inputs and reversed ones never
/// outputs, the last round's maps of hidden nodes are idle where only the ends are read, a net of ReLU units does not
/// pass the maps for signs, a shallow net has no weights in the deepest layer. All of this follows from the
/// configuration and the architectures alone, so a variable without gradient can be told from one that was cut off by
/// mistake. Tests compare this walk with what backpropagation finds, both ways.
///
/// The same walk tells which features matter after each round: the others are not computed.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    config: ScaleGmnConfig,
    /// For each sequence of hidden activations that was announced.
    of: Vec<(Vec<Nonlinearity>, Reached)>,
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
    /// Of each node layer.
    pub(crate) nodes: Vec<bool>,
    /// Of each edge layer.
    pub(crate) edges: Vec<bool>,
    /// The same for the reversed direction's own edge features, if it has any.
    pub(crate) reversed: Vec<bool>,
}

impl Reach {
    /// The walk through a model of this configuration, for every architecture of the layout.
    pub(crate) fn new(config: &ScaleGmnConfig, layout: &Layout) -> Self {
        let walk = |hidden: &Vec<Nonlinearity>| (hidden.clone(), Walk::new(config, hidden).run());
        let of = layout.hidden.iter().map(walk).collect();
        Self { config: config.clone(), of }
    }

    /// Whether every batch reaches the variable, whatever architectures its nets have.
    pub(crate) fn always(&self, name: &str) -> bool {
        self.of.iter().all(|(_, reached)| {
            let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|end| reached.variables.contains(&name[..end]))
        })
    }

    /// The features that matter after each round of the model, for nets with these hidden activations.
    pub(crate) fn rounds(&self, hidden: &[Nonlinearity]) -> Cow<'_, [Live]> {
        match self.of.iter().find(|(known, _)| known == hidden) {
            Some((_, reached)) => Cow::Borrowed(&reached.rounds),
            None => Cow::Owned(live_rounds(&self.config, hidden)),
        }
    }
}

/// The features that matter after each round of a model, for nets with these hidden activations.
pub(crate) fn live_rounds(config: &ScaleGmnConfig, hidden: &[Nonlinearity]) -> Vec<Live> {
    Walk::new(config, hidden).run().rounds
}

/// One walk: what is alive at the place where it stands, and what it has met.
struct Walk<'a> {
    config: &'a ScaleGmnConfig,
    groups: Groups,
    live: Live,
    reached: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn new(config: &'a ScaleGmnConfig, hidden: &[Nonlinearity]) -> Self {
        let n_layers = hidden.len() + 1;
        let mut walk = Self {
            config,
            groups: Groups::new(config.scalings, hidden),
            live: Live {
                nodes: vec![false; n_layers + 1],
                edges: vec![false; n_layers],
                reversed: vec![false; n_layers],
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
        if self.live.edges.contains(&true) || self.live.reversed.contains(&true) {
            self.meet("construct_graph.proj_weight");
            self.meet("positional_embeddings_edge");
        }
        Reached { variables: self.reached, rounds }
    }

    /// What the read-out or the changes of parameters depend on.
    fn start_at_head(&mut self) {
        let last = self.live.edges.len();
        match &self.config.output {
            OutputConfig::PerParam { .. } => {
                self.live.nodes[1..].fill(true);
                self.live.edges.fill(true);
                for l in 0..last {
                    self.meet(&format!("weight_scale.{l}"));
                    self.meet(&format!("bias_scale.{l}"));
                }
            }
            OutputConfig::PerGraph(output) if output.readout == ReadoutRange::LastLayer => {
                self.meet("gnn.readout.rho");
                self.live.nodes[last] = true;
                if self.config.direction == Direction::Bidirectional {
                    self.live.nodes[0] = true;
                    self.meet("gnn.project_last");
                    self.meet("gnn.project_first");
                }
            }
            OutputConfig::PerGraph(_) => {
                self.live.nodes.fill(true);
                self.meet("gnn.readout.global_mlp");
                self.meet("gnn.readout.local_mlp");
                if self.config.scalings != Scalings::Permutation {
                    for l in 1..last {
                        self.meet_branch("gnn.readout", self.groups.of_features[l]);
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
        let reversed_edges = ReversedEdges::of(self.config);
        let paths = Paths::new(self.config.direction, k);
        for l in (0..nodes.len()).filter(|l| nodes[*l]) {
            self.meet(&paths.skip);
            self.meet_stack(&paths.update, &self.config.update, l);
            self.live.nodes[l] = true;
            if l > 0 {
                self.meet_message(&paths.forward, l);
                self.live.nodes[l - 1] = true;
                self.live.edges[l - 1] = true;
            }
            if l + 1 < nodes.len() && self.config.direction == Direction::Bidirectional {
                self.meet_reversed_message(&paths.backward, l);
                self.live.nodes[l + 1] = true;
                let own = reversed_edges != Some(ReversedEdges::Shared);
                if own { self.live.reversed[l] = true } else { self.live.edges[l] = true }
            }
        }
        let is_last = k + 1 == self.config.n_rounds;
        let updates = self.config.edge_update && (!is_last || self.config.changes_params());
        let own = reversed_edges.is_some_and(ReversedEdges::are_updated);
        for l in 0..edges.len() {
            if edges[l] {
                self.live.edges[l] = true;
                if updates {
                    self.meet_edge_update(&paths.edge_update, l);
                }
            }
            if reversed[l] {
                self.live.reversed[l] = true;
                if updates && own {
                    self.meet_edge_update(&paths.reversed_edge_update, l);
                }
            }
        }
    }

    fn meet_message(&mut self, path: &str, l: usize) {
        for name in ["w_e", "w_v"] {
            self.meet(&format!("{path}.{name}"));
        }
        self.meet_stack(&format!("{path}.message_fn"), &self.config.message, l);
    }

    fn meet_reversed_message(&mut self, path: &str, l: usize) {
        let [receiver, sender] = [l, l + 1].map(|l| self.groups.of_features[l]);
        let relative = self.config.reversed_scale() == ReversedScale::Relative;
        let path = match self.config.scalings {
            Scalings::Scale if relative => path.to_owned(),
            Scalings::Own if relative && !reversed_weight_fits(receiver, sender) => {
                format!("{path}.relative")
            }
            _ => return self.meet_message(path, l),
        };
        let hidden = l > 0;
        for name in ["w_e", "w_v", if hidden { "message_fn.W" } else { "message_fn.phi_in" }] {
            self.meet(&format!("{path}.{name}"));
        }
        if hidden {
            self.meet(&format!("{path}.message_fn.phi"));
        }
        self.meet_canonical(&format!("{path}.message_fn.sender"), sender);
        self.meet_canonical(&format!("{path}.message_fn.receiver"), receiver);
    }

    fn meet_edge_update(&mut self, path: &str, l: usize) {
        for name in ["W", "phi"] {
            self.meet(&format!("{path}.{name}"));
        }
        let branch = if self.config.scalings == Scalings::Own { "g_sign" } else { "g1" };
        for end in [l, l + 1] {
            self.live.nodes[end] = true;
            self.meet_canonical(&format!("{path}.{branch}"), self.groups.canonical[end]);
        }
    }

    /// The equivariant stack that nodes of layer `l`, or messages into them, pass.
    fn meet_stack(&mut self, path: &str, form: &ScaleEqConfig, l: usize) {
        if self.config.scalings == Scalings::Permutation {
            return self.meet(&format!("{path}.rho"));
        }
        let (role, group) = (Role::of(l, self.live.nodes.len()), self.groups.canonical[l]);
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
