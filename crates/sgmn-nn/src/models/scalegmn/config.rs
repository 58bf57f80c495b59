//! What a ScaleGMN is made of: every option of the published configurations, each alternative an enum.

use serde::{Deserialize, Serialize};
use sgmn_graph::Topology;
use sgmn_symmetry::ScaleGroup;

use super::{OutputConfig, PerGraph, ReadoutRange};
use crate::{
    Error, ProbeConfig, Result,
    layers::{
        InvariantConfig, IoPath, Join, MlpConfig, NormGuard, ReadoutConfig, Reads, ScaleEqConfig, Scalings,
        SignInvariant,
    },
    models::{Blueprint, Returns, sizes},
    vars::Start,
};

/// The configuration of a ScaleGMN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleGmnConfig {
    /// The scalings that are ignored; those of each layer's own activation if left out.
    #[serde(rename = "symmetry", default)]
    pub scalings: Scalings,
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
    /// Rounds of messages.
    #[serde(rename = "n_layers")]
    pub n_rounds: usize,
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
    pub io_embedding: Join,
    /// The stack that messages pass.
    pub message: ScaleEqConfig,
    /// The stack that updates of nodes pass.
    pub update: ScaleEqConfig,
    /// Whether edge features are updated.
    pub edge_update: bool,
    /// Whether edges have features. Without, their numbers weigh what nodes say, as in the nets themselves: a block of
    /// edges is one matrix product, so that nets of many millions of numbers can be read. True if left out.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub edge_features: bool,
    /// What the model returns.
    pub output: OutputConfig,
    /// Mathematics or published program.
    pub compatibility: Compatibility,
    /// How the factors of products start; absent: as the published program's.
    #[serde(default)]
    pub start: Start,
    /// How many sines of each bias, and of each weight of inputs and outputs if edges have features, are read beside it: of nets whose units
    /// change signs at most, as sines are odd. 0 if left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_sines: usize,
    /// Learned inputs whose responses nodes carry beside their biases; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<ProbeConfig>,
    /// A perceptron of the outputs' responses to the probes, added to the read-out; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<AnswersConfig>,
}

/// A perceptron of what nets answer to probes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswersConfig {
    /// Width of each hidden layer.
    pub d_hidden: Vec<usize>,
    /// Dropout of hidden values.
    pub dropout: f64,
}

/// More sines are taken for a mistake.
const MOST_SINES: usize = 64;

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

