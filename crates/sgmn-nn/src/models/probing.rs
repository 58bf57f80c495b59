//! Nets known by what they do: their outputs on learned inputs, and nothing else.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use sgmn_graph::{Batch, GraphBatch, Lowering};
use sgmn_symmetry::Symmetry;

use super::{Blueprint, Model, Output, Returns, output::rows_of_nets, sizes};
use crate::{
    Error, Normalization, Pass, ProbeConfig, Probes, Result, VarBuilder,
    layers::{Mlp, MlpConfig},
};

/// The configuration of a [`Probing`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbingConfig {
    /// Width of each hidden layer.
    pub d_hidden: Vec<usize>,
    /// Numbers for each net.
    pub d_out: usize,
    /// Layer normalization of hidden layers.
    pub layer_norm: bool,
    /// Dropout of hidden values.
    pub dropout: f64,
    /// What the nets are run on.
    pub probes: ProbeConfig,
}

impl Blueprint for ProbingConfig {
    fn validate(&self) -> Result<()> {
        sizes::check(&[("model.d_hidden", &self.d_hidden), ("model.d_out", &[self.d_out])])?;
        sizes::check_dropout(self.dropout)?;
        self.probes.validate()
    }

    fn returns(&self) -> Returns {
        Returns::PerGraph { d_out: self.d_out, field: "model.d_out" }
    }

    /// Everything that keeps the function of a net keeps its outputs on the probes.
    fn respected(&self) -> &'static [Symmetry] {
        Symmetry::ALL
    }
}

/// `MLP([y(u_1), …, y(u_P)] / s)` with the outputs y of a net on learned probes u: what keeps the net's function changes
/// nothing.
///
/// Reads nets of any hidden layers that have inputs and outputs of one kind. The size s of outputs is one constant an
/// architecture, see [`Probes::sizes`].
///
/// Variables: below `probes` and `mlp`.
///
/// # Source
/// J. Kahana, E. Horwitz, I. Shuval, Y. Hoshen, "Deep Linear Probe Generators for Weight Space Learning", 2025.
/// **Departs:** SiLU and layer normalization in the perceptron; the maps of images are plain, see [`Probes`].
#[derive(Debug)]
pub struct Probing {
    probes: Probes,
    mlp: Mlp,
    normalization: Normalization,
}

impl Probing {
    /// The model for nets of the given architectures.
    ///
    /// # Errors
    /// [`Error::Config`] if the nets have inputs or outputs of different numbers, or the probes do not fit them.
    pub fn new(
        config: &ProbingConfig,
        lowering: &Lowering,
        normalization: Normalization,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let probes = Probes::new(&config.probes, lowering, &vars.at("probes"))?;
        let mut n_out = lowering.topologies().iter().map(|topology| topology.widths()[topology.n_layers()]);
        let n_outputs = n_out.next().unwrap_or(0);
        if let Some(other) = n_out.find(|n| *n != n_outputs) {
            return Err(Error::config(
                "model.kind",
                "a model that reads nets of any outputs (probes reads one number of them)",
                format!("nets of {n_outputs} and of {other} outputs"),
            ));
        }
        let form = MlpConfig {
            d_hidden: config.d_hidden.clone(),
            layer_norm: config.layer_norm,
            dropout: config.dropout,
        };
        let mlp = Mlp::new(&form, probes.n() * n_outputs, config.d_out, &vars.at("mlp"))?;
        Ok(Self { probes, mlp, normalization })
    }
}

impl Probing {
    /// The outputs of a bucket's nets on all probes, `[B, P n_out]`, of the order of 1.
    fn outputs(&self, graphs: &GraphBatch) -> Result<Tensor> {
        let sizes = Probes::sizes(&graphs.topology, &self.normalization.scales(&graphs.topology)?)?;
        let outputs = (self.probes.outputs(graphs)? / sizes[graphs.topology.n_layers()])?;
        Ok(outputs.flatten_from(1)?)
    }
}

impl Model for Probing {
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Output> {
        let run = |graphs: &GraphBatch| -> Result<Tensor> {
            Ok(self.mlp.forward(&self.outputs(graphs)?.into(), pass)?.tensor()?)
        };
        let rows = batch.buckets.iter().map(|bucket| run(&bucket.graphs)).collect::<Result<Vec<_>>>()?;
        if rows.is_empty() {
            return Err(Error::config("batch", "at least one net", "none"));
        }
        Output::of_buckets(batch, &rows)
    }

    fn features(&self, batch: &Batch, _: &Pass) -> Result<Option<Tensor>> {
        rows_of_nets(batch, |graphs| self.outputs(graphs)).map(Some)
    }
}
