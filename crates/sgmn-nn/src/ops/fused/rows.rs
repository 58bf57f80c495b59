//! Rows of channels that are computed when they are needed.

use std::rc::Rc;

use candle_core::{D, Result, Tensor};
use sgmn_graph::Seed;

use super::{
    algebra,
    expr::{Expr, Of, Op},
    gather,
};
use crate::ops::{self, EdgeAxis, Symmetrize, cpu::kernels::Mask};

/// Rows `[…, H]` of nodes or edges, and the operations on them.
///
/// Rows of nets `[B, H]`, of nodes `[B, n, H]` and of edges `[B, R, S, H]` are expressions: an operation only notes itself,
/// and a whole chain runs when it is summed into nodes ([`Rows::sum_edges`]) or asked for ([`Rows::tensor`]): on the CPU as
/// one pass over memory, elsewhere step by step.
/// For rows of other shapes, and within [`plainly`](ops::plainly), every operation runs at once, composed of candle's own.
#[derive(Debug, Clone)]
pub struct Rows(Repr);

#[derive(Debug, Clone)]
enum Repr {
    Tensor(Tensor),
    Lazy(Rc<Expr>),
}

impl From<Tensor> for Rows {
    fn from(tensor: Tensor) -> Self {
        Self(Repr::Tensor(tensor))
    }
}

impl Rows {
    /// Rows of edges `[B, R, S, H]`, whose operations are to run as one pass where the device has that.
    ///
    /// # Errors
    /// If the tensor has not four axes.
    pub fn edges(tensor: Tensor) -> Result<Self> {
        tensor.dims4()?;
        Self::in_memory(tensor)
    }

    /// Rows of nodes `[B, n, H]`, whose operations are to run as one pass where the device has that.
    ///
    /// # Errors
    /// If the tensor has not three axes.
    pub fn nodes(tensor: Tensor) -> Result<Self> {
        tensor.dims3()?;
        Self::in_memory(tensor)
    }

    /// Rows of nets `[B, H]`, whose operations are to run as one pass where the device has that.
    ///
    /// # Errors
    /// If the tensor has not two axes.
    pub fn nets(tensor: Tensor) -> Result<Self> {
        tensor.dims2()?;
        Self::in_memory(tensor)
    }

    fn in_memory(tensor: Tensor) -> Result<Self> {
        if ops::is_recorded() { Ok(Self(Repr::Lazy(Expr::of_tensor(&tensor)?))) } else { Ok(tensor.into()) }
    }

    /// The rows of nodes, repeated along the edges of a block.
    ///
    /// # Shapes
    /// v `[B, n, H]` for the n nodes of `axis`, `n_others` nodes on the other axis, result `[B, R, S, H]`.
    ///
    /// # Errors
    /// If v has not three axes.
    pub fn spread(v: &Self, n_others: usize, axis: EdgeAxis) -> Result<Self> {
        if let Repr::Tensor(v) = &v.0
            && !ops::is_recorded()
        {
            return Ok(ops::reference::spread(v, n_others, axis)?.into());
        }
        let &[b, n, h] = v.dims() else {
            candle_core::bail!("spread: expected nodes [B, n, H], found {:?}", v.dims())
        };
        let (r, s) = if axis == EdgeAxis::Receivers { (n, n_others) } else { (n_others, n) };
        Ok(Self::lazy(algebra::spread(&v.expr()?, axis, [b, r, s, h])))
    }

