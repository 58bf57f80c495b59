//! The representation of a vector that one common scale cannot change.

use sgmn_symmetry::ScaleGroup;

use super::{InvariantConfig, Mlp, NormGuard, SignInvariant};
use crate::{Field, Pass, Result, VarBuilder, ops::Rows};

/// `canon(x)`: of all multiples of a vector that its unit's group allows, one representative.
///
/// | group | canon(x) |
/// | --- | --- |
/// | trivial | `x` |
/// | positive | `x / ‖x‖`, zero for zero |
/// | sign | `ρ(x) + ρ(−x)` or `\|x\|` |
/// | non-zero | the sign's form of `x / ‖x‖` |
///
/// # Source
/// ScaleGMN, section 5, canonicalization and symmetrization.
/// **Departs:** the published code adds 1e-10 to the norm, so its output moves when scales are small; here only a zero
/// vector is special, unless the model is built for published checkpoints.
#[derive(Debug, Clone)]
pub struct Canon {
    rho: Option<Mlp>,
    guard: Option<f64>,
}

/// What the published code adds to a norm before it divides.
const PUBLISHED_GUARD: f64 = 1e-10;

impl Canon {
    /// The canonical form of vectors of width `d`; ρ, if there is one, has its variables in `rho` below the path.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(config: &InvariantConfig, d: usize, vars: &VarBuilder) -> Result<Self> {
        let symmetrized = config.scalings.has_signs() && config.sign_invariant == SignInvariant::Symmetrize;
        let rho = symmetrized.then(|| Mlp::new(&config.mlp, d, d, &vars.at("rho"))).transpose()?;
        Ok(Self { rho, guard: (config.guard == NormGuard::Published).then_some(PUBLISHED_GUARD) })
    }

    /// The invariant representation of each row.
    ///
    /// # Shapes
    /// `[…, d]` to `[…, d]`.
    ///
    /// # Law
    /// One exponent of the group at most, at one end; the result is invariant.
    ///
    /// # Errors
    /// If the width differs.
    pub fn forward(&self, x: &Field, group: ScaleGroup, pass: &Pass) -> Result<Field> {
        Ok(x.map_invariant(self.apply(x.values(), group, pass)?))
    }

    fn apply(&self, x: &Rows, group: ScaleGroup, pass: &Pass) -> Result<Rows> {
        match group {
            ScaleGroup::Trivial => Ok(x.clone()),
            ScaleGroup::Positive => Ok(x.unit_norm(self.guard)?),
            ScaleGroup::Sign => self.even(x, pass),
            ScaleGroup::NonZero => self.even(&x.unit_norm(self.guard)?, pass),
        }
    }

    fn even(&self, x: &Rows, pass: &Pass) -> Result<Rows> {
        match &self.rho {
            Some(rho) => rho.forward_even(x, pass),
            None => Ok(x.abs()?),
        }
    }
}
