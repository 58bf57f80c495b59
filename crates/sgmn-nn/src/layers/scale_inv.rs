//! Learned maps that scales cannot change.

use sgmn_symmetry::ScaleGroup;

use super::{Canon, InvariantConfig, Mlp, Role, Scalings};
use crate::{Field, Pass, Result, VarBuilder, ops::Rows};

/// `ScaleInv(x; extra) = φ([canon(x), extra])` on hidden nodes; at inputs and outputs, if they are gated, a perceptron of
/// `[x, extra]` of their own.
///
/// Variables: `g1.{rho, phi}`, or `g_sign.{rho, phi}` and `g_scale.phi` where both groups may occur; `phi_in`,
/// `phi_last` for inputs and outputs.
///
/// # Source
/// ScaleGMN, section 5, `ScaleInv`.
#[derive(Debug, Clone)]
pub struct ScaleInv {
    branches: Branches,
    io: Option<IoMlps>,
}

/// One learned map for all units, or one for each kind of group.
#[derive(Debug, Clone)]
enum Branches {
    One(Branch),
    Two { sign: Branch, scale: Branch },
}

#[derive(Debug, Clone)]
struct Branch {
    canonical: Canon,
    phi: Mlp,
}

/// The maps that inputs and outputs have for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnMaps {
    /// One that they share.
    Shared,
    /// One for inputs, one for outputs.
    Two,
}

/// The maps of inputs and outputs; `last` is absent if they share one.
#[derive(Debug, Clone)]
pub(super) struct IoMlps {
    pub(super) first: Mlp,
    pub(super) last: Option<Mlp>,
}

impl IoMlps {
    /// The maps of the names `last` and `in`, outputs before inputs.
    pub(super) fn new(own: OwnMaps, map: impl Fn(&str) -> Result<Mlp>) -> Result<Self> {
        let last = (own == OwnMaps::Two).then(|| map("last")).transpose()?;
        Ok(Self { first: map("in")?, last })
    }

    pub(super) fn for_role(&self, role: Role) -> &Mlp {
        self.last.as_ref().filter(|_| role == Role::Output).unwrap_or(&self.first)
    }
}

/// Widths of a map: of the feature, of what stands beside it, of the result.
#[derive(Debug, Clone, Copy)]
pub struct Widths {
    /// Width of the feature that scales.
    pub d_in: usize,
    /// Width of the invariant extra feature, 0 without one.
    pub d_extra: usize,
    /// Width of the result.
    pub d_out: usize,
}

impl ScaleInv {
    /// The map below a path; `io` says which maps of their own inputs and outputs have, if any.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        config: &InvariantConfig,
        widths: Widths,
        io: Option<OwnMaps>,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let Widths { d_in, d_extra, d_out } = widths;
        let mlp = |vars: VarBuilder| Mlp::gate(&config.mlp, d_in + d_extra, d_out, &vars);
        let branch = |scalings: Scalings, vars: VarBuilder| -> Result<Branch> {
            let config = InvariantConfig { scalings, ..config.clone() };
            Ok(Branch { canonical: Canon::new(&config, d_in, &vars)?, phi: mlp(vars.at("phi"))? })
        };
        let branches = match config.scalings {
            Scalings::Own => Branches::Two {
                sign: branch(Scalings::Sign, vars.at("g_sign"))?,
                scale: branch(Scalings::Scale, vars.at("g_scale"))?,
            },
            scalings => Branches::One(branch(scalings, vars.at("g1"))?),
        };
        let io = io.map(|own| IoMlps::new(own, |name| mlp(vars.at(format!("phi_{name}"))))).transpose()?;
        Ok(Self { branches, io })
    }

    /// The invariant numbers of each row.
    ///
    /// # Shapes
    /// x `[…, d_in]`, extra `[…, d_extra]`, result `[…, d_out]`.
    ///
    /// # Law
    /// x may scale with its receiver's group; the result is invariant.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if an input or output feature scales.
    pub fn forward(
        &self,
        x: &Field,
        extra: Option<&Rows>,
        role: Role,
        group: ScaleGroup,
        pass: &Pass,
    ) -> Result<Field> {
        if let (Some(io), Role::Input | Role::Output) = (&self.io, role) {
            let values = beside(x.invariant("map of input and output nodes")?, extra)?;
            return Ok(x.map_invariant(io.for_role(role).forward(&values, pass)?));
        }
        let branch = match (&self.branches, group) {
            (Branches::One(branch), _) | (Branches::Two { scale: branch, .. }, ScaleGroup::Positive) => {
                branch
            }
            (Branches::Two { sign, .. }, _) => sign,
        };
        let canonical = branch.canonical.forward(x, group, pass)?;
        let values = beside(canonical.invariant("phi")?, extra)?;
        Ok(canonical.map_invariant(branch.phi.forward(&values, pass)?))
    }
}

/// Channels of x and of the extra feature, side by side.
pub(super) fn beside(x: &Rows, extra: Option<&Rows>) -> Result<Rows> {
    Ok(match extra {
        Some(extra) => Rows::concat(&[x, extra])?,
        None => x.clone(),
    })
}
