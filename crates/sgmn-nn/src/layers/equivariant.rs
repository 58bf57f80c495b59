//! The paper's idea: a linear map times an invariant one scales as its input does.

use sgmn_symmetry::ScaleGroup;

use super::{
    InvariantNet, LinearMap, Mlp, Role,
    invariant::{IoMlps, Widths, beside},
};
use crate::{
    Field, Pass, Result, VarBuilder,
    models::{EquivariantConfig, IoPath, ScaleGmnConfig},
    ops::Rows,
};

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
pub struct EquivariantNet {
    hidden: Vec<Layer>,
    io: Io,
}

#[derive(Debug, Clone)]
struct Layer {
    linear: LinearMap,
    invariant: InvariantNet,
}

#[derive(Debug, Clone)]
enum Io {
    /// Through the same layers as hidden nodes.
    Through,
    /// Through plain perceptrons.
    Mlps(Vec<IoMlps>),
    /// Through layers of their own; the second list is empty if outputs share the first.
    Layers(Vec<Layer>, Vec<Layer>),
}

impl EquivariantNet {
    /// A stack from width `d_in` to `d_out`, beside an invariant feature of width `d_extra` (0 without one).
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        config: &ScaleGmnConfig,
        net: &EquivariantConfig,
        Widths { d_in, d_extra, d_out }: Widths,
        vars: &VarBuilder,
    ) -> Result<Self> {
        // All layers but the last keep the model's width.
        let widths = |n: usize| Widths {
            d_in: if n == 0 { d_in } else { config.d_hidden },
            d_extra,
            d_out: if n + 1 == net.n_layers { d_out } else { config.d_hidden },
        };
        let stack = |name: &str, io: Option<IoPath>| -> Result<Vec<Layer>> {
            let layer = |n: usize| -> Result<Layer> {
                let vars = vars.at(name).at(n);
                let linear = LinearMap::new(widths(n).d_in, widths(n).d_out, &vars.at("W"))?;
                Ok(Layer {
                    linear,
                    invariant: InvariantNet::new(config, widths(n), io, net.n_mlps, &vars.at("g"))?,
                })
            };
            (0..net.n_layers).map(layer).collect()
        };
        let mlp = |name: &str, n: usize| {
            let Widths { d_in, d_extra, d_out } = widths(n);
            Mlp::new(&config.mlp(), d_in + d_extra, d_out, &vars.at(name).at(n).at("rho"))
        };
        let own_last = net.n_mlps == 3;
        let hidden = stack("eq_layers", Some(net.io))?;
        let io = match net.io {
            IoPath::Gated | IoPath::Shared => Io::Through,
            IoPath::Mlp => {
                let mlps = |n| -> Result<IoMlps> {
                    let last = own_last.then(|| mlp("eq_layers_last", n)).transpose()?;
                    Ok(IoMlps { first: mlp("eq_layers_in", n)?, last })
                };
                Io::Mlps((0..net.n_layers).map(mlps).collect::<Result<_>>()?)
            }
            IoPath::Equivariant => {
                let last = if own_last { stack("eq_layers_last", None)? } else { Vec::new() };
                Io::Layers(stack("eq_layers_in", None)?, last)
            }
        };
        Ok(Self { hidden, io })
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
        let layers = match (&self.io, role) {
            (_, Role::Hidden) | (Io::Through, _) => &self.hidden,
            (Io::Layers(_, last), Role::Output) if !last.is_empty() => last,
            (Io::Layers(first, _), _) => first,
            (Io::Mlps(mlps), role) => {
                let mut values = x.invariant("perceptron of input and output nodes")?.clone();
                for mlps in mlps {
                    values = mlps.for_role(role).forward(&beside(&values, extra)?, pass)?;
                }
                return Ok(x.map_invariant(values));
            }
        };
        let mut x = x.clone();
        for layer in layers {
            let invariant = layer.invariant.forward(&x, extra, role, group, pass)?;
            x = layer.linear.forward(&x)?.mul(&invariant)?;
        }
        Ok(x)
    }
}
