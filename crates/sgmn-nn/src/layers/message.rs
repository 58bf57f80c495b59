//! Messages: what each node hears from its senders.

use sgmn_symmetry::{Law, ScaleGroup};

use super::{InvariantConfig, LinearMap, Mlp, Role, ScaleEq, ScaleEqConfig, Scalings, Widths};
use crate::{Field, Pass, Result, VarBuilder, ops::Rows};

/// `m_i = Σ_j ScaleEq((W_e e_ij) ⊙ (W_v x_j); extra)`.
///
/// A weight times its sender's value scales with the receiver alone, so messages may be summed.
/// For permutations only, `m_i = Σ_j MLP([e_ij, x_j])`.
///
/// Variables: `w_e`, `w_v`, `message_fn`.
///
/// # Source
/// ScaleGMN, section 5, and the published implementation.
#[derive(Debug, Clone)]
pub struct Message(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Scaled { w_e: LinearMap, w_v: LinearMap, stack: ScaleEq },
    Plain { mlp: Mlp, d: usize },
}

/// Whether a message must prove that it scales with its receiver alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The laws are checked: the default.
    Checked,
    /// The published code's reversed messages for positive scales, which are not equivariant.
    Published,
}

impl Message {
    /// The message function of one round and direction, between features of width `d`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        form: &ScaleEqConfig,
        invariants: &InvariantConfig,
        d: usize,
        vars: &VarBuilder,
    ) -> Result<Self> {
        if invariants.scalings == Scalings::Permutation {
            let mlp = Mlp::new(&invariants.mlp, 2 * d, d, &vars.at("message_fn").at("rho"))?;
            return Ok(Self(Kind::Plain { mlp, d }));
        }
        let widths = Widths { d_in: d, d_extra: form.d_extra(d), d_out: d };
        Ok(Self(Kind::Scaled {
            w_e: LinearMap::new(d, d, &vars.at("w_e"))?,
            w_v: LinearMap::new(d, d, &vars.at("w_v"))?,
            stack: ScaleEq::new(form, invariants, d, widths, &vars.at("message_fn"))?,
        }))
    }

    /// The summed messages into every receiver of one block of edges.
    ///
    /// # Shapes
    /// edges `[B, R, S, d]`, senders `[B, S, d]`, extra `[B, R, S, d_extra]`, result `[B, R, d]`; against the direction
    /// of the edges R and S trade places in the block only.
    ///
    /// # Law
    /// `(1, −1) + (0, 1) = (1, 0)`.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if the message scales with its sender.
    #[allow(clippy::too_many_arguments, reason = "the receiver's role and group travel beside the features")]
    pub fn forward(
        &self,
        edges: &Field,
        senders: &Field,
        extra: Option<&Rows>,
        role: Role,
        group: ScaleGroup,
        trust: Trust,
        pass: &Pass,
    ) -> Result<Field> {
        match &self.0 {
            Kind::Scaled { w_e, w_v, stack } => {
                let mut message = w_e.forward(edges)?.mul_sender(&w_v.forward(senders)?)?;
                if trust == Trust::Published {
                    message = message.relabel(Law::node(message.place()));
                }
                stack.forward(&message, extra, role, group, pass)?.sum_senders()
            }
            Kind::Plain { mlp, d } => {
                let columns = mlp.first_columns(&[*d, *d])?;
                let of_edges = edges.invariant("message")?.linear(&columns[0])?;
                let of_senders = senders.invariant("message")?.linear(&columns[1])?;
                let first = of_edges.add(&edges.spread(&of_senders, edges.sender_axis())?)?;
                edges.map_invariant(mlp.finish(first, pass)?).sum_senders()
            }
        }
    }
}
