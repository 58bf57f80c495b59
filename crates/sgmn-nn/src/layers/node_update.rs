//! Node updates: a node from itself and what it heard.

use sgmn_symmetry::ScaleGroup;

use super::{EquivariantNet, Mlp, Role, invariant::Widths};
use crate::{
    Field, Pass, Result, VarBuilder,
    models::{ScaleGmnConfig, Symmetry},
    ops::Rows,
};

/// `x̃_i = EquivariantNet([x_i, m_i]; extra)`, or `[x_i, m_i, m'_i]` with messages of both directions.
///
/// For permutations only, a perceptron of the same.
///
/// # Source
/// ScaleGMN, section 5, and the published implementation.
#[derive(Debug, Clone)]
pub struct NodeUpdate(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Scaled(EquivariantNet),
    Plain(Mlp),
}

impl NodeUpdate {
    /// The update of one layer, from `n_parts` features of the model's width to width `d_out`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        config: &ScaleGmnConfig,
        n_parts: usize,
        d_extra: usize,
        d_out: usize,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let d_in = n_parts * config.d_hidden;
        Ok(Self(match config.symmetry {
            Symmetry::Permutation => Kind::Plain(Mlp::new(&config.mlp(), d_in, d_out, &vars.at("rho"))?),
            _ => Kind::Scaled(EquivariantNet::new(
                config,
                &config.update,
                Widths { d_in, d_extra, d_out },
                vars,
            )?),
        }))
    }

    /// The new features of the nodes of one layer.
    ///
    /// # Shapes
    /// parts `[B, n, d]` each, extra `[B, n, d_extra]`, result `[B, n, d_out]`.
    ///
    /// # Law
    /// Kept, the same for all parts.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if the parts scale differently.
    pub fn forward(
        &self,
        parts: &[&Field],
        extra: Option<&Rows>,
        role: Role,
        group: ScaleGroup,
        pass: &Pass,
    ) -> Result<Field> {
        let x = Field::concat(parts)?;
        match &self.0 {
            Kind::Scaled(net) => net.forward(&x, extra, role, group, pass),
            Kind::Plain(mlp) => Ok(x.map_invariant(mlp.forward(x.invariant("node update")?, pass)?)),
        }
    }
}
