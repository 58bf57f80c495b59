//! Rows of channels that are computed when they are needed.

use std::{cell::OnceCell, rc::Rc};

use candle_core::{D, Result, Tensor};
use sgmn_graph::Seed;

use super::program::Program;
use crate::ops::{self, EdgeAxis, Symmetrize, cpu};

/// Rows `[…, H]` of nodes or edges, and the operations on them.
///
/// On the CPU rows of nets `[B, H]`, of nodes `[B, n, H]` and of edges `[B, R, S, H]` are expressions: an operation only
/// notes itself, and a whole chain runs as one pass when it is summed into nodes ([`Rows::sum_edges`]) or asked for ([`Rows::tensor`]).
/// Elsewhere, and for rows of other shapes, every operation runs at once, composed of candle's own.
#[derive(Debug, Clone)]
pub struct Rows(Repr);

#[derive(Debug, Clone)]
enum Repr {
    Tensor(Tensor),
    Lazy(Rc<Expr>),
}

/// An operation on edges, with its result once it has been asked for.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) op: Op,
    /// B, R, S, H; rows of nodes have S = 1, rows of nets R = S = 1.
    pub(super) dims: [usize; 4],
    /// The axes as the caller sees them, which lack S for nodes, R and S for nets.
    seen: Vec<usize>,
    value: OnceCell<Tensor>,
}

/// What rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Nets,
    Nodes,
    Edges,
}

