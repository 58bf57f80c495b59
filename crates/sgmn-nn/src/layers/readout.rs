//! Read-outs: one row of numbers for a whole net.

use candle_core::{D, Tensor};
use sgmn_symmetry::ScaleGroup;

use super::{InvariantNet, LinearBias, Mlp, Role, invariant::Widths};
use crate::{
    Field, Pass, Result, VarBuilder,
    models::{Direction, Layout, PerGraph, ReadoutRange, ScaleGmnConfig, Symmetry},
    ops::{self, EdgeAxis, Rows},
};

/// The numbers of a net from the final features of its nodes.
///
/// | range | forward | bidirectional |
/// | --- | --- | --- |
/// | last layer | `MLP(outputs)` | `MLP([P outputs, P' inputs])` |
/// | full graph | `MLP([Σ_hidden ScaleInv(x_i), inputs, outputs])` | the same |
///
/// For permutations only, the full graph is `MLP(Σ_i MLP(x_i))`.
///
/// Variables: below `readout`, `rho`, or `g1` and `global_mlp`, or `local_mlp` and `global_mlp`; `project_last` and
/// `project_first` beside it.
///
/// # Source
/// ScaleGMN, section 5, and the published implementation.
#[derive(Debug, Clone)]
pub struct Readout(Kind);

#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a model has one")]
enum Kind {
    Outputs(Mlp),
    Ends { last: Projection, first: Projection, mlp: Mlp },
    Full { invariant: InvariantNet, mlp: Mlp },
    DeepSets { local: Mlp, global: Mlp },
}

#[derive(Debug, Clone)]
enum Projection {
    Linear(LinearBias),
    Mlp(Mlp),
}

impl Readout {
    /// The read-out of a model whose variables lie below `gnn`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        config: &ScaleGmnConfig,
        output: &PerGraph,
        layout: &Layout,
        gnn: &VarBuilder,
    ) -> Result<Self> {
        let d = config.d_hidden;
        let vars = gnn.at("readout");
        let mlp = |d_in: usize, d_out: usize, name: &str| {
            Mlp::new(&config.readout_mlp(output), d_in, d_out, &vars.at(name))
        };
        let kind = match (output.readout, config.direction) {
            (ReadoutRange::LastLayer, Direction::Forward) => {
                Kind::Outputs(mlp(layout.n_out * d, output.d_out, "rho")?)
            }
            (ReadoutRange::LastLayer, Direction::Bidirectional) => {
                let project = |n: usize, name: &str| -> Result<Projection> {
                    let vars = gnn.at(name);
                    Ok(if output.mlp_directions {
                        Projection::Mlp(Mlp::new(&config.mlp(), n * d, d, &vars)?)
                    } else {
                        Projection::Linear(LinearBias::new(n * d, d, &vars)?)
                    })
                };
                Kind::Ends {
                    last: project(layout.n_out, "project_last")?,
                    first: project(layout.n_in, "project_first")?,
                    mlp: mlp(2 * d, output.d_out, "rho")?,
                }
            }
            (ReadoutRange::FullGraph, _) if config.symmetry == Symmetry::Permutation => {
                Kind::DeepSets { local: mlp(d, d, "local_mlp")?, global: mlp(d, output.d_out, "global_mlp")? }
            }
            (ReadoutRange::FullGraph, _) => {
                let widths = Widths { d_in: d, d_extra: 0, d_out: d };
                if config.is_published() {
                    // The published code allocates a perceptron here that nothing reads.
                    mlp(d, d, "phi")?;
                }
                Kind::Full {
                    invariant: InvariantNet::new(config, widths, None, 0, &vars)?,
                    mlp: mlp((1 + layout.n_in + layout.n_out) * d, output.d_out, "global_mlp")?,
                }
            }
        };
        Ok(Self(kind))
    }

    /// The numbers of each net.
    ///
    /// # Shapes
    /// nodes of each layer `[B, n_l, d]`, result `[B, d_out]`.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if input or output nodes scale.
    pub fn forward(&self, nodes: &[Field], groups: &[ScaleGroup], pass: &Pass) -> Result<Tensor> {
        let mlp = match &self.0 {
            Kind::Outputs(mlp) | Kind::Ends { mlp, .. } | Kind::Full { mlp, .. } => mlp,
            Kind::DeepSets { global, .. } => global,
        };
        apply(mlp, self.features(nodes, groups, pass)?, pass)
    }

    /// What the last perceptron reads of each net.
    ///
    /// # Shapes
    /// nodes of each layer `[B, n_l, d]`, result `[B, d']`.
    ///
    /// # Errors
    /// As [`Readout::forward`].
    pub fn features(&self, nodes: &[Field], groups: &[ScaleGroup], pass: &Pass) -> Result<Tensor> {
        let flat =
            |field: &Field| -> Result<Tensor> { Ok(field.invariant("read-out")?.tensor()?.flatten_from(1)?) };
        let inputs = &nodes[0];
        let outputs = nodes.last().expect("a net has nodes");
        match &self.0 {
            Kind::Outputs(_) => flat(outputs),
            Kind::Ends { last, first, .. } => {
                let ends = [last.forward(&flat(outputs)?, pass)?, first.forward(&flat(inputs)?, pass)?];
                Ok(Tensor::cat(&ends, D::Minus1)?)
            }
            Kind::Full { invariant, .. } => {
                let mut hidden: Option<Tensor> = None;
                for l in 1..nodes.len() - 1 {
                    let rows = invariant.forward(&nodes[l], None, Role::Hidden, groups[l], pass)?;
                    let sum = sum_nodes(&rows.values().tensor()?)?;
                    hidden = Some(match hidden {
                        Some(total) => (total + sum)?,
                        None => sum,
                    });
                }
                let (inputs, outputs) = (flat(inputs)?, flat(outputs)?);
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

impl Projection {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        match self {
            Self::Linear(linear) => Ok(linear.forward(&Rows::nets(x.clone())?)?.tensor()?),
            Self::Mlp(mlp) => apply(mlp, x.clone(), pass),
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
