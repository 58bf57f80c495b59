//! Expressions put in order: a list of steps on registers of one block of rows.

use std::{collections::BTreeMap, ops::Range, rc::Rc, sync::Arc};

use candle_core::Result;

use super::{
    expr::{Expr, Memory, Op},
    operands::Operands,
    param::Param,
    store::Store,
};
use crate::ops::{EdgeAxis, Symmetrize, cpu::kernels::Mask};

/// One step on a block of rows; its result is the register of the same number, operands are earlier registers.
#[derive(Debug, Clone)]
pub(super) enum Step {
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
pub(super) struct Sum {
    pub(super) products: Vec<Product>,
    pub(super) nodes: Vec<NodeRows>,
    pub(super) rows: Vec<usize>,
    pub(super) bias: Option<Range<usize>>,
}

/// A register times a weight `[out, in]` of the packed parameters.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) x: usize,
    pub(super) weight: Range<usize>,
}

/// The rows of a node operand, one for each edge row by the node at that end.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeRows {
    pub(super) operand: usize,
    pub(super) axis: EdgeAxis,
}

/// Rows of nodes that a program reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeOperand {
    pub(super) place: Place,
    /// Values of one net.
    pub(super) per_net: usize,
}

/// Where rows of nodes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the packed nodes, from here on.
    Packed(usize),
    /// In the store of this number.
    Store(usize),
}

/// What becomes of the last register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Out {
    /// Every row is written.
    Rows,
    /// The axis is summed away.
    Sum(EdgeAxis),
}

/// Steps, the operands they read, and what becomes of the last register.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Width of each register.
    pub(super) widths: Vec<usize>,
    /// B, R, S.
    pub(super) block: [usize; 3],
    /// Width of the packed edge rows.
    pub(super) packed_width: usize,
    /// Whether anybody wants the gradient of the packed edge rows.
    pub(super) packed_tracked: bool,
    pub(super) stores: Vec<(Arc<Store>, bool)>,
    pub(super) node_operands: Vec<NodeOperand>,
    /// Weights and biases, one after the other in the order of their ranges.
    pub(super) params: Vec<Param>,
    pub(super) out: Out,
    /// Two registers whose product is summed without being written; then there is no last register.
    pub(super) tail: Option<[usize; 2]>,
    pub(super) operands: Operands,
}

/// What is known of an expression's graph while it is put in order.
#[derive(Default)]
struct Order {
    /// How many expressions read each one. Expressions live until the program is built, so addresses tell them apart.
    readers: BTreeMap<*const Expr, usize>,
    placed: BTreeMap<*const Expr, usize>,
}

impl Program {
    /// The program that computes an expression, and sums it over an axis if one is given.
    pub(super) fn new(expr: &Rc<Expr>, sum: Option<EdgeAxis>) -> Result<Self> {
        let [b, r, s, _] = expr.dims;
        let mut program = Self {
            steps: Vec::new(),
            widths: Vec::new(),
            block: [b, r, s],
            packed_width: 0,
            packed_tracked: false,
            stores: Vec::new(),
            node_operands: Vec::new(),
            params: Vec::new(),
            out: sum.map_or(Out::Rows, Out::Sum),
            tail: None,
            operands: Operands::default(),
        };
        let mut order = Order::default();
        order.count(expr);
        match &expr.op {
            Op::Mul(a, b) if sum.is_some() && expr.in_memory().is_none() => {
                program.tail = Some([program.place(a, &mut order)?, program.place(b, &mut order)?]);
            }
            _ => {
                program.place(expr, &mut order)?;
            }
        }
        Ok(program)
    }

    /// Width of the result's rows.
    pub(super) fn out_width(&self) -> usize {
        let last = self.tail.map_or(self.widths.len() - 1, |[a, _]| a);
        self.widths[last]
    }

