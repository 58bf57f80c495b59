//! The way forward: steps in order, each from the registers before it.

use candle_core::{Result, Tensor};

use super::{super::run::kept_axis, Whole, as_rows};
use crate::ops::{
    Symmetrize,
    fused::compile::{Out, Step, Sum},
    steps::{self, Addends},
};

/// The registers that are in memory; a sum whose addends are all left to its reader has none.
pub(super) type Registers = Vec<Option<Tensor>>;

impl Whole {
    /// The result's rows, and the registers that a way back reads if there is to be one.
    pub(super) fn forward(&self, keeps: bool) -> Result<(Tensor, Registers)> {
        let program = &self.program;
        let mut registers: Registers = vec![None; program.steps.len()];
        if self.is_empty() {
            let n_rows = match program.out {
                Out::Rows => self.block.n_rows(),
                Out::Sum(summed) => self.block.b * self.n_nodes(kept_axis(summed)),
            };
            let witness = self.witness();
            let zeros = Tensor::zeros((n_rows, program.out_width()), witness.dtype(), witness.device())?;
            return Ok((zeros, registers));
        }
        for (i, step) in program.steps.iter().enumerate() {
            registers[i] = self.step(i, step, &registers)?;
            step.operands(|x| {
                if self.plan.last_reader[x] == i && !(keeps && self.plan.is_needed(x)) {
                    registers[x] = None;
                }
            });
        }
        let last = program.steps.len() - 1;
        let result = match (program.out, program.tail) {
            (Out::Rows, _) => held(&registers, last).clone(),
            (Out::Sum(summed), None) => steps::sum(self.block, held(&registers, last), summed)?,
            (Out::Sum(summed), Some([a, b])) => {
                let bias = self.folded_bias(b);
                let (a, b) = (held(&registers, a), held(&registers, b));
                steps::sum_product(self.block, a, b, bias.as_ref(), summed)?
            }
        };
        if !keeps {
            registers.clear();
        } else if !self.plan.is_needed(last) {
            registers[last] = None;
        }
        Ok((result, registers))
    }

    /// Nodes of one net on an axis.
    pub(super) fn n_nodes(&self, axis: crate::ops::EdgeAxis) -> usize {
        match axis {
            crate::ops::EdgeAxis::Receivers => self.block.r,
            crate::ops::EdgeAxis::Senders => self.block.s,
        }
    }

    /// Computes one step.
    fn step(&self, i: usize, step: &Step, registers: &Registers) -> Result<Option<Tensor>> {
        let x = |register: usize| held(registers, register);
        Ok(Some(match step {
            Step::Stored(store) => as_rows(self.program.stores[*store].0.tensor())?,
            Step::Packed { columns } => self.edges(columns).values.clone(),
            Step::Outer { s, nodes } => {
                steps::mul_nodes(self.block, x(*s), &self.nodes(*nodes)?, nodes.axis)?
            }
            Step::Sum(sum) => return self.sum(i, sum, registers),
            Step::NormSilu { x, packed, signs } => {
                let addends = self.addends(*x, registers)?;
                steps::norm_silu(self.block, &addends, &self.param(packed).1, symmetrize(*signs))?
            }
            Step::BiasSilu { x: from, bias, signs } => {
                steps::bias_silu(x(*from), &self.param(bias).1, symmetrize(*signs))?
            }
            Step::Mul { a, b } => steps::mul(x(*a), x(*b), self.folded_bias(*b).as_ref())?,
            Step::MulNodes { x: from, nodes } => {
                steps::mul_nodes(self.block, x(*from), &self.nodes(*nodes)?, nodes.axis)?
            }
            Step::MulRow { x: from, row } => steps::mul_row(x(*from), &self.param(row).1)?,
            Step::Scale { x: from, factor } => steps::scale(x(*from), *factor)?,
            Step::Abs { x: from } => steps::abs(x(*from))?,
            Step::UnitNorm { x: from, guard } => steps::unit_norm(x(*from), *guard)?,
            Step::Concat { parts } => steps::concat(&parts.iter().map(|part| x(*part)).collect::<Vec<_>>())?,
            Step::Dropout { x: from, mask } => steps::kept(x(*from), *mask)?,
        }))
    }

    /// `Σ_k x_k W_kᵀ + Σ rows of nodes + Σ registers + b`, less what its reader adds.
    fn sum(&self, i: usize, sum: &Sum, registers: &Registers) -> Result<Option<Tensor>> {
        let mut y = None;
        for product in &sum.products {
            let weight = self.weight(product.x, i, &product.weight)?;
            y = Some(steps::product(held(registers, product.x), &weight, y)?);
        }
        if self.folds.nodes[i] || self.folds.bias[i] {
            return Ok(y);
        }
        let mut rows: Vec<Tensor> =
            y.into_iter().chain(sum.rows.iter().map(|x| held(registers, *x).clone())).collect();
        let mut nodes = sum
            .nodes
            .iter()
            .map(|nodes| Ok((self.nodes(*nodes)?, nodes.axis)))
            .collect::<Result<Vec<_>>>()?;
        let mut bias = sum.bias.as_ref().map(|bias| self.param(bias).1);
        if rows.is_empty() && nodes.is_empty() {
            // A constant: the same row for all.
            let row = bias.take().expect("a sum has an addend");
            return Ok(Some(row.broadcast_as((self.block.n_rows(), self.program.widths[i]))?.contiguous()?));
        }
        // Two tensors of rows and two of nodes at a time.
        loop {
            let taken = nodes.split_off(nodes.len().saturating_sub(steps::MOST_NODES));
            let (first, second) = (rows.pop(), rows.pop());
            if nodes.is_empty() && rows.is_empty() {
                if taken.is_empty() && second.is_none() && bias.is_none() {
                    return Ok(first);
                }
                let addends = Addends { rows: first, nodes: taken };
                return Ok(Some(steps::add_up(self.block, &addends, second.as_ref(), bias.as_ref())?));
            }
            rows.push(steps::add_up(
                self.block,
                &Addends { rows: first, nodes: taken },
                second.as_ref(),
                None,
            )?);
        }
    }

    /// The weight `[out, in]` of a product of register `x` in step `i`.
    pub(super) fn weight(&self, x: usize, i: usize, range: &std::ops::Range<usize>) -> Result<Tensor> {
        self.param(range).1.reshape((self.program.widths[i], self.program.widths[x]))
    }

    /// What a normalization reads: a register, or a sum's product with the nodes that were left to it.
    pub(super) fn addends(&self, x: usize, registers: &Registers) -> Result<Addends> {
        let rows = registers[x].clone();
        let nodes = match &self.program.steps[x] {
            Step::Sum(sum) if self.folds.nodes[x] => {
                sum.nodes.iter().map(|nodes| Ok((self.nodes(*nodes)?, nodes.axis))).collect::<Result<_>>()?
            }
            _ => Vec::new(),
        };
        Ok(Addends { rows, nodes })
    }

    /// The bias that the reader of a register adds.
    pub(super) fn folded_bias(&self, x: usize) -> Option<Tensor> {
        match &self.program.steps[x] {
            Step::Sum(sum) if self.folds.bias[x] => sum.bias.as_ref().map(|bias| self.param(bias).1),
            _ => None,
        }
    }
}

/// A register that was computed before it is read.
pub(super) fn held(registers: &Registers, x: usize) -> &Tensor {
    registers[x].as_ref().expect("a register is written before it is read")
}

pub(super) fn symmetrize(signs: bool) -> Symmetrize {
    if signs { Symmetrize::Signs } else { Symmetrize::No }
}
