//! Programs: lists of steps on registers of one block of rows.

use std::{ops::Range, sync::Arc};

use super::{operands::Operands, param::Param};
use crate::ops::{EdgeAxis, cpu::kernels::Mask, fused::record::Store};

/// One step on a block of rows; its result is the register of the same number, operands are earlier registers.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Rows that an earlier pass left in the store of this number.
    Stored(usize),
    /// Columns of the packed edge rows.
    Packed {
        columns: Range<usize>,
    },
    /// `s v`: the register of width 1 times rows of nodes.
    Outer {
        s: usize,
        nodes: NodeRows,
    },
    /// Everything that is added up.
    Sum(Sum),
    NormSilu {
        x: usize,
        packed: Range<usize>,
        signs: bool,
    },
    BiasSilu {
        x: usize,
        bias: Range<usize>,
        signs: bool,
    },
    Mul {
        a: usize,
        b: usize,
    },
    MulNodes {
        x: usize,
        nodes: NodeRows,
    },
    MulRow {
        x: usize,
        row: Range<usize>,
    },
    Scale {
        x: usize,
        factor: f64,
    },
    Abs {
        x: usize,
    },
    UnitNorm {
        x: usize,
        guard: Option<f64>,
    },
    Concat {
        parts: Vec<usize>,
    },
    Dropout {
        x: usize,
        mask: Mask,
    },
}

/// `Σ_k x_k W_kᵀ + Σ rows of nodes + Σ registers + b`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    pub(crate) products: Vec<Product>,
    pub(crate) nodes: Vec<NodeRows>,
    pub(crate) rows: Vec<usize>,
    pub(crate) bias: Option<Range<usize>>,
}

/// A register times a weight `[out, in]` of the packed parameters.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) x: usize,
    pub(crate) weight: Range<usize>,
}

/// The rows of a node operand, one for each edge row by the node at that end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeRows {
    pub(crate) operand: usize,
    pub(crate) axis: EdgeAxis,
}

/// Rows of nodes that a program reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeOperand {
    pub(crate) place: NodePlace,
    /// Values of one net.
    pub(crate) per_net: usize,
}

/// Where rows of nodes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodePlace {
    /// Among the packed nodes, from here on.
    Packed(usize),
    /// In the store of this number.
    Store(usize),
}

/// What becomes of the last register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Out {
    /// Every row is written.
    Rows,
    /// The axis is summed away.
    Sum(EdgeAxis),
}

/// Steps, the operands they read, and what becomes of the last register.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    /// Width of each register.
    pub(crate) widths: Vec<usize>,
    /// B, R, S.
    pub(crate) block: [usize; 3],
    /// Width of the packed edge rows.
    pub(crate) packed_width: usize,
    /// Whether anybody wants the gradient of the packed edge rows.
    pub(crate) packed_tracked: bool,
    pub(crate) stores: Vec<(Arc<Store>, bool)>,
    pub(crate) node_operands: Vec<NodeOperand>,
    /// Weights and biases, one after the other in the order of their ranges.
    pub(crate) params: Vec<Param>,
    pub(crate) out: Out,
    /// Two registers whose product is summed without being written; then there is no last register.
    pub(crate) tail: Option<[usize; 2]>,
    pub(crate) operands: Operands,
}

impl Program {
    /// Width of the result's rows.
    pub(crate) fn out_width(&self) -> usize {
        let last = self.tail.map_or(self.widths.len() - 1, |[a, _]| a);
        self.widths[last]
    }
}
