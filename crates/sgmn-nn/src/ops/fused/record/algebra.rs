//! The same function with less work: rules by which an operation is noted down as a cheaper one.
//!
//! | rule | why it is cheaper |
//! | --- | --- |
//! | `B (A x + a) = (BA) x + Ba` | two products of every row become one; `BA` is computed once a pass |
//! | `W (v_j) = (W v)_j` | a product of every edge becomes one of every node |
//! | `W (s_ij v_j) = s_ij (W v)_j` | so, where an edge is a number times a vector: the first layer |
//! | `W [x, y] = W_x x + W_y y` | the parts may live on nodes, or be one row for all, which becomes a bias |
//! | `Σ_j (W x_j + b) = W Σ_j x_j + n b` | products of nodes instead of edges, where no product follows |
//! | `r ⊙ (A x) = (diag(r) A) x` | rows of an embedding become part of a map |
//!
//! Every rule is an identity of real numbers; gradients follow the rewritten form, whose composed weights are ordinary
//! tensors with gradients of their own.

use std::rc::Rc;

use candle_core::{Result, Tensor};

use super::{Expr, Of, Op};
use crate::ops::{
    EdgeAxis, Symmetrize, cpu,
    meter::{Kind, count},
};

/// `x Wᵀ`.
pub(crate) fn linear(x: &Rc<Expr>, w: &Tensor) -> Result<Rc<Expr>> {
    let (n_out, n_in) = w.dims2()?;
    if x.in_memory().is_none() {
        match &x.op {
            Op::AddBias(x, b) => return add_bias(&linear(x, w)?, &apply(w, b)?),
            // Adjacent maps are one, unless the first narrows its input.
            Op::Linear(first, a, bias) if first.width() <= n_in.max(n_out) => {
                let composed = first_map(first, &compose(w, a)?);
                return match bias {
                    Some(bias) => add_bias(&composed, &apply(w, bias)?),
                    None => Ok(composed),
                };
            }
            Op::MulRow(x, r) => return linear(x, &w.broadcast_mul(r)?),
            Op::Row(r) => return Ok(wide(x, n_out, Op::Row(apply(w, r)?))),
            Op::Spread(v, axis) => return Ok(wide(x, n_out, Op::Spread(linear(v, w)?, *axis))),
            Op::Outer(s, v, axis) => {
                return Ok(wide(x, n_out, Op::Outer(s.clone(), linear(v, w)?, *axis)));
            }
            Op::Concat(parts) => {
                let mut start = 0;
                let mut sum: Option<Rc<Expr>> = None;
                for part in parts {
                    let columns = w.narrow(1, start, part.width())?.contiguous()?;
                    start += part.width();
                    let product = linear(part, &columns)?;
                    sum = Some(match sum {
                        Some(sum) => add(&sum, &product)?,
                        None => product,
                    });
                }
                return Ok(sum.expect("a concatenation has parts"));
            }
            _ => {}
        }
    }
    Ok(first_map(x, w))
}

/// A map of rows that no rule applies to.
fn first_map(x: &Rc<Expr>, w: &Tensor) -> Rc<Expr> {
    wide(x, w.dims()[0], Op::Linear(x.clone(), w.clone(), None))
}

/// `x + b`.
pub(crate) fn add_bias(x: &Rc<Expr>, b: &Tensor) -> Result<Rc<Expr>> {
    Ok(match &x.op {
        _ if x.in_memory().is_some() => x.like(Op::AddBias(x.clone(), b.clone())),
        Op::Linear(x, w, None) => wide(x, w.dims()[0], Op::Linear(x.clone(), w.clone(), Some(b.clone()))),
        Op::Linear(x, w, Some(c)) => wide(x, w.dims()[0], Op::Linear(x.clone(), w.clone(), Some((c + b)?))),
        Op::AddBias(x, c) => x.like(Op::AddBias(x.clone(), (c + b)?)),
        Op::Row(r) => x.like(Op::Row((r + b)?)),
        _ => x.like(Op::AddBias(x.clone(), b.clone())),
    })
}

/// `a + b`.
pub(crate) fn add(a: &Rc<Expr>, b: &Rc<Expr>) -> Result<Rc<Expr>> {
    match (&a.op, &b.op) {
        (_, Op::Row(r)) => add_bias(a, r),
        (Op::Row(r), _) => add_bias(b, r),
        _ => Ok(a.like(Op::Add(a.clone(), b.clone()))),
    }
}

/// The rows of nodes along the edges.
pub(crate) fn spread(v: &Rc<Expr>, axis: EdgeAxis, dims: [usize; 4]) -> Rc<Expr> {
    match &v.op {
        Op::Row(r) => Expr::new(Op::Row(r.clone()), dims, Of::Edges),
        _ => Expr::new(Op::Spread(v.clone(), axis), dims, Of::Edges),
    }
}

