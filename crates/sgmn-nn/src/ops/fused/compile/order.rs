//! Expressions put in order: each becomes a step on registers, after the steps of what it reads.

use std::{collections::BTreeMap, ops::Range, rc::Rc, sync::Arc};

use candle_core::{Result, Tensor};

use super::{
    operands::Operands,
    param::Param,
    program::{NodeOperand, NodePlace, NodeRows, Out, Product, Program, Step, Sum},
};
use crate::ops::{
    EdgeAxis, Symmetrize,
    fused::record::{Expr, Memory, Op, Store},
};

/// What is known of an expression's graph while it is put in order.
#[derive(Default)]
struct Order {
    /// How many expressions read each one. Expressions live until the program is built, so addresses tell them apart.
    readers: BTreeMap<*const Expr, usize>,
    placed: BTreeMap<*const Expr, usize>,
}

impl Program {
    /// The program that computes an expression, and sums it over an axis if one is given.
    pub(crate) fn new(expr: &Rc<Expr>, sum: Option<EdgeAxis>) -> Result<Self> {
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

    /// The rows of nodes, which were computed before the program is made: they are few.
    fn node_rows(&mut self, nodes: &Rc<Expr>, axis: EdgeAxis) -> Result<NodeRows> {
        let place = match nodes.in_memory().expect("nodes are computed before the programs that read them") {
            Memory::Stored(store, token) => NodePlace::Store(self.stored(store, token)),
            Memory::Tensor(tensor) => NodePlace::Packed(self.operands.node(tensor)),
        };
        let [b, n, _, h] = nodes.dims;
        if b != self.block[0] {
            candle_core::bail!("rows: expected nodes of {} nets, found {b}", self.block[0]);
        }
        let known = self.node_operands.iter().position(|known| known.place == place);
        let operand = known.unwrap_or_else(|| {
            self.node_operands.push(NodeOperand { place, per_net: n * h });
            self.node_operands.len() - 1
        });
        Ok(NodeRows { operand, axis })
    }

    /// The number of a store among those that the program reads.
    fn stored(&mut self, store: &Arc<Store>, token: &Tensor) -> usize {
        if let Some(known) = self.stores.iter().position(|(known, _)| Arc::ptr_eq(known, store)) {
            return known;
        }
        self.operands.tokens.push(token.clone());
        self.stores.push((store.clone(), token.track_op()));
        self.stores.len() - 1
    }

    /// Where a tensor lies among the packed parameters; it is packed if it is met for the first time.
    fn param(&mut self, tensor: &Tensor) -> Range<usize> {
        if let Some(known) = self.params.iter().find(|known| known.tensor.id() == tensor.id()) {
            return known.range.clone();
        }
        let start = self.params.last().map_or(0, |last| last.range.end);
        let range = start..start + tensor.elem_count();
        self.params.push(Param::new(tensor.clone(), range.clone()));
        range
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