/// Whether the model is the mathematics or the published program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// Exactly equivariant; the default.
    Exact,
    /// Every quirk of the published code, so that its checkpoints give its outputs.
    Published,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_true(flag: &bool) -> bool {
    *flag
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl ScaleGmnConfig {
    /// A small model of the given width that returns `d_out` numbers for each net: 3 rounds, and elsewhere what most
    /// published configurations have. Change fields from here.
    pub fn new(scalings: Scalings, direction: Direction, d_hidden: usize, d_out: usize) -> Self {
        let form = ScaleEqConfig { n_layers: 1, io: IoPath::Mlp, n_mlps: 2, positional: false };
        let readout = ReadoutRange::LastLayer;
        Self {
            scalings,
            force_symmetry: false,
            direction,
            reversed_scale: None,
            sign_invariant: SignInvariant::Symmetrize,
            d_hidden,
            n_rounds: 3,
            d_mlp: vec![d_hidden],
            layer_norm: true,
            dropout: 0.0,
            mlp_dropout: 0.0,
            node_skip: true,
            node_embedding: true,
            edge_embedding: false,
            io_embedding: Join::Sum,
            message: form,
            update: form,
            edge_update: true,
            edge_features: true,
            output: OutputConfig::PerGraph(PerGraph { readout, d_out, d_rho: d_hidden }),
            compatibility: Compatibility::Exact,
            start: Start::Pytorch,
            n_sines: 0,
            probes: None,
            answers: None,
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
        self.check_sines(topology)?;
        if self.force_symmetry {
            return Ok(());
        }
        self.scalings.scaling().check(topology).map_err(|why| {
            let widths: Vec<String> = topology.widths().iter().map(usize::to_string).collect();
            let name = self.scalings.name();
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

    /// Whether the features of the edges of one net fit into memory.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that needs no such features.
    pub(super) fn check_size(&self, topology: &Topology) -> Result<()> {
        /// Numbers of the features of one layer of the model.
        const MOST: usize = 1 << 30;
        /// With fewer edges it is the width that is wrong, which is found elsewhere.
        const MANY_EDGES: usize = 1 << 20;
        let numbers = topology.n_edges().saturating_mul(self.d_hidden);
        if self.edge_features && topology.n_edges() > MANY_EDGES && numbers > MOST {
            let expected = format!(
                "false for a net of {} edges, whose features of width {} would take {:.0} GB each time",
                topology.n_edges(),
                self.d_hidden,
                4e-9 * numbers as f64
            );
            return Err(Error::config("model.edge_features", expected, true));
        }
        Ok(())
    }

    /// Sines of parameters are read only where units change signs at most.
    fn check_sines(&self, topology: &Topology) -> Result<()> {
        let groups = self.scalings.scaling().of_sites(topology);
        let signs = |group: &ScaleGroup| matches!(group, ScaleGroup::Trivial | ScaleGroup::Sign);
        match groups.iter().position(|group| !signs(group)) {
            Some(layer) if self.n_sines > 0 => Err(Error::config(
                "model.n_sines",
                format!(
                    "0, since units of node layer {layer} are scaled and a sine is not scaled with its number"
                ),
                self.n_sines,
            )),
            _ => Ok(()),
        }
    }

    /// How its layers make features invariant.
    pub fn invariants(&self) -> InvariantConfig {
        let guard = if self.is_published() { NormGuard::Published } else { NormGuard::None };
        let Self { scalings, sign_invariant, .. } = *self;
        InvariantConfig { scalings, sign_invariant, mlp: self.mlp(), guard }
    }

    /// The form of the perceptrons.
    fn mlp(&self) -> MlpConfig {
        MlpConfig { d_hidden: self.d_mlp.clone(), layer_norm: self.layer_norm, dropout: self.mlp_dropout }
    }

    /// The read-out, whose perceptrons may have another hidden width.
    pub(super) fn readout(&self, output: &PerGraph) -> ReadoutConfig {
        let mlp = MlpConfig { d_hidden: vec![output.d_rho; self.d_mlp.len()], ..self.mlp() };
        let reads = match (output.readout, self.direction) {
            (ReadoutRange::LastLayer, Direction::Forward) => Reads::Outputs,
            (ReadoutRange::LastLayer, Direction::Bidirectional) => Reads::Ends,
            (ReadoutRange::FullGraph, _) => Reads::All,
        };
        ReadoutConfig { reads, d_out: output.d_out, mlp }
    }
}

impl Blueprint for ScaleGmnConfig {
    fn validate(&self) -> Result<()> {
        let positive = [
            ("model.d_hidden", self.d_hidden),
            ("model.n_layers", self.n_rounds),
            ("model.message.n_layers", self.message.n_layers),
            ("model.update.n_layers", self.update.n_layers),
            ("model.d_mlp", self.d_mlp.iter().copied().min().unwrap_or(1)),
        ];
        if let Some((field, value)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::config(*field, "at least 1", value));
        }
        for (field, form) in [("model.message.n_mlps", &self.message), ("model.update.n_mlps", &self.update)]
        {
            if !(2..=3).contains(&form.n_mlps) {
                return Err(Error::config(field, "2 or 3", form.n_mlps));
            }
        }
        let of_answers = self.answers.as_ref().map_or(0.0, |answers| answers.dropout);
        for (field, p) in [
            ("model.dropout", self.dropout),
            ("model.mlp_dropout", self.mlp_dropout),
            ("model.answers.dropout", of_answers),
        ] {
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
        let of_edges = [
            ("model.edge_update", self.edge_update),
            ("model.edge_embedding", self.edge_embedding),
            ("model.compatibility = \"published\"", self.is_published()),
            ("model.output.kind = \"per_param\"", self.changes_params()),
        ];
        if let Some((field, _)) = of_edges.iter().find(|(_, asks)| *asks && !self.edge_features) {
            return Err(Error::config(*field, "none of it where model.edge_features = false", true));
        }
        if self.changes_params() && !self.edge_update {
            return Err(Error::config("model.edge_update", "true, since the output changes weights", false));
        }
        if let Some(probes) = &self.probes {
            probes.validate()?;
        }
        if self.n_sines > MOST_SINES {
            return Err(Error::config("model.n_sines", format!("at most {MOST_SINES}"), self.n_sines));
        }
        if self.n_sines > 0 && self.is_published() {
            return Err(Error::config("model.n_sines", "0, as the published program has none", self.n_sines));
        }
        if let Some(answers) = &self.answers {
            sizes::check(&[("model.answers.d_hidden", &answers.d_hidden)])?;
            if self.probes.is_none() || self.changes_params() {
                let expected = "a model with probes that returns numbers of nets";
                return Err(Error::config("model.answers", expected, "another"));
            }
        }
        self.output.validate()
    }

    fn returns(&self) -> Returns {
        self.output.returns()
    }

    fn reads_any(&self) -> bool {
        self.probes.is_none() && !self.changes_params() && !self.is_published()
    }

    fn respected(&self) -> &'static [sgmn_symmetry::Symmetry] {
        match self.scalings {
            // Nets of other scalings are refused.
            Scalings::Own if self.n_sines > 0 => Scalings::Sign.respected(),
            scalings => scalings.respected(),
        }
    }
}
