//! Messages between sites of the same units: each node from its likeness with other scalars.

use sgmn_symmetry::ScaleGroup;

use super::{Canon, InvariantConfig, LinearMap, Mlp, Role, Scalings};
use crate::{Field, Pass, Result, VarBuilder};

/// What a node hears from the nodes that are the same unit elsewhere: a gate from what it gates, an output of a depthwise
/// kernel from its input.
///
/// | tie | message |
/// | --- | --- |
/// | peer: scalars q of i, q′ of i′, nothing known of both | `(W x_i) ⊙ φ([canon(x_i), canon(x_i′)])`, at inputs and outputs φ alone |
/// | product: the scalars of i′ and i″ multiply to q | `(A x_i′) ⊙ (B x_i″)` |
///
/// For permutations only, `φ([x_i, x_i′])`, and products are left to it.
///
/// Variables: `W`, `own`, `other`, `phi`, `product.{A, B}`.
///
/// # Source
/// This project.
#[derive(Debug, Clone)]
pub struct TiedMessage {
    scaled: Option<Scaled>,
    phi: Mlp,
}

#[derive(Debug, Clone)]
struct Scaled {
    w: LinearMap,
    own: Canon,
    other: Canon,
    factors: [LinearMap; 2],
}

impl TiedMessage {
    /// The message of one round, between features of width `d`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(invariants: &InvariantConfig, d: usize, vars: &VarBuilder) -> Result<Self> {
        let scaled = (invariants.scalings != Scalings::Permutation).then(|| -> Result<Scaled> {
            let product = vars.at("product");
            Ok(Scaled {
                w: LinearMap::new(d, d, &vars.at("W"))?,
                own: Canon::new(invariants, d, &vars.at("own"))?,
                other: Canon::new(invariants, d, &vars.at("other"))?,
                factors: [LinearMap::new(d, d, &product.at("A"))?, LinearMap::new(d, d, &product.at("B"))?],
            })
        });
        Ok(Self { scaled: scaled.transpose()?, phi: Mlp::new(&invariants.mlp, 2 * d, d, &vars.at("phi"))? })
    }

    /// The message from a peer.
    ///
    /// # Shapes
    /// own and other `[B, n, d]`, result `[B, n, d]`.
    ///
    /// # Law
    /// That of `own`.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if a feature scales although only permutations are expected.
    pub fn of_peer(
        &self,
        own: &Field,
        other: &Field,
        role: Role,
        [of_own, of_other]: [ScaleGroup; 2],
        pass: &Pass,
    ) -> Result<Field> {
        let canonical = |canon: &dyn Fn(&Scaled) -> Canon, field: &Field, group| -> Result<Field> {
            match &self.scaled {
                Some(scaled) => canon(scaled).forward(field, group, pass),
                None => Ok(field.clone()),
            }
        };
        let own_form = canonical(&|scaled| scaled.own.clone(), own, of_own)?;
        let other_form = canonical(&|scaled| scaled.other.clone(), other, of_other)?;
        let columns = self.phi.first_columns(&[own.width(), other.width()])?;
        let first = own_form.invariant("tied message")?.linear(&columns[0])?;
        let first = first.add(&other_form.invariant("tied message")?.linear(&columns[1])?)?;
        let gate = own.map_invariant(self.phi.finish(first, pass)?);
        match &self.scaled {
            Some(scaled) if role == Role::Hidden => scaled.w.forward(own)?.mul(&gate),
            _ => Ok(gate),
        }
    }

    /// The message from two sites whose scalars multiply to those of the receivers, of this group; none for permutations
    /// only.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn of_product(&self, factors: [&Field; 2], group: ScaleGroup) -> Result<Option<Field>> {
        let Some(scaled) = &self.scaled else { return Ok(None) };
        let [a, b] = [0, 1].map(|at| scaled.factors[at].forward(factors[at]));
        a?.joined(&b?, group).map(Some)
    }
}
