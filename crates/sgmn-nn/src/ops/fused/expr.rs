//! Operations that have been noted down and not yet computed.

use std::{cell::OnceCell, rc::Rc, sync::Arc};

use candle_core::{Result, Tensor};

use super::{program::Program, store::Store};
use crate::ops::{EdgeAxis, Symmetrize, cpu::kernels::Mask};

/// An operation on rows, with its result once it has been asked for.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) op: Op,
    /// B, R, S, H; rows of nodes have S = 1, rows of nets R = S = 1.
    pub(super) dims: [usize; 4],
    /// The axes as the caller sees them, which lack S for nodes, R and S for nets.
    seen: Vec<usize>,
    memory: OnceCell<Memory>,
}

/// Rows that are in memory.
#[derive(Debug, Clone)]
pub(super) enum Memory {
    /// `[B, R, S, H]`.
    Tensor(Tensor),
    /// Left by an earlier pass; the token stands for them in candle's graph.
    Stored(Arc<Store>, Tensor),
}

/// What rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Nets,
    Nodes,
    Edges,
}

/// What an expression computes. Parameters are tensors, operands are other expressions.
#[derive(Debug)]
pub(super) enum Op {
    Memory(Memory),
    /// One row `[H]` for all.
    Row(Tensor),
    /// The row of the node at one end of each edge; the nodes have S = 1.
    Spread(Rc<Expr>, EdgeAxis),
    /// `s_ij v_i` or `s_ij v_j`: rows of width 1 times rows of nodes.
    Outer(Rc<Expr>, Rc<Expr>, EdgeAxis),
    /// `x Wᵀ + b`.
    Linear(Rc<Expr>, Tensor, Option<Tensor>),
    AddBias(Rc<Expr>, Tensor),
    MulRow(Rc<Expr>, Tensor),
    /// Parameters `[b, γ, β]` in one row.
    NormSilu(Rc<Expr>, Tensor, Symmetrize),
    BiasSilu(Rc<Expr>, Tensor, Symmetrize),
    Mul(Rc<Expr>, Rc<Expr>),
    Add(Rc<Expr>, Rc<Expr>),
    Scale(Rc<Expr>, f64),
    Abs(Rc<Expr>),
    UnitNorm(Rc<Expr>, Option<f64>),
    Concat(Vec<Rc<Expr>>),
    Dropout(Rc<Expr>, Mask),
}

impl Op {
    /// The expressions that are read, those of nodes left out.
    pub(super) fn operands(&self) -> Vec<&Rc<Expr>> {
        match self {
            Self::Memory(_) | Self::Row(_) | Self::Spread(..) => Vec::new(),
            Self::Outer(x, ..)
            | Self::Linear(x, ..)
            | Self::AddBias(x, _)
            | Self::MulRow(x, _)
            | Self::NormSilu(x, ..)
            | Self::BiasSilu(x, ..)
            | Self::Scale(x, _)
            | Self::Abs(x)
            | Self::UnitNorm(x, _)
            | Self::Dropout(x, _) => vec![x],
            Self::Mul(a, b) | Self::Add(a, b) => vec![a, b],
            Self::Concat(parts) => parts.iter().collect(),
        }
    }
}

impl Expr {
    pub(super) fn new(op: Op, dims: [usize; 4], of: Of) -> Rc<Self> {
        let [b, r, s, h] = dims;
        let seen = match of {
            Of::Nets => vec![b, h],
            Of::Nodes => vec![b, r, h],
            Of::Edges => vec![b, r, s, h],
        };
        Rc::new(Self { op, dims, seen, memory: OnceCell::new() })
    }

    /// Rows that are in memory: of nets, nodes or edges by the number of axes.
    pub(super) fn of_tensor(tensor: &Tensor) -> Result<Rc<Self>> {
        let (of, dims) = match *tensor.dims() {
            [b, h] => (Of::Nets, [b, 1, 1, h]),
            [b, n, h] => (Of::Nodes, [b, n, 1, h]),
            [b, r, s, h] => (Of::Edges, [b, r, s, h]),
            _ => candle_core::bail!(
                "rows: expected [B, H], [B, n, H] or [B, R, S, H], found {:?}",
                tensor.dims()
            ),
        };
        if dims[3] == 0 {
            candle_core::bail!("rows: expected at least one channel, found {:?}", tensor.dims());
        }
        Ok(Self::new(Op::Memory(Memory::Tensor(tensor.reshape(&dims[..])?)), dims, of))
    }

    /// An operation whose rows have the shape of this one's.
    pub(super) fn like(&self, op: Op) -> Rc<Self> {
        Self::new(op, self.dims, self.of())
    }

    /// The axes as the caller sees them.
    pub(super) fn seen(&self) -> &[usize] {
        &self.seen
    }

    pub(super) fn of(&self) -> Of {
        match self.seen.len() {
            2 => Of::Nets,
            3 => Of::Nodes,
            _ => Of::Edges,
        }
    }

    /// The numbers: those in memory, those computed before, or computed now.
    pub(super) fn tensor(self: &Rc<Self>) -> Result<Tensor> {
        if let Some(Memory::Tensor(tensor)) = self.in_memory() {
            return Ok(tensor.clone());
        }
        let tensor = Program::new(self, None)?.apply()?.reshape(&self.dims[..])?;
        // Rows that lie in a store stay there for other passes: this is a copy for those who need a tensor.
        if self.in_memory().is_none() {
            self.memory.get_or_init(|| Memory::Tensor(tensor.clone()));
        }
        Ok(tensor)
    }

    /// A tensor of the rows' number type and device, some parameter or operand.
    pub(super) fn witness(&self) -> &Tensor {
        match &self.op {
            Op::Memory(Memory::Tensor(tensor) | Memory::Stored(_, tensor)) | Op::Row(tensor) => tensor,
            Op::Spread(nodes, _) => nodes.witness(),
            op => op.operands()[0].witness(),
        }
    }

    /// The same rows in memory, where those of nodes and edges have a store of their own.
    pub(super) fn computed(self: &Rc<Self>) -> Result<Rc<Self>> {
        if matches!(self.op, Op::Memory(_)) {
            return Ok(self.clone());
        }
        Ok(self.like(Op::Memory(self.compute()?)))
    }

    /// Where the rows are, computed now if they were not yet.
    pub(super) fn compute(self: &Rc<Self>) -> Result<Memory> {
        if let Some(memory) = self.in_memory() {
            return Ok(memory.clone());
        }
        let (store, token) = Program::new(self, None)?.store()?;
        // Nobody else can have set it: expressions do not leave their thread.
        Ok(self.memory.get_or_init(|| Memory::Stored(store, token)).clone())
    }

    /// What to read instead of computing the expression again, if there is something.
    pub(super) fn in_memory(&self) -> Option<&Memory> {
        match &self.op {
            Op::Memory(memory) => Some(memory),
            _ => self.memory.get(),
        }
    }

    pub(super) fn with_width(&self, width: usize) -> [usize; 4] {
        let [b, r, s, _] = self.dims;
        [b, r, s, width]
    }

    /// Number of channels, H.
    pub(super) fn width(&self) -> usize {
        self.dims[3]
    }

    pub(super) fn expect_width(&self, name: &str, width: usize) -> Result<()> {
        if self.width() != width {
            candle_core::bail!("{name}: expected rows of width {width}, found {}", self.width());
        }
        Ok(())
    }
}
