//! Node updates: a node from itself and what it heard.

use sgmn_symmetry::ScaleGroup;

use super::{InvariantConfig, Mlp, Role, ScaleEq, ScaleEqConfig, Scalings, Widths};
use crate::{Field, Pass, Result, VarBuilder, ops::Rows};

/// `x̃_i = ScaleEq([x_i, m_i]; extra)`, or `[x_i, m_i, m'_i]` with messages of both directions.
///
/// For permutations only, a perceptron of the same.
///
/// # Source
/// ScaleGMN, section 5, and the published implementation.
#[derive(Debug, Clone)]
pub struct NodeUpdate(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Scaled(ScaleEq),
    Plain(Mlp),
}

impl NodeUpdate {
    /// The update of one round, from `n_parts` features of width `d` to one of width `d_out`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        form: &ScaleEqConfig,
        invariants: &InvariantConfig,
        [n_parts, d, d_out]: [usize; 3],
        vars: &VarBuilder,
    ) -> Result<Self> {
        let d_in = n_parts * d;
        Ok(Self(match invariants.scalings {
            Scalings::Permutation => Kind::Plain(Mlp::new(&invariants.mlp, d_in, d_out, &vars.at("rho"))?),
            _ => {
                let widths = Widths { d_in, d_extra: form.d_extra(d), d_out };
                Kind::Scaled(ScaleEq::new(form, invariants, d, widths, vars)?)
            }
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
            Kind::Scaled(stack) => stack.forward(&x, extra, role, group, pass),
            Kind::Plain(mlp) => Ok(x.map_invariant(mlp.forward(x.invariant("node update")?, pass)?)),
        }
    }
}