    /// One row r `[H]` for every node: rows `[B, n, H]`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn row(r: &Tensor, n_graphs: usize, n_nodes: usize) -> Result<Self> {
        let h = r.dims1()?;
        if !ops::is_recorded() {
            return Ok(r.broadcast_as((n_graphs, n_nodes, h))?.contiguous()?.into());
        }
        Ok(Self::lazy(Expr::new(Op::Row(r.clone()), [n_graphs, n_nodes, 1, h], Of::Nodes)))
    }

    /// Zeros, as many as these rows have.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn zeros_like(&self) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(tensor) => Ok(tensor.zeros_like()?.into()),
            Repr::Lazy(expr) => {
                let witness = expr.witness();
                let zeros = Tensor::zeros(expr.width(), witness.dtype(), witness.device())?;
                Ok(Self::lazy(expr.like(Op::Row(zeros))))
            }
        }
    }

    /// Lengths of the axes.
    pub fn dims(&self) -> &[usize] {
        match &self.0 {
            Repr::Tensor(tensor) => tensor.dims(),
            Repr::Lazy(expr) => expr.seen(),
        }
    }

    /// Number of channels, H.
    pub fn width(&self) -> usize {
        self.dims().last().copied().unwrap_or(0)
    }

    /// The numbers, computed now if they were not yet.
    ///
    /// # Errors
    /// If shapes of the operations that led here do not fit.
    pub fn tensor(&self) -> Result<Tensor> {
        match &self.0 {
            Repr::Tensor(tensor) => Ok(tensor.clone()),
            Repr::Lazy(expr) => expr.tensor()?.reshape(expr.seen()),
        }
    }

    /// The same rows, computed now, so that all that follows reads them from memory.
    ///
    /// # Errors
    /// As [`Rows::tensor`].
    pub fn computed(&self) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(_) => Ok(self.clone()),
            Repr::Lazy(expr) => Ok(Self::lazy(expr.computed()?)),
        }
    }

    /// See [`ops::linear`].
    ///
    /// # Errors
    /// If the widths differ; so below.
    pub fn linear(&self, w: &Tensor) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::linear(x, w)?.into()),
            Repr::Lazy(x) => {
                let (n_out, n_in) = w.dims2()?;
                x.expect_width("linear", n_in)?;
                if n_out == 0 {
                    candle_core::bail!("linear: expected at least one row of weights, found none");
                }
                Ok(Self::lazy(algebra::linear(x, w)?))
            }
        }
    }

    /// See [`ops::add_bias`].
    ///
    /// # Errors
    /// As [`Rows::linear`].
    pub fn add_bias(&self, b: &Tensor) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::add_bias(x, b)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("add_bias", b.elem_count())?;
                Ok(Self::lazy(algebra::add_bias(x, b)?))
            }
        }
    }

    /// `y = x ⊙ r`, the same row r `[H]` for every row.
    ///
    /// # Errors
    /// As [`Rows::linear`].
    pub fn mul_row(&self, r: &Tensor) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(x.broadcast_mul(r)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("mul_row", r.elem_count())?;
                Ok(Self::lazy(algebra::mul_row(x, r)?))
            }
        }
    }

    /// See [`ops::norm_silu`].
    ///
    /// # Errors
    /// As [`Rows::linear`].
    pub fn norm_silu(&self, b: &Tensor, gamma: &Tensor, beta: &Tensor, signs: Symmetrize) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::norm_silu(x, b, gamma, beta, signs)?.into()),
            Repr::Lazy(x) => {
                for parameter in [b, gamma, beta] {
                    x.expect_width("norm_silu", parameter.elem_count())?;
                }
                Ok(Self::lazy(algebra::norm_silu(x, b, gamma, beta, signs)?))
            }
        }
    }

    /// See [`ops::bias_silu`].
    ///
    /// # Errors
    /// As [`Rows::linear`].
    pub fn bias_silu(&self, b: &Tensor, signs: Symmetrize) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::bias_silu(x, b, signs)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("bias_silu", b.elem_count())?;
                Ok(Self::lazy(algebra::bias_silu(x, b, signs)?))
            }
        }
    }

    /// Element-wise product.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn mul(&self, other: &Self) -> Result<Self> {
        if let (Repr::Tensor(a), Repr::Tensor(b)) = (&self.0, &other.0) {
            return Ok((a * b)?.into());
        }
        let (a, b) = self.pair("mul", other)?;
        Ok(Self::lazy(algebra::mul(&a, &b)?))
    }

    /// Element-wise sum.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        if let (Repr::Tensor(a), Repr::Tensor(b)) = (&self.0, &other.0) {
            return Ok((a + b)?.into());
        }
        let (a, b) = self.pair("add", other)?;
        Ok(Self::lazy(algebra::add(&a, &b)?))
    }

    /// Every number times a constant.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn scale(&self, factor: f64) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok((x * factor)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(x.like(Op::Scale(x.clone(), factor)))),
        }
    }

    /// See [`ops::abs`].
    ///
    /// # Errors
    /// If the device refuses.
    pub fn abs(&self) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::abs(x)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(x.like(Op::Abs(x.clone())))),
        }
    }

    /// See [`ops::unit_norm`].
    ///
    /// # Errors
    /// If the device refuses.
    pub fn unit_norm(&self, guard: Option<f64>) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::unit_norm(x, guard)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(x.like(Op::UnitNorm(x.clone(), guard)))),
        }
    }

    /// See [`ops::dropout`].
    ///
    /// # Errors
    /// If the device refuses.
    pub fn dropout(&self, p: f64, seed: &Seed) -> Result<Self> {
        match &self.0 {
            _ if p == 0.0 => Ok(self.clone()),
            Repr::Tensor(x) => Ok(ops::dropout(x, p, seed)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(x.like(Op::Dropout(x.clone(), Mask::new(p, seed))))),
        }
    }

    /// Channels of several rows, side by side.
    ///
    /// # Errors
    /// If the rows differ in number.
    pub fn concat(parts: &[&Self]) -> Result<Self> {
        if parts.iter().all(|part| matches!(part.0, Repr::Tensor(_))) {
            let tensors = parts.iter().map(|part| part.tensor()).collect::<Result<Vec<_>>>()?;
            return Ok(Tensor::cat(&tensors, D::Minus1)?.into());
        }
        let parts = parts.iter().map(|part| part.expr()).collect::<Result<Vec<_>>>()?;
        let first = parts[0].dims;
        if let Some(other) = parts.iter().find(|part| part.dims[..3] != first[..3]) {
            candle_core::bail!("concat: expected rows {:?}, found {:?}", &first[..3], &other.dims[..3]);
        }
        let width = parts.iter().map(|part| part.dims[3]).sum();
        let (dims, of) = (parts[0].with_width(width), parts[0].of());
        Ok(Self::lazy(Expr::new(Op::Concat(parts), dims, of)))
    }

    /// See [`ops::sum_edges`]: rows of the nodes that remain.
    ///
    /// # Errors
    /// If the rows are not those of edges.
    pub fn sum_edges(&self, axis: EdgeAxis) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::sum_edges(x, axis)?.into()),
            Repr::Lazy(expr) if expr.of() != Of::Edges => {
                candle_core::bail!("sum_edges: expected edges [B, R, S, H], found {:?}", self.dims())
            }
            Repr::Lazy(expr) => Ok(Self::lazy(algebra::sum_edges(expr, axis)?)),
        }
    }

    /// See [`ops::aggregate`]: rows of the nodes that remain.
    ///
    /// # Errors
    /// If the rows are not those of edges.
    pub fn aggregate(&self, axis: EdgeAxis) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::aggregate(x, axis)?.into()),
            Repr::Lazy(expr) if expr.of() != Of::Edges => {
                candle_core::bail!("aggregate: expected edges [B, R, S, H], found {:?}", self.dims())
            }
            Repr::Lazy(expr) => Ok(Self::lazy(gather::aggregate(expr, axis)?)),
        }
    }

    /// See [`ops::attend`]; these are the nodes' own rows.
    ///
    /// # Errors
    /// If shapes do not fit each other or the heads.
    pub fn attend(&self, incoming: Option<&Self>, outgoing: Option<&Self>, n_heads: usize) -> Result<Self> {
        let &[b, n, row] = self.dims() else {
            candle_core::bail!("attend: expected nodes [B, n, H], found {:?}", self.dims())
        };
        if n_heads == 0 || row <= n_heads || !(row - n_heads).is_multiple_of(n_heads) {
            candle_core::bail!(
                "attend: expected logits of {n_heads} heads, at least one, and as many channels for each, found rows of {row}"
            );
        }
        for (edges, axis) in [(incoming, 1), (outgoing, 2)] {
            if let Some(edges) = edges
                && (edges.dims().len() != 4
                    || [edges.dims()[0], edges.dims()[axis], edges.dims()[3]] != [b, n, row])
            {
                candle_core::bail!(
                    "attend: expected edges of {b} nets at {n} nodes in rows of {row}, found {:?}",
                    edges.dims()
                );
            }
        }
        match &self.0 {
            Repr::Tensor(own) => {
                let tensor = |rows: Option<&Self>| rows.map(Self::tensor).transpose();
                let (incoming, outgoing) = (tensor(incoming)?, tensor(outgoing)?);
                Ok(ops::attend_tensors(own, incoming.as_ref(), outgoing.as_ref(), n_heads)?.into())
            }
            Repr::Lazy(own) => {
                let expr = |rows: Option<&Self>| rows.map(Self::expr).transpose();
                let (incoming, outgoing) = (expr(incoming)?, expr(outgoing)?);
                Ok(Self::lazy(gather::attend(own, incoming.as_ref(), outgoing.as_ref(), n_heads)?))
            }
        }
    }

    fn lazy(expr: Rc<Expr>) -> Self {
        Self(Repr::Lazy(expr))
    }

    fn expr(&self) -> Result<Rc<Expr>> {
        match &self.0 {
            Repr::Lazy(expr) => Ok(expr.clone()),
            Repr::Tensor(tensor) => Expr::of_tensor(tensor),
        }
    }

    fn pair(&self, name: &str, other: &Self) -> Result<(Rc<Expr>, Rc<Expr>)> {
        if self.dims() != other.dims() {
            candle_core::bail!(
                "{name}: expected equal shapes, found {:?} and {:?}",
                self.dims(),
                other.dims()
            );
        }
        Ok((self.expr()?, other.expr()?))
    }
}
