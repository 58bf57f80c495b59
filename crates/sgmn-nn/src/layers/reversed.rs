//! Messages against the direction of the edges where scales are positive: exact, bounded, no division by a weight.

use candle_core::Tensor;

use super::{Canon, InvariantConfig, LinearMap, Mlp, Role, scale_inv::beside};
use crate::{Field, Pass, Result, VarBuilder, ops::Rows};

/// `m_j = (W x_j) ⊙ Σ_i φ([canon([x_i, u_ij]), canon(x_j)])` with `u_ij = (W_e e_ij) ⊙ (W_v x_j)`, for the receiver j of
/// a reversed edge, the original sender.
///
/// A reversed weight scales by `q_j / q_i` only after it is inverted, and the inverse is unbounded.
/// Here the receiver's own value supplies the scale, and the rest enters through invariants: `x_i` and `u_ij` both scale
/// by `q_i`, so their common canonical form is invariant and still says how large j's contribution to i is.
/// At inputs, which do not scale, the sum alone is the message, from a perceptron of its own.
///
/// Variables: `w_e`, `w_v`, `message_fn.{W, sender, receiver, phi, phi_in}`.
///
/// # Source
/// This project. **Departs:** the paper inverts the edge's feature, its code forgets to.
#[derive(Debug, Clone)]
pub struct RelativeMessage {
    w_e: LinearMap,
    w_v: LinearMap,
    w: LinearMap,
    of_sender: Canon,
    of_receiver: Canon,
    phi: Mlp,
    phi_in: Mlp,
}

impl RelativeMessage {
    /// The reversed message function of one round, between features of width `d`; `d_extra` is the width of the
    /// embedding it sees, or 0.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(invariants: &InvariantConfig, d: usize, d_extra: usize, vars: &VarBuilder) -> Result<Self> {
        let message = vars.at("message_fn");
        let mlp = |vars: VarBuilder| Mlp::new(&invariants.mlp, 3 * d + d_extra, d, &vars);
        Ok(Self {
            w_e: LinearMap::new(d, d, &vars.at("w_e"))?,
            w_v: LinearMap::new(d, d, &vars.at("w_v"))?,
            w: LinearMap::new(d, d, &message.at("W"))?,
            of_sender: Canon::new(invariants, 2 * d, &message.at("sender"))?,
            of_receiver: Canon::new(invariants, d, &message.at("receiver"))?,
            phi: mlp(message.at("phi"))?,
            phi_in: mlp(message.at("phi_in"))?,
        })
    }

    /// The summed messages into every receiver of one block of reversed edges.
    ///
    /// # Shapes
    /// edges `[B, R, S, d]` as they lie in memory, senders and receivers of the reversed edges `[B, ·, d]`, extra
    /// `[B, R, S, d_extra]`, result `[B, n, d]` for the n receivers.
    ///
    /// # Law
    /// `(−1, 1) + (1, 0) = (0, 1)` for u, like the sender; the result scales like its receiver.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if u does not scale like its sender.
    pub fn forward(
        &self,
        edges: &Field,
        senders: &Field,
        receivers: &Field,
        extra: Option<&Rows>,
        role: Role,
        pass: &Pass,
    ) -> Result<Field> {
        let u = self.w_e.forward(edges)?.mul_receiver(&self.w_v.forward(receivers)?)?;
        let pair = Field::concat(&[&edges.spread_senders(senders)?, &u])?;
        let pair = self.of_sender.forward(&pair, edges.place().sender, pass)?;
        let own = self.of_receiver.forward(receivers, edges.place().receiver, pass)?;

        // The first layer of φ, its columns applied where their factors live.
        let phi = if role == Role::Hidden { &self.phi } else { &self.phi_in };
        let d = edges.width();
        let columns = match extra {
            None => phi.first_columns(&[2 * d, d])?,
            Some(extra) => phi.first_columns(&[2 * d, d, extra.width()])?,
        };
        let of_pair = match columns.get(2) {
            None => columns[0].clone(),
            Some(of_extra) => Tensor::cat(&[&columns[0], of_extra], 1)?,
        };
        let of_pair = beside(pair.invariant("reversed message")?, extra)?.linear(&of_pair)?;
        let of_own = own.invariant("reversed message")?.linear(&columns[1])?;
        let first = of_pair.add(&edges.spread(&of_own, edges.receiver_axis())?)?;
        let sum = pair.map_invariant(phi.finish(first, pass)?).sum_senders()?;
        match role {
            Role::Hidden => self.w.forward(receivers)?.mul(&sum),
            Role::Input | Role::Output => Ok(sum),
        }
    }
}
