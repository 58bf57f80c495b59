//! Operations that have been noted down and not yet computed.

use std::{cell::OnceCell, rc::Rc, sync::Arc};

use candle_core::{Result, Tensor};

use super::Store;
use crate::ops::{EdgeAxis, Symmetrize, cpu::kernels::Mask};

/// An operation on rows, with its result once it has been asked for.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) op: Op,
    /// B, R, S, H; rows of nodes have S = 1, rows of nets R = S = 1.
    pub(crate) dims: [usize; 4],
    /// The axes as the caller sees them, which lack S for nodes, R and S for nets.
    seen: Vec<usize>,
    memory: OnceCell<Memory>,
}

/// Rows that are in memory.
#[derive(Debug, Clone)]
pub(crate) enum Memory {
    /// `[B, R, S, H]`.
    Tensor(Tensor),
    /// Left by an earlier pass; the token stands for them in candle's graph.
    Stored(Arc<Store>, Tensor),
}

/// What rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Nets,
    Nodes,
    Edges,
}

/// What an expression computes. Parameters are tensors, operands are other expressions.
#[derive(Debug)]
pub(crate) enum Op {
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
    pub(crate) fn operands(&self) -> Vec<&Rc<Expr>> {
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
    pub(crate) fn new(op: Op, dims: [usize; 4], of: Of) -> Rc<Self> {
        let [b, r, s, h] = dims;
        let seen = match of {
            Of::Nets => vec![b, h],
            Of::Nodes => vec![b, r, h],
            Of::Edges => vec![b, r, s, h],
        };
        Rc::new(Self { op, dims, seen, memory: OnceCell::new() })
    }

    /// Rows that are in memory: of nets, nodes or edges by the number of axes.
    pub(crate) fn of_tensor(tensor: &Tensor) -> Result<Rc<Self>> {
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
    pub(crate) fn like(&self, op: Op) -> Rc<Self> {
        Self::new(op, self.dims, self.of())
    }

    /// The axes as the caller sees them.
    pub(crate) fn seen(&self) -> &[usize] {
        &self.seen
    }

    pub(crate) fn of(&self) -> Of {
        match self.seen.len() {
            2 => Of::Nets,
            3 => Of::Nodes,
            _ => Of::Edges,
        }
    }

    /// A tensor of the rows' number type and device, some parameter or operand.
    pub(crate) fn witness(&self) -> &Tensor {
        match &self.op {
            Op::Memory(Memory::Tensor(tensor) | Memory::Stored(_, tensor)) | Op::Row(tensor) => tensor,
            Op::Spread(nodes, _) => nodes.witness(),
            op => op.operands()[0].witness(),
        }
    }

    /// Notes where the rows are, once they were computed. Nobody else can have done so: expressions do not leave their
    /// thread.
    pub(crate) fn remember(&self, memory: Memory) -> &Memory {
        self.memory.get_or_init(|| memory)
    }

    /// What to read instead of computing the expression again, if there is something.
    pub(crate) fn in_memory(&self) -> Option<&Memory> {
        match &self.op {
            Op::Memory(memory) => Some(memory),
            _ => self.memory.get(),
        }
    }

    pub(crate) fn with_width(&self, width: usize) -> [usize; 4] {
        let [b, r, s, _] = self.dims;
        [b, r, s, width]
    }

    /// Number of channels, H.
    pub(crate) fn width(&self) -> usize {
        self.dims[3]
    }

    pub(crate) fn expect_width(&self, name: &str, width: usize) -> Result<()> {
        if self.width() != width {
            candle_core::bail!("{name}: expected rows of width {width}, found {}", self.width());
        }
        Ok(())
    }
}
