//! Rows of channels that are computed when they are needed.

mod gathered;
mod noted;

use std::rc::Rc;

use candle_core::{Result, Tensor};

use super::{
    execute,
    record::{Expr, Of, Op, algebra},
};
use crate::ops::{self, EdgeAxis};

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
            Repr::Lazy(expr) => execute::tensor(expr)?.reshape(expr.seen()),
        }
    }

    /// The same rows, computed now, so that all that follows reads them from memory.
    ///
    /// # Errors
    /// As [`Rows::tensor`].
    pub fn computed(&self) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(_) => Ok(self.clone()),
            Repr::Lazy(expr) => Ok(Self::lazy(execute::computed(expr)?)),
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