/// `x ⊙ r`.
pub(crate) fn mul_row(x: &Rc<Expr>, r: &Tensor) -> Result<Rc<Expr>> {
    Ok(match &x.op {
        _ if x.in_memory().is_some() => x.like(Op::MulRow(x.clone(), r.clone())),
        Op::Linear(x, w, None) => first_map(x, &w.broadcast_mul(&r.unsqueeze(1)?)?),
        Op::Spread(v, axis) => x.like(Op::Spread(mul_row(v, r)?, *axis)),
        Op::Outer(s, v, axis) => x.like(Op::Outer(s.clone(), mul_row(v, r)?, *axis)),
        _ => x.like(Op::MulRow(x.clone(), r.clone())),
    })
}

/// `a ⊙ b`.
pub(crate) fn mul(a: &Rc<Expr>, b: &Rc<Expr>) -> Result<Rc<Expr>> {
    if a.in_memory().is_none() && b.in_memory().is_none() {
        for (a, b) in [(a, b), (b, a)] {
            let Op::Spread(v, axis) = &a.op else { continue };
            match &b.op {
                Op::Spread(u, other) if other == axis => return Ok(a.like(Op::Spread(mul(v, u)?, *axis))),
                Op::Outer(s, u, other) if other == axis => {
                    return Ok(a.like(Op::Outer(s.clone(), mul(v, u)?, *axis)));
                }
                // A map of one number is that number times the weight's only column.
                Op::Linear(s, w, None) if s.width() == 1 => {
                    return Ok(a.like(Op::Outer(s.clone(), mul_row(v, &w.flatten_all()?)?, *axis)));
                }
                _ => {}
            }
        }
    }
    Ok(a.like(Op::Mul(a.clone(), b.clone())))
}

/// `SiLU(LayerNorm(x + b))`.
pub(crate) fn norm_silu(
    x: &Rc<Expr>,
    b: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    signs: Symmetrize,
) -> Result<Rc<Expr>> {
    let (x, b) = without_bias(x, b, signs)?;
    let packed = Tensor::cat(&[&b, gamma, beta], 0)?;
    Ok(x.like(Op::NormSilu(x.clone(), packed, signs)))
}

/// `SiLU(x + b)`.
pub(crate) fn bias_silu(x: &Rc<Expr>, b: &Tensor, signs: Symmetrize) -> Result<Rc<Expr>> {
    let (x, b) = without_bias(x, b, signs)?;
    Ok(x.like(Op::BiasSilu(x.clone(), b, signs)))
}

/// Moves a bias at the end of x into the one that is added next, which only the unmirrored form allows.
fn without_bias(x: &Rc<Expr>, b: &Tensor, signs: Symmetrize) -> Result<(Rc<Expr>, Tensor)> {
    match &x.op {
        _ if signs == Symmetrize::Signs || x.in_memory().is_some() => Ok((x.clone(), b.clone())),
        Op::Linear(first, w, Some(c)) => Ok((first_map(first, w), (b + c)?)),
        Op::AddBias(x, c) => Ok((x.clone(), (b + c)?)),
        _ => Ok((x.clone(), b.clone())),
    }
}

/// The last map of rows that are to be summed, if it can wait until they are: `Σ_j (W x_j + b) = W Σ_j x_j + n b`.
pub(crate) struct LastMap<'a> {
    /// The rows before it.
    pub(crate) of: &'a Rc<Expr>,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
}

impl<'a> LastMap<'a> {
    /// That of an expression.
    pub(crate) fn of(x: &'a Expr) -> Option<Self> {
        match &x.op {
            Op::Linear(of, weight, bias) if x.in_memory().is_none() => {
                Some(Self { of, weight, bias: bias.as_ref() })
            }
            _ => None,
        }
    }

    /// The map of a sum of `n_summed` rows: of its bias as many remain.
    pub(crate) fn after(&self, sum: &Rc<Expr>, n_summed: usize) -> Result<Rc<Expr>> {
        let mapped = linear(sum, self.weight)?;
        match self.bias {
            Some(bias) => add_bias(&mapped, &(bias * n_summed as f64)?),
            None => Ok(mapped),
        }
    }
}

/// An operation on the rows of `x` whose result has another width.
fn wide(x: &Rc<Expr>, width: usize, op: Op) -> Rc<Expr> {
    Expr::new(op, x.with_width(width), x.of())
}

/// `W b` for one row b.
fn apply(w: &Tensor, b: &Tensor) -> Result<Tensor> {
    compose(w, &b.reshape(((), 1))?)?.flatten_all()
}

/// `a b` for weights `[l, m]` and `[m, n]`.
fn compose(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ((l, m), (_, n)) = (a.dims2()?, b.dims2()?);
    count(Kind::Product, &[a, b], 2 * l * m * n, || {
        if a.device().is_cpu() { cpu::compose(a, b) } else { a.matmul(b) }
    })
}
