//! The paper's idea: a linear map times an invariant one scales as its input does.

use serde::{Deserialize, Serialize};
use sgmn_symmetry::ScaleGroup;

use super::{
    InvariantConfig, LinearMap, Mlp, OwnMaps, Role, ScaleInv,
    scale_inv::{IoMlps, Widths, beside},
};
use crate::{Field, Pass, Result, VarBuilder, ops::Rows};

/// The form of a [`ScaleEq`], as messages and node updates have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleEqConfig {
    /// Equivariant layers in turn.
    pub n_layers: usize,
    /// What input and output nodes pass.
    pub io: IoPath,
    /// 2: inputs and outputs share a perceptron; 3: each have their own.
    pub n_mlps: usize,
    /// Whether the stack sees positional embeddings beside the features.
    pub positional: bool,
}

/// How features of input and output nodes, which do not scale, pass a [`ScaleEq`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoPath {
    /// `(W x) ⊙ MLP(x)` with a perceptron of their own in place of ScaleInv.
    Gated,
    /// A perceptron instead of the whole stack.
    Mlp,
}

impl ScaleEqConfig {
    /// The perceptrons that inputs and outputs have for themselves.
    fn own_maps(&self) -> OwnMaps {
        if self.n_mlps == 3 { OwnMaps::Two } else { OwnMaps::Shared }
    }

    /// Width of the positional embeddings that the stack sees beside features of width `d`.
    pub fn d_extra(&self, d: usize) -> usize {
        if self.positional { d } else { 0 }
    }
}

/// A stack of `x ↦ (W x) ⊙ ScaleInv(x; extra)`.
///
/// Scaling x by q scales `W x` by q and leaves the second factor alone, so the result scales by q: the stack is
/// equivariant whatever its learned maps are.
/// Inputs and outputs of the net, which do not scale, pass through it as the configuration says ([`IoPath`]).
///
/// Variables: `eq_layers.n.{W, g}`; `eq_layers_in.n`, `eq_layers_last.n` for inputs and outputs.
///
/// # Source
/// ScaleGMN, section 5, `ScaleEq`.
#[derive(Debug, Clone)]
pub struct ScaleEq {
    layers: Vec<Layer>,
    /// In place of the layers, for inputs and outputs; absent where these pass them too.
    io: Option<Vec<IoMlps>>,
}

#[derive(Debug, Clone)]
struct Layer {
    linear: LinearMap,
    invariant: ScaleInv,
}

impl ScaleEq {
    /// A stack from width `d_in` to `d_out`, `d` between its layers, beside an invariant feature of width `d_extra` (0
    /// without one).
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        form: &ScaleEqConfig,
        invariants: &InvariantConfig,
        d: usize,
        Widths { d_in, d_extra, d_out }: Widths,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let widths = |n: usize| Widths {
            d_in: if n == 0 { d_in } else { d },
            d_extra,
            d_out: if n + 1 == form.n_layers { d_out } else { d },
        };
        let gates = (form.io == IoPath::Gated).then(|| form.own_maps());
        let layer = |n: usize| -> Result<Layer> {
            let vars = vars.at("eq_layers").at(n);
            let linear = LinearMap::new(widths(n).d_in, widths(n).d_out, &vars.at("W"))?;
            Ok(Layer { linear, invariant: ScaleInv::new(invariants, widths(n), gates, &vars.at("g"))? })
        };
        let mlps = |n: usize| {
            let Widths { d_in, d_extra, d_out } = widths(n);
            IoMlps::new(form.own_maps(), |name| {
                let vars = vars.at(format!("eq_layers_{name}")).at(n).at("rho");
                Mlp::new(&invariants.mlp, d_in + d_extra, d_out, &vars)
            })
        };
        let layers = (0..form.n_layers).map(layer).collect::<Result<_>>()?;
        let io = match form.io {
            IoPath::Gated => None,
            IoPath::Mlp => Some((0..form.n_layers).map(mlps).collect::<Result<_>>()?),
        };
        Ok(Self { layers, io })
    }

    /// Applies the stack to the features of nodes of one role, or of the edges into them.
    ///
    /// # Shapes
    /// x `[…, d_in]`, extra `[…, d_extra]`, result `[…, d_out]`.
    ///
    /// # Law
    /// Kept; x may scale with its receiver, whose group is `group`.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if a feature of input or output nodes scales.
    pub fn forward(
        &self,
        x: &Field,
        extra: Option<&Rows>,
        role: Role,
        group: ScaleGroup,
        pass: &Pass,
    ) -> Result<Field> {
        if let (Some(mlps), Role::Input | Role::Output) = (&self.io, role) {
            let mut values = x.invariant("perceptron of input and output nodes")?.clone();
            for mlps in mlps {
                values = mlps.for_role(role).forward(&beside(&values, extra)?, pass)?;
            }
            return Ok(x.map_invariant(values));
        }
        let mut x = x.clone();
        for layer in &self.layers {
            let invariant = layer.invariant.forward(&x, extra, role, group, pass)?;
            x = layer.linear.forward(&x)?.mul(&invariant)?;
        }
        Ok(x)
    }
}
