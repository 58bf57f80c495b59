//! What a ScaleGMN is made of: every option of the published configurations, each alternative an enum.

use serde::{Deserialize, Serialize};
use sgmn_graph::Topology;
use sgmn_symmetry::{ScaleGroup, Scaling};

use super::{Blueprint, Returns};
use crate::{Error, ProbeConfig, Result, layers::MlpConfig, vars::Start};

/// Which scalings of hidden units the model ignores, besides their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symmetry {
    /// What each layer's own activation allows; `hetero` in files of earlier versions.
    #[default]
    #[serde(alias = "hetero")]
    Own,
    /// ±1 everywhere: tanh and sine.
    Sign,
    /// Positive numbers everywhere: the ReLU family.
    Scale,
    /// No scaling.
    Permutation,
}

impl Symmetry {
    /// The symmetries of nets that a model with this setting respects exactly.
    ///
    /// Phase shifts of a sine are not among them: take the canonical form of the nets first.
    pub fn respected(self) -> &'static [sgmn_symmetry::Symmetry] {
        use sgmn_symmetry::Symmetry::{NonZero, Permutation, Positive, Sign};
        match self {
            Self::Sign => &[Permutation, Sign],
            Self::Scale => &[Permutation, Positive],
            Self::Own => &[Permutation, Sign, Positive, NonZero],
            Self::Permutation => &[Permutation],
        }
    }

    /// The scalings that are ignored at units of any activation.
    pub fn scaling(self) -> Scaling {
        match self {
            Self::Own => Scaling::Own,
            Self::Sign => Scaling::Only(ScaleGroup::Sign),
            Self::Scale => Scaling::Only(ScaleGroup::Positive),
            Self::Permutation => Scaling::Only(ScaleGroup::Trivial),
        }
    }

    /// The word in experiment files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Sign => "sign",
            Self::Scale => "scale",
            Self::Permutation => "permutation",
        }
    }

    /// Whether signs may occur.
    pub fn has_signs(self) -> bool {
        matches!(self, Self::Sign | Self::Own)
    }
}

/// Which way messages run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Along the edges: ScaleGMN.
    Forward,
    /// Along and against the edges: ScaleGMN-B.
    Bidirectional,
}

/// How messages run against the edges between units of positive scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversedScale {
    /// The receiver supplies the scale, everything else enters through invariants: exact and bounded.
    Relative,
    /// The reversed edge carries `1/w` (0 for 0), as the paper defines it: exact, unbounded.
    Reciprocal,
    /// The reversed edge carries `w`, as the published code does: not equivariant.
    Published,
}

/// The invariant of a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInvariant {
    /// `ρ(x) + ρ(−x)` with a learned ρ.
    Symmetrize,
    /// `|x|`.
    Absolute,
}

/// How features of input and output nodes, which do not scale, pass an equivariant net.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoPath {
    /// `(W x) ⊙ MLP(x)` with a perceptron of their own in place of ScaleInv.
    Gated,
    /// A perceptron instead of the whole net.
    Mlp,
    /// Equivariant layers of their own.
    Equivariant,
    /// The layers of hidden nodes.
    Shared,
}

/// How the embedding joins the features of input and output nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoEmbedding {
    /// `x + p`.
    Sum,
    /// `x ⊙ p`.
    Product,
}

/// Whether the model is the mathematics or the published program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// Exactly equivariant; the default.
    Exact,
    /// Every quirk of the published code, so that its checkpoints give its outputs.
    Published,
}

/// The form of the message or the update net.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EquivariantConfig {
    /// Equivariant layers in turn.
    pub n_layers: usize,
    /// What input and output nodes pass.
    pub io: IoPath,
    /// 2: inputs and outputs share a perceptron; 3: each have their own.
    pub n_mlps: usize,
    /// Whether the net sees positional embeddings beside the features.
    pub positional: bool,
}

/// Which nodes the read-out reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutRange {
    /// Output nodes, and input nodes of a bidirectional model.
    LastLayer,
    /// All nodes.
    FullGraph,
}