    /// The register of an expression, its step appended if it is met for the first time.
    fn place(&mut self, expr: &Rc<Expr>, order: &mut Order) -> Result<usize> {
        if let Some(register) = order.placed.get(&Rc::as_ptr(expr)) {
            return Ok(*register);
        }
        // Another expression may stand for the same store.
        if let Some(Memory::Stored(store, token)) = expr.in_memory() {
            let number = self.stored(store, token);
            let known = self.steps.iter().position(|step| matches!(step, Step::Stored(n) if *n == number));
            if let Some(register) = known {
                return Ok(register);
            }
        }
        let step = match (&expr.op, expr.in_memory()) {
            (_, Some(Memory::Stored(store, token))) => Step::Stored(self.stored(store, token)),
            (_, Some(Memory::Tensor(tensor))) => {
                let columns = self.packed_width..self.packed_width + expr.width();
                self.packed_width = columns.end;
                self.packed_tracked |= tensor.track_op();
                self.operands.edges.push(tensor.clone());
                Step::Packed { columns }
            }
            (Op::Memory(_), None) => unreachable!("memory is in memory"),
            (Op::Outer(s, nodes, axis), _) => {
                let s = self.place(s, order)?;
                Step::Outer { s, nodes: self.node_rows(nodes, *axis)? }
            }
            (Op::Row(_) | Op::Spread(..) | Op::Linear(..) | Op::AddBias(..) | Op::Add(..), _) => {
                let mut sum = Sum::default();
                self.gather(expr, &mut sum, true, order)?;
                Step::Sum(sum)
            }
            (Op::Mul(a, b), _) => match (&a.op, &b.op) {
                (_, Op::Spread(nodes, axis)) if b.in_memory().is_none() => {
                    Step::MulNodes { x: self.place(a, order)?, nodes: self.node_rows(nodes, *axis)? }
                }
                (Op::Spread(nodes, axis), _) if a.in_memory().is_none() => {
                    Step::MulNodes { x: self.place(b, order)?, nodes: self.node_rows(nodes, *axis)? }
                }
                _ => Step::Mul { a: self.place(a, order)?, b: self.place(b, order)? },
            },
            (Op::MulRow(x, row), _) => Step::MulRow { x: self.place(x, order)?, row: self.param(row) },
            (Op::NormSilu(x, packed, signs), _) => {
                let (x, signs) = (self.place(x, order)?, *signs == Symmetrize::Signs);
                Step::NormSilu { x, packed: self.param(packed), signs }
            }
            (Op::BiasSilu(x, bias, signs), _) => {
                let (x, signs) = (self.place(x, order)?, *signs == Symmetrize::Signs);
                Step::BiasSilu { x, bias: self.param(bias), signs }
            }
            (Op::Scale(x, factor), _) => Step::Scale { x: self.place(x, order)?, factor: *factor },
            (Op::Abs(x), _) => Step::Abs { x: self.place(x, order)? },
            (Op::UnitNorm(x, guard), _) => Step::UnitNorm { x: self.place(x, order)?, guard: *guard },
            (Op::Concat(parts), _) => {
                let parts = parts.iter().map(|part| self.place(part, order)).collect::<Result<_>>()?;
                Step::Concat { parts }
            }
            (Op::Dropout(x, mask), _) => Step::Dropout { x: self.place(x, order)?, mask: *mask },
        };
        self.steps.push(step);
        self.widths.push(expr.width());
        order.placed.insert(Rc::as_ptr(expr), self.widths.len() - 1);
        Ok(self.widths.len() - 1)
    }

    /// Collects what an expression adds up; addends that others read too keep a register of their own.
    fn gather(&mut self, expr: &Rc<Expr>, sum: &mut Sum, is_root: bool, order: &mut Order) -> Result<()> {
        let shared = !is_root && order.readers.get(&Rc::as_ptr(expr)).is_some_and(|n| *n > 1);
        match &expr.op {
            _ if shared || expr.in_memory().is_some() => sum.rows.push(self.place(expr, order)?),
            Op::Add(a, b) => {
                self.gather(a, sum, false, order)?;
                self.gather(b, sum, false, order)?;
            }
            Op::Spread(nodes, axis) => sum.nodes.push(self.node_rows(nodes, *axis)?),
            // One bias a step; a second one waits in a register of its own.
            Op::Row(_) | Op::Linear(_, _, Some(_)) | Op::AddBias(..) if sum.bias.is_some() => {
                sum.rows.push(self.place(expr, order)?);
            }
            Op::Row(row) => sum.bias = Some(self.param(row)),
            Op::Linear(x, weight, bias) => {
                let x = self.place(x, order)?;
                sum.products.push(Product { x, weight: self.param(weight) });
                if let Some(bias) = bias {
                    sum.bias = Some(self.param(bias));
                }
            }
            Op::AddBias(x, bias) => {
                sum.bias = Some(self.param(bias));
                self.gather(x, sum, false, order)?;
            }
            _ => sum.rows.push(self.place(expr, order)?),
        }
        Ok(())
    }
}

impl Order {
    fn count(&mut self, expr: &Rc<Expr>) {
        let readers = self.readers.entry(Rc::as_ptr(expr)).or_insert(0);
        *readers += 1;
        if *readers > 1 || expr.in_memory().is_some() {
            return;
        }
        for operand in expr.op.operands() {
            self.count(operand);
        }
    }
}
