//! Read-outs: one row of numbers for a whole net.

use candle_core::{D, Tensor};
use sgmn_graph::Topology;
use sgmn_symmetry::ScaleGroup;

use super::{InvariantConfig, Layout, LinearBias, Mlp, MlpConfig, Role, ScaleInv, Scalings, Widths};
use crate::{
    Field, Pass, Result, VarBuilder,
    ops::{self, EdgeAxis, Rows},
};

/// What a [`Readout`] reads and returns.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadoutConfig {
    /// The nodes that it reads.
    pub reads: Reads,
    /// Numbers for each net.
    pub d_out: usize,
    /// The form of its perceptrons.
    pub mlp: MlpConfig,
}

/// Which nodes a read-out reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Outputs, which have heard from all others.
    Outputs,
    /// Outputs and inputs, for messages of both directions.
    Ends,
    /// All nodes.
    All,
}

/// The numbers of a net from the final features of its nodes.
///
/// | reads | numbers |
/// | --- | --- |
/// | outputs | `MLP(outputs)` |
/// | ends | `MLP([P outputs, P' inputs])` |
/// | all | `MLP([Σ_hidden ScaleInv(x_i), inputs, outputs])` |
/// | all, for permutations only | `MLP(Σ_i MLP(x_i))` |
///
/// Variables: below `readout`, `rho`, or `g1` and `global_mlp`, or `local_mlp` and `global_mlp`; `project_last` and
/// `project_first` beside it.
///
/// # Source
/// ScaleGMN, section 5, and the published implementation.
#[derive(Debug, Clone)]
pub struct Readout {
    kind: Kind,
    n_in: usize,
    n_out: usize,
}

#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a model has one")]
enum Kind {
    Outputs(Mlp),
    Ends { last: LinearBias, first: LinearBias, mlp: Mlp },
    Full { invariant: ScaleInv, mlp: Mlp },
    DeepSets { local: Mlp, global: Mlp },
}