/// Numbers for each net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerGraph {
    /// Which nodes are read.
    pub readout: ReadoutRange,
    /// Numbers for each net.
    pub d_out: usize,
    /// Hidden width of the read-out's perceptrons.
    pub d_rho: usize,
    /// Whether a bidirectional read-out projects with perceptrons instead of linear maps.
    #[serde(default)]
    pub mlp_directions: bool,
}

/// What the model returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OutputConfig {
    /// Numbers for each net.
    PerGraph(PerGraph),
    /// A change of every parameter, times a learned scale a layer that starts at `initial_scale`.
    PerParam {
        /// Start of the learned scales.
        initial_scale: f64,
        /// Changed nets for each net, k; a task may average what they compute. 1 if left out.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        n_copies: usize,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_one(n: &usize) -> bool {
    *n == 1
}

/// More copies are taken for a mistake.
const MOST_COPIES: usize = 1024;

/// The configuration of a ScaleGMN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleGmnConfig {
    /// The scalings that are ignored; those of each layer's own activation if left out.
    #[serde(default)]
    pub symmetry: Symmetry,
    /// Ignores these scalings in layers too that do not have them, so that the model takes different functions for one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub force_symmetry: bool,
    /// Which way messages run.
    pub direction: Direction,
    /// Form of reversed messages for positive scales; absent: `relative`, or `published` with published compatibility.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_scale: Option<ReversedScale>,
    /// The invariant of signs.
    pub sign_invariant: SignInvariant,
    /// Width of node and edge features, H.
    pub d_hidden: usize,
    /// Message-passing layers.
    pub n_layers: usize,
    /// Hidden widths of every perceptron; none for linear maps.
    pub d_mlp: Vec<usize>,
    /// Layer normalization in perceptrons.
    pub layer_norm: bool,
    /// Dropout of node features between layers.
    pub dropout: f64,
    /// Dropout inside perceptrons.
    pub mlp_dropout: f64,
    /// Whether each layer's input, linearly mapped, is added to its output.
    pub node_skip: bool,
    /// Whether nodes carry positional embeddings.
    pub node_embedding: bool,
    /// Whether edges carry positional embeddings.
    pub edge_embedding: bool,
    /// How embeddings join input and output nodes.
    pub io_embedding: IoEmbedding,
    /// The message net.
    pub message: EquivariantConfig,
    /// The update net.
    pub update: EquivariantConfig,
    /// Whether edge features are updated.
    pub edge_update: bool,
    /// What the model returns.
    pub output: OutputConfig,
    /// Mathematics or published program.
    pub compatibility: Compatibility,
    /// How the factors of products start; absent: as the published program's.
    #[serde(default)]
    pub start: Start,
    /// Learned inputs whose responses nodes carry beside their biases; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<ProbeConfig>,
}

impl ScaleGmnConfig {
    /// A small model of the given width that returns `d_out` numbers for each net: 3 layers, and elsewhere what most
    /// published configurations have. Change fields from here.
    pub fn new(symmetry: Symmetry, direction: Direction, d_hidden: usize, d_out: usize) -> Self {
        let net = EquivariantConfig { n_layers: 1, io: IoPath::Mlp, n_mlps: 2, positional: false };
        let readout = ReadoutRange::LastLayer;
        Self {
            symmetry,
            force_symmetry: false,
            direction,
            reversed_scale: None,
            sign_invariant: SignInvariant::Symmetrize,
            d_hidden,
            n_layers: 3,
            d_mlp: vec![d_hidden],
            layer_norm: true,
            dropout: 0.0,
            mlp_dropout: 0.0,
            node_skip: true,
            node_embedding: true,
            edge_embedding: false,
            io_embedding: IoEmbedding::Sum,
            message: net,
            update: net,
            edge_update: true,
            output: OutputConfig::PerGraph(PerGraph {
                readout,
                d_out,
                d_rho: d_hidden,
                mlp_directions: false,
            }),
            compatibility: Compatibility::Exact,
            start: Start::Pytorch,
            probes: None,
        }
    }

    /// Whether the model follows the published program.
    pub fn is_published(&self) -> bool {
        self.compatibility == Compatibility::Published
    }

    /// Whether the output is a change of every parameter.
    pub fn changes_params(&self) -> bool {
        self.n_copies().is_some()
    }