/// What an expression computes. Parameters are tensors, operands are other expressions.
#[derive(Debug)]
pub(super) enum Op {
    /// A block of edges in memory.
    Edges(Tensor),
    /// The row of the node at one end of each edge, `[B, n, H]`.
    Spread(Tensor, EdgeAxis),
    Linear(Rc<Expr>, Tensor),
    AddBias(Rc<Expr>, Tensor),
    /// Parameters `[b, γ, β]` in one row.
    NormSilu(Rc<Expr>, Tensor, Symmetrize),
    BiasSilu(Rc<Expr>, Tensor, Symmetrize),
    Mul(Rc<Expr>, Rc<Expr>),
    Add(Rc<Expr>, Rc<Expr>),
    Scale(Rc<Expr>, f64),
    Abs(Rc<Expr>),
    UnitNorm(Rc<Expr>, Option<f64>),
    Concat(Vec<Rc<Expr>>),
    Dropout(Rc<Expr>, f64, Seed),
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
        let (b, r, s, h) = tensor.dims4()?;
        if !ops::on_cpu(&tensor) {
            return Ok(tensor.into());
        }
        Ok(Self::lazy(Op::Edges(tensor), [b, r, s, h], Of::Edges))
    }

    /// Rows of nodes `[B, n, H]`, whose operations are to run as one pass where the device has that.
    ///
    /// # Errors
    /// If the tensor has not three axes.
    pub fn nodes(tensor: Tensor) -> Result<Self> {
        let (b, n, h) = tensor.dims3()?;
        if !ops::on_cpu(&tensor) {
            return Ok(tensor.into());
        }
        Ok(Self::lazy(Op::Edges(tensor.reshape((b, n, 1, h))?), [b, n, 1, h], Of::Nodes))
    }

    /// Rows of nets `[B, H]`, whose operations are to run as one pass where the device has that.
    ///
    /// # Errors
    /// If the tensor has not two axes.
    pub fn nets(tensor: Tensor) -> Result<Self> {
        let (b, h) = tensor.dims2()?;
        if !ops::on_cpu(&tensor) {
            return Ok(tensor.into());
        }
        Ok(Self::lazy(Op::Edges(tensor.reshape((b, 1, 1, h))?), [b, 1, 1, h], Of::Nets))
    }

    /// The rows of nodes, repeated along the edges of a block.
    ///
    /// # Shapes
    /// v `[B, n, H]` for the n nodes of `axis`, `n_others` nodes on the other axis, result `[B, R, S, H]`.
    pub fn spread(v: &Tensor, n_others: usize, axis: EdgeAxis) -> Result<Self> {
        if !ops::on_cpu(v) {
            return Ok(ops::spread(v, n_others, axis)?.into());
        }
        let (b, n, h) = v.dims3()?;
        let (r, s) = if axis == EdgeAxis::Receivers { (n, n_others) } else { (n_others, n) };
        Ok(Self::lazy(Op::Spread(v.clone(), axis), [b, r, s, h], Of::Edges))
    }

    /// Lengths of the axes.
    pub fn dims(&self) -> &[usize] {
        match &self.0 {
            Repr::Tensor(tensor) => tensor.dims(),
            Repr::Lazy(expr) => &expr.seen,
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
            Repr::Lazy(expr) => expr.tensor()?.reshape(expr.seen.as_slice()),
        }
    }

    /// The same rows, computed now, so that all that follows reads them from memory.
    ///
    /// # Errors
    /// As [`Rows::tensor`].
    pub fn computed(&self) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(_) => Ok(self.clone()),
            Repr::Lazy(expr) => Ok(Self::lazy(Op::Edges(expr.tensor()?), expr.dims, expr.of())),
        }
    }

    /// See [`ops::linear`].
    pub fn linear(&self, w: &Tensor) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::linear(x, w)?.into()),
            Repr::Lazy(x) => {
                let (n_out, n_in) = w.dims2()?;
                x.expect_width("linear", n_in)?;
                Ok(Self::lazy(Op::Linear(x.clone(), w.clone()), x.with_width(n_out), x.of()))
            }
        }
    }

    /// See [`ops::add_bias`].
    pub fn add_bias(&self, b: &Tensor) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::add_bias(x, b)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("add_bias", b.elem_count())?;
                Ok(Self::lazy(Op::AddBias(x.clone(), b.clone()), x.dims, x.of()))
            }
        }
    }

    /// See [`ops::norm_silu`].
    pub fn norm_silu(&self, b: &Tensor, gamma: &Tensor, beta: &Tensor, signs: Symmetrize) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::norm_silu(x, b, gamma, beta, signs)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("norm_silu", b.elem_count())?;
                let packed = Tensor::cat(&[b, gamma, beta], 0)?;
                Ok(Self::lazy(Op::NormSilu(x.clone(), packed, signs), x.dims, x.of()))
            }
        }
    }

    /// See [`ops::bias_silu`].
    pub fn bias_silu(&self, b: &Tensor, signs: Symmetrize) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::bias_silu(x, b, signs)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("bias_silu", b.elem_count())?;
                Ok(Self::lazy(Op::BiasSilu(x.clone(), b.clone(), signs), x.dims, x.of()))
            }
        }
    }

    /// Element-wise product.
    pub fn mul(&self, other: &Self) -> Result<Self> {
        self.pair("mul", other, |a, b| a * b, Op::Mul)
    }

    /// Element-wise sum.
    pub fn add(&self, other: &Self) -> Result<Self> {
        self.pair("add", other, |a, b| a + b, Op::Add)
    }

    /// Every number times a constant.
    pub fn scale(&self, factor: f64) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok((x * factor)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(Op::Scale(x.clone(), factor), x.dims, x.of())),
        }
    }

    /// See [`ops::abs`].
    pub fn abs(&self) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::abs(x)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(Op::Abs(x.clone()), x.dims, x.of())),
        }
    }

    /// See [`ops::unit_norm`].
    pub fn unit_norm(&self, guard: Option<f64>) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::unit_norm(x, guard)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(Op::UnitNorm(x.clone(), guard), x.dims, x.of())),
        }
    }

    /// See [`ops::dropout`].
    pub fn dropout(&self, p: f64, seed: &Seed) -> Result<Self> {
        match &self.0 {
            _ if p == 0.0 => Ok(self.clone()),
            Repr::Tensor(x) => Ok(ops::dropout(x, p, seed)?.into()),
            // Computed at once: the mask is drawn block by block, and another program would cut other blocks.
            Repr::Lazy(x) => Self::lazy(Op::Dropout(x.clone(), p, *seed), x.dims, x.of()).computed(),
        }
    }

    /// Channels of several rows, side by side.
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
        Ok(Self::lazy(Op::Concat(parts), dims, of))
    }

    /// See [`ops::sum_edges`].
    pub fn sum_edges(&self, axis: EdgeAxis) -> Result<Tensor> {
        match &self.0 {
            Repr::Tensor(x) => ops::sum_edges(x, axis),
            // An expression that was computed before is read from memory.
            Repr::Lazy(expr) => match expr.value.get() {
                Some(value) => ops::sum_edges(value, axis),
                None => Program::new(expr, Some(axis))?.apply(),
            },
        }
    }

    fn lazy(op: Op, dims: [usize; 4], of: Of) -> Self {
        Self(Repr::Lazy(Rc::new(Expr::new(op, dims, of))))
    }

    fn expr(&self) -> Result<Rc<Expr>> {
        match &self.0 {
            Repr::Lazy(expr) => Ok(expr.clone()),
            Repr::Tensor(tensor) => {
                let (of, dims) = match *tensor.dims() {
                    [b, h] => (Of::Nets, [b, 1, 1, h]),
                    [b, n, h] => (Of::Nodes, [b, n, 1, h]),
                    [b, r, s, h] => (Of::Edges, [b, r, s, h]),
                    _ => candle_core::bail!(
                        "rows: expected [B, H], [B, n, H] or [B, R, S, H], found {:?}",
                        tensor.dims()
                    ),
                };
                Ok(Rc::new(Expr::new(Op::Edges(tensor.reshape(&dims[..])?), dims, of)))
            }
        }
    }

    fn pair(
        &self,
        name: &str,
        other: &Self,
        eager: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
        lazy: impl Fn(Rc<Expr>, Rc<Expr>) -> Op,
    ) -> Result<Self> {
        if let (Repr::Tensor(a), Repr::Tensor(b)) = (&self.0, &other.0) {
            return Ok(eager(a, b)?.into());
        }
        if self.dims() != other.dims() {
            candle_core::bail!(
                "{name}: expected equal shapes, found {:?} and {:?}",
                self.dims(),
                other.dims()
            );
        }
        let (a, b) = (self.expr()?, other.expr()?);
        let (dims, of) = (a.dims, a.of());
        Ok(Self::lazy(lazy(a, b), dims, of))
    }
}