impl Readout {
    /// The read-out of nodes of width `d`, its variables below `gnn`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        config: &ReadoutConfig,
        invariants: &InvariantConfig,
        d: usize,
        layout: &Layout,
        gnn: &VarBuilder,
    ) -> Result<Self> {
        let (vars, d_out) = (gnn.at("readout"), config.d_out);
        let mlp = |d_in: usize, d_out: usize, name: &str| Mlp::new(&config.mlp, d_in, d_out, &vars.at(name));
        let project = |n: usize, name: &str| LinearBias::new(n * d, d, &gnn.at(name));
        let kind = match config.reads {
            Reads::Outputs => Kind::Outputs(mlp(layout.n_out * d, d_out, "rho")?),
            Reads::Ends => Kind::Ends {
                last: project(layout.n_out, "project_last")?,
                first: project(layout.n_in, "project_first")?,
                mlp: mlp(2 * d, d_out, "rho")?,
            },
            Reads::All if invariants.scalings == Scalings::Permutation => {
                Kind::DeepSets { local: mlp(d, d, "local_mlp")?, global: mlp(d, d_out, "global_mlp")? }
            }
            Reads::All => {
                let widths = Widths { d_in: d, d_extra: 0, d_out: d };
                Kind::Full {
                    invariant: ScaleInv::new(invariants, widths, None, &vars)?,
                    mlp: mlp((1 + layout.n_in + layout.n_out) * d, d_out, "global_mlp")?,
                }
            }
        };
        Ok(Self { kind, n_in: layout.n_in, n_out: layout.n_out })
    }

    /// The numbers of each net.
    ///
    /// # Shapes
    /// nodes of each site of the topology `[B, n, d]`, result `[B, d_out]`.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if input or output nodes scale.
    pub fn forward(
        &self,
        nodes: &[Field],
        topology: &Topology,
        groups: &[ScaleGroup],
        pass: &Pass,
    ) -> Result<Tensor> {
        let mlp = match &self.kind {
            Kind::Outputs(mlp) | Kind::Ends { mlp, .. } | Kind::Full { mlp, .. } => mlp,
            Kind::DeepSets { global, .. } => global,
        };
        apply(mlp, self.features(nodes, topology, groups, pass)?, pass)
    }

    /// What the last perceptron reads of each net.
    ///
    /// # Shapes
    /// nodes of each site of the topology `[B, n, d]`, result `[B, d']`.
    ///
    /// # Errors
    /// As [`Readout::forward`].
    pub fn features(
        &self,
        nodes: &[Field],
        topology: &Topology,
        groups: &[ScaleGroup],
        pass: &Pass,
    ) -> Result<Tensor> {
        let of_role = |role: Role| {
            let sites = topology.sites().iter().zip(nodes);
            sites.filter(move |(site, _)| site.role == role).map(|(_, nodes)| nodes)
        };
        // The nodes of a role side by side, and zeros where a net has fewer than the model reads.
        let flat = |role: Role, most: usize| -> Result<Tensor> {
            let rows =
                of_role(role).map(|field| Ok(field.invariant("read-out")?.tensor()?.flatten_from(1)?));
            let rows = rows.collect::<Result<Vec<_>>>()?;
            let all = match rows.as_slice() {
                [rows] => rows.clone(),
                rows => Tensor::cat(rows, 1)?,
            };
            let (d, width) = (nodes[0].width(), all.dim(1)?);
            if width < most * d { Ok(all.pad_with_zeros(1, 0, most * d - width)?) } else { Ok(all) }
        };
        match &self.kind {
            Kind::Outputs(_) => flat(Role::Output, self.n_out),
            Kind::Ends { last, first, .. } => {
                let project = |map: &LinearBias, x: Tensor| -> Result<Tensor> {
                    Ok(map.forward(&Rows::nets(x)?)?.tensor()?)
                };
                let ends = [
                    project(last, flat(Role::Output, self.n_out)?)?,
                    project(first, flat(Role::Input, self.n_in)?)?,
                ];
                Ok(Tensor::cat(&ends, D::Minus1)?)
            }
            Kind::Full { invariant, .. } => {
                let mut hidden: Option<Tensor> = None;
                let sites = topology.sites().iter().zip(nodes).zip(groups);
                for ((_, nodes), group) in sites.filter(|((site, _), _)| site.role == Role::Hidden) {
                    let rows = invariant.forward(nodes, None, Role::Hidden, *group, pass)?;
                    let sum = sum_nodes(&rows.values().tensor()?)?;
                    hidden = Some(match hidden {
                        Some(total) => (total + sum)?,
                        None => sum,
                    });
                }
                let (inputs, outputs) = (flat(Role::Input, self.n_in)?, flat(Role::Output, self.n_out)?);
                // A net without hidden layers has an empty sum.
                let hidden = match hidden {
                    Some(hidden) => hidden,
                    None => sum_nodes(&nodes[0].values().tensor()?.zeros_like()?)?,
                };
                Ok(Tensor::cat(&[hidden, inputs, outputs], D::Minus1)?)
            }
            Kind::DeepSets { local, .. } => {
                let mut total: Option<Tensor> = None;
                for field in nodes {
                    let sum = sum_nodes(&local.forward(field.invariant("read-out")?, pass)?.tensor()?)?;
                    total = Some(match total {
                        Some(total) => (total + sum)?,
                        None => sum,
                    });
                }
                Ok(total.expect("a net has nodes"))
            }
        }
    }
}

/// A perceptron of the nets' rows.
fn apply(mlp: &Mlp, x: Tensor, pass: &Pass) -> Result<Tensor> {
    Ok(mlp.forward(&Rows::nets(x)?, pass)?.tensor()?)
}

/// `Σ_i x_i` over the nodes of each net: `[B, n, d]` to `[B, d]`.
fn sum_nodes(x: &Tensor) -> Result<Tensor> {
    Ok(ops::sum_edges(&x.unsqueeze(1)?, EdgeAxis::Senders)?.squeeze(1)?)
}
