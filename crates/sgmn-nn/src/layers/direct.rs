//! Messages without features of edges: one matrix product a block, for nets that are too large for a row an edge.

use std::collections::BTreeMap;

use candle_core::{D, Tensor};
use sgmn_symmetry::{Law, ScaleGroup};

use super::{InvariantConfig, Layout, LinearMap, Mlp, Role, ScaleEq, ScaleEqConfig, Scalings, Widths};
use crate::{
    Error, Field, Init, Pass, Result, VarBuilder,
    ops::{self, EdgeAxis, Rows},
};

/// `m_i = ScaleEq(Σ_j Σ_k w_ijk a_k ⊙ c ⊙ (A x_j))`: the numbers of edges weigh what nodes say, as they do in the net.
///
/// a is a learned row for each of the K numbers of an edge, c one for each block, and the sum runs over all blocks.
/// Against the edges, `m_j = ‖x_j‖² Σ_i Σ_k w_ijk a_k ⊙ c ⊙ (A x_i) / ‖x_i‖²`, where norms stand at units that have
/// magnitudes alone, and 0 / 0 is 0: so the scale of i cancels, and that of j is the message's.
/// For permutations only, a perceptron stands for ScaleEq, and there are no norms.
///
/// A block of n numbers costs 2 n d operations and no memory beside the numbers themselves.
///
/// Variables: `w_v`, `kernels.K`, `codes`, `message_fn`.
///
/// # Source
/// This project.
#[derive(Debug, Clone)]
pub struct DirectMessage {
    w_v: LinearMap,
    kernels: BTreeMap<usize, Tensor>,
    codes: Tensor,
    stack: Stack,
}

#[derive(Debug, Clone)]
enum Stack {
    Scaled(ScaleEq),
    Plain(Mlp),
}

/// Which way a message runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Along,
    Against,
}

impl DirectMessage {
    /// The message function of one round and direction, between features of width `d`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        form: &ScaleEqConfig,
        invariants: &InvariantConfig,
        d: usize,
        layout: &Layout,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let kernel = |n_values: &usize| -> Result<(usize, Tensor)> {
            Ok((*n_values, vars.at("kernels").var(&n_values.to_string(), &[*n_values, d], Init::Normal)?))
        };
        let stack = vars.at("message_fn");
        Ok(Self {
            w_v: LinearMap::new(d, d, &vars.at("w_v"))?,
            kernels: layout.edge_widths.iter().map(kernel).collect::<Result<_>>()?,
            codes: vars.var("codes", &[layout.n_layers, d], Init::Normal)?,
            stack: match invariants.scalings {
                Scalings::Permutation => Stack::Plain(Mlp::new(&invariants.mlp, d, d, &stack.at("rho"))?),
                _ => {
                    let widths = Widths { d_in: d, d_extra: form.d_extra(d), d_out: d };
                    Stack::Scaled(ScaleEq::new(form, invariants, d, widths, &stack)?)
                }
            },
        })
    }

    /// What the nodes at one end of a block, number `at`, are told by those at the other.
    ///
    /// # Shapes
    /// weights `[B, R, S, K]`, hearing and speaking `[B, ·, d]`, result like hearing.
    ///
    /// # Law
    /// That of the nodes that hear.
    ///
    /// # Errors
    /// [`Error::Law`] if weights do not scale like weights, or nodes like nodes.
    pub(crate) fn weigh(
        &self,
        weights: &Field,
        [hearing, speaking]: [&Field; 2],
        at: usize,
        way: Way,
    ) -> Result<Field> {
        let place = weights.place();
        for (field, law) in [
            (weights, Law::weight(place)),
            (hearing, Law::node(hearing.place())),
            (speaking, Law::node(speaking.place())),
        ] {
            if field.law() != law {
                let expected = law.to_string();
                return Err(Error::Law { operation: "direct message", expected, found: field.law() });
            }
        }
        let code = self.codes.narrow(0, at, 1)?.unsqueeze(0)?;
        let told = self.w_v.forward(speaking)?.values().tensor()?.broadcast_mul(&code)?;
        let w = weights.values().tensor()?;
        let n_values = w.dim(D::Minus1)?;
        let kernel = self.kernels.get(&n_values).ok_or_else(|| {
            let known: Vec<_> = self.kernels.keys().collect();
            Error::config("nets", format!("edges of {known:?} numbers"), n_values)
        })?;
        let heard = match way {
            Way::Along => ops::weigh(&w, kernel, &told, EdgeAxis::Senders)?,
            Way::Against => {
                let told = match has_magnitude(place.receiver) {
                    true => told.broadcast_mul(&squares(speaking)?[1])?,
                    false => told,
                };
                let heard = ops::weigh(&w, kernel, &told, EdgeAxis::Receivers)?;
                match has_magnitude(place.sender) {
                    true => heard.broadcast_mul(&squares(hearing)?[0])?,
                    false => heard,
                }
            }
        };
        hearing.map_equivariant(|_| Ok(Rows::nodes(heard.contiguous()?)?))
    }

    /// The message from the sum over all blocks.
    ///
    /// # Errors
    /// As [`ScaleEq::forward`].
    pub(crate) fn finish(
        &self,
        sum: &Field,
        extra: Option<&Rows>,
        role: Role,
        group: ScaleGroup,
        pass: &Pass,
    ) -> Result<Field> {
        match &self.stack {
            Stack::Scaled(stack) => stack.forward(sum, extra, role, group, pass),
            Stack::Plain(mlp) => Ok(sum.map_invariant(mlp.forward(sum.invariant("direct message")?, pass)?)),
        }
    }
}

fn has_magnitude(group: ScaleGroup) -> bool {
    match group {
        ScaleGroup::Positive | ScaleGroup::NonZero => true,
        ScaleGroup::Trivial | ScaleGroup::Sign => false,
    }
}

/// `‖x‖²` of each node, `[B, n, 1]`, and one divided by it, 0 for 0.
fn squares(nodes: &Field) -> Result<[Tensor; 2]> {
    let squares = nodes.values().tensor()?.sqr()?.sum_keepdim(D::Minus1)?;
    let is_zero = squares.eq(0.0)?.to_dtype(squares.dtype())?;
    let inverse = ((&squares + &is_zero)?.recip()? - is_zero)?;
    Ok([squares, inverse])
}