impl Expr {
    fn new(op: Op, dims: [usize; 4], of: Of) -> Self {
        let [b, r, s, h] = dims;
        let seen = match of {
            Of::Nets => vec![b, h],
            Of::Nodes => vec![b, r, h],
            Of::Edges => vec![b, r, s, h],
        };
        Self { op, dims, seen, value: OnceCell::new() }
    }

    fn of(&self) -> Of {
        match self.seen.len() {
            2 => Of::Nets,
            3 => Of::Nodes,
            _ => Of::Edges,
        }
    }

    /// The numbers: those in memory, those computed before, or computed now.
    fn tensor(self: &Rc<Self>) -> Result<Tensor> {
        if let Op::Edges(tensor) = &self.op {
            return Ok(tensor.clone());
        }
        if let Some(value) = self.value.get() {
            return Ok(value.clone());
        }
        let value = Program::new(self, None)?.apply()?;
        // Nobody else can have set it: expressions do not leave their thread.
        Ok(self.value.get_or_init(|| value).clone())
    }

    /// The tensor to read instead of computing the expression again, if there is one.
    pub(super) fn in_memory(&self) -> Option<&Tensor> {
        match &self.op {
            Op::Edges(tensor) => Some(tensor),
            _ => self.value.get(),
        }
    }

    fn with_width(&self, width: usize) -> [usize; 4] {
        let [b, r, s, _] = self.dims;
        [b, r, s, width]
    }

    fn expect_width(&self, name: &str, width: usize) -> Result<()> {
        if self.dims[3] != width {
            candle_core::bail!("{name}: expected rows of width {width}, found {}", self.dims[3]);
        }
        Ok(())
    }
}

/// Applies a program to its operands packed into three tensors.
pub(super) fn apply(program: Program, operands: [Tensor; 3]) -> Result<Tensor> {
    let [edges, nodes, params] = operands;
    cpu::apply3(program, &edges, &nodes, &params)
}