    /// How many changed nets the model returns for each net, if it changes nets at all.
    pub fn n_copies(&self) -> Option<usize> {
        match self.output {
            OutputConfig::PerParam { n_copies, .. } => Some(n_copies),
            OutputConfig::PerGraph(_) => None,
        }
    }

    /// The form of reversed messages for positive scales.
    pub fn reversed_scale(&self) -> ReversedScale {
        self.reversed_scale.unwrap_or(match self.compatibility {
            Compatibility::Exact => ReversedScale::Relative,
            Compatibility::Published => ReversedScale::Published,
        })
    }

    /// Whether nets have the scalings that the model ignores, or the difference is meant.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first layer that has not.
    pub fn check_symmetry(&self, topology: &Topology) -> Result<()> {
        if self.force_symmetry {
            return Ok(());
        }
        self.symmetry.scaling().check(topology).map_err(|why| {
            let widths: Vec<String> = topology.widths().iter().map(usize::to_string).collect();
            let name = self.symmetry.name();
            let expected = format!(
                "a symmetry of the nets, such as `own`, or force_symmetry = true where `{name}` is meant"
            );
            Error::config(
                "model.symmetry",
                expected,
                format!("`{name}` for nets {}: {why}", widths.join("-")),
            )
        })
    }

    /// The form of the perceptrons.
    pub fn mlp(&self) -> MlpConfig {
        MlpConfig { d_hidden: self.d_mlp.clone(), layer_norm: self.layer_norm, dropout: self.mlp_dropout }
    }

    /// The form of the read-out's perceptrons, whose hidden width may differ.
    pub fn readout_mlp(&self, output: &PerGraph) -> MlpConfig {
        MlpConfig { d_hidden: vec![output.d_rho; self.d_mlp.len()], ..self.mlp() }
    }
}

impl Blueprint for ScaleGmnConfig {
    fn validate(&self) -> Result<()> {
        let positive = [
            ("model.d_hidden", self.d_hidden),
            ("model.n_layers", self.n_layers),
            ("model.message.n_layers", self.message.n_layers),
            ("model.update.n_layers", self.update.n_layers),
            ("model.d_mlp", self.d_mlp.iter().copied().min().unwrap_or(1)),
        ];
        if let Some((field, value)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::config(*field, "at least 1", value));
        }
        for (field, net) in [("model.message.n_mlps", &self.message), ("model.update.n_mlps", &self.update)] {
            if !(2..=3).contains(&net.n_mlps) {
                return Err(Error::config(field, "2 or 3", net.n_mlps));
            }
        }
        for (field, p) in [("model.dropout", self.dropout), ("model.mlp_dropout", self.mlp_dropout)] {
            if !(0.0..1.0).contains(&p) {
                return Err(Error::config(field, "a probability below 1", p));
            }
        }
        if (self.message.positional || self.update.positional) && !self.node_embedding {
            return Err(Error::config(
                "model.node_embedding",
                "true, since messages or updates see embeddings",
                false,
            ));
        }
        if self.changes_params() && !self.edge_update {
            return Err(Error::config("model.edge_update", "true, since the output changes weights", false));
        }
        if let Some(probes) = &self.probes {
            probes.validate()?;
        }
        match &self.output {
            OutputConfig::PerGraph(output) if output.d_out == 0 || output.d_rho == 0 => {
                Err(Error::config("model.output", "widths of at least 1", "0"))
            }
            OutputConfig::PerParam { initial_scale, .. } if !initial_scale.is_finite() => {
                Err(Error::config("model.output.initial_scale", "a finite number", initial_scale))
            }
            OutputConfig::PerParam { n_copies, .. } if !(1..=MOST_COPIES).contains(n_copies) => {
                Err(Error::config("model.output.n_copies", format!("from 1 to {MOST_COPIES}"), n_copies))
            }
            _ => Ok(()),
        }
    }

    fn returns(&self) -> Returns {
        match &self.output {
            OutputConfig::PerGraph(output) => {
                Returns::PerGraph { d_out: output.d_out, field: "model.output.d_out" }
            }
            OutputConfig::PerParam { n_copies, .. } => Returns::PerParam { n_copies: *n_copies },
        }
    }

    fn respected(&self) -> &'static [sgmn_symmetry::Symmetry] {
        self.symmetry.respected()
    }
}
