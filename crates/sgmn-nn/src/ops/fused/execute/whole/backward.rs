//! The way back: steps in reverse, each giving to the registers, nodes and parameters it read.

use candle_core::{Result, Tensor};

use super::{
    super::run::kept_axis,
    Whole,
    forward::{Registers, held, symmetrize},
};
use crate::ops::{
    EdgeAxis,
    fused::compile::{NodePlace, NodeRows, Out, Step, Sum},
    steps::{self, Addends},
};

/// What was given so far, each to be added to.
struct Gifts<'a> {
    whole: &'a Whole,
    registers: Vec<Option<Tensor>>,
    nodes: Vec<Option<Tensor>>,
    params: Vec<Option<Tensor>>,
}

/// Adds to what is there.
fn give(place: &mut Option<Tensor>, gift: Tensor) -> Result<()> {
    *place = Some(match place.take() {
        Some(given) => steps::add(&given, &gift)?,
        None => gift,
    });
    Ok(())
}

impl Whole {
    /// Gives the gradient of the result to everything that was read; `registers` are those kept on the way forward.
    pub(super) fn backward(&self, grad: &Tensor, mut registers: Registers) -> Result<()> {
        let program = &self.program;
        let n = program.steps.len();
        let mut gifts = Gifts {
            whole: self,
            registers: vec![None; n],
            nodes: vec![None; program.node_operands.len()],
            params: vec![None; program.params.len()],
        };
        self.seed(grad, &registers, &mut gifts)?;
        for (i, step) in program.steps.iter().enumerate().rev() {
            if let Some(dy) = gifts.registers[i].take() {
                self.step_back(i, step, &dy, &registers, &mut gifts)?;
            }
            // Nothing before this step reads its value.
            registers[i] = None;
        }
        self.hand_over(gifts)
    }

    /// The gradients of the last register, or of the two whose product is summed, from that of the result.
    fn seed(&self, grad: &Tensor, registers: &Registers, gifts: &mut Gifts<'_>) -> Result<()> {
        let width = self.program.out_width();
        let grad = grad.reshape(((), width))?;
        let last = self.program.steps.len() - 1;
        let Out::Sum(summed) = self.program.out else {
            return give(&mut gifts.registers[last], grad);
        };
        let Some([a, b]) = self.program.tail else {
            let addends = Addends { rows: None, nodes: vec![(grad, kept_axis(summed))] };
            return give(&mut gifts.registers[last], steps::add_up(self.block, &addends, None, None)?);
        };
        let bias = self.folded_bias(b);
        let (value_a, value_b) = (held(registers, a), held(registers, b));
        let [da, db] = steps::sum_product_grad(self.block, value_a, value_b, bias.as_ref(), summed, &grad)?;
        give(&mut gifts.registers[a], da)?;
        give(&mut gifts.registers[b], db)
    }

    fn step_back(
        &self,
        i: usize,
        step: &Step,
        dy: &Tensor,
        registers: &Registers,
        gifts: &mut Gifts<'_>,
    ) -> Result<()> {
        let value = |x: usize| held(registers, x);
        let wanted = |x: usize| self.plan.wanted[x];
        match step {
            Step::Stored(store) => {
                let (store, is_tracked) = &self.program.stores[*store];
                if *is_tracked { store.give(dy) } else { Ok(()) }
            }
            Step::Packed { columns } => {
                self.edges(columns).param.sink.put_tensor(dy);
                Ok(())
            }
            Step::Outer { s, nodes } => {
                gifts.give_nodes(*nodes, |axis| steps::sum_product(self.block, value(*s), dy, None, axis))?;
                if wanted(*s) {
                    let ds = steps::dot_nodes(self.block, dy, &self.nodes(*nodes)?, nodes.axis)?;
                    give(&mut gifts.registers[*s], ds)?;
                }
                Ok(())
            }
            Step::Sum(sum) => self.sum_back(i, sum, dy, registers, gifts),
            Step::NormSilu { x, packed, signs } => {
                let (number, packed) = self.param(packed);
                let addends = self.addends(*x, registers)?;
                let signs = symmetrize(*signs);
                let [dx, sums] = steps::norm_silu_grad(self.block, &addends, &packed, signs, dy)?;
                give(&mut gifts.params[number], sums)?;
                if wanted(*x) { give(&mut gifts.registers[*x], dx) } else { Ok(()) }
            }
            Step::BiasSilu { x, bias, signs } => {
                let (number, bias) = self.param(bias);
                let [dx, db] = steps::bias_silu_grad(value(*x), &bias, symmetrize(*signs), dy)?;
                give(&mut gifts.params[number], db)?;
                if wanted(*x) { give(&mut gifts.registers[*x], dx) } else { Ok(()) }
            }
            Step::Mul { a, b } => {
                let bias = self.folded_bias(*b);
                let [da, db] = steps::mul_grad(value(*a), value(*b), bias.as_ref(), dy)?;
                for (x, gift) in [(*a, da), (*b, db)] {
                    if wanted(x) {
                        give(&mut gifts.registers[x], gift)?;
                    }
                }
                Ok(())
            }
            Step::MulNodes { x, nodes } => {
                gifts.give_nodes(*nodes, |axis| steps::sum_product(self.block, value(*x), dy, None, axis))?;
                if wanted(*x) {
                    let dx = steps::mul_nodes(self.block, dy, &self.nodes(*nodes)?, nodes.axis)?;
                    give(&mut gifts.registers[*x], dx)?;
                }
                Ok(())
            }
            Step::MulRow { x, row } => {
                let (number, row) = self.param(row);
                give(&mut gifts.params[number], steps::sum_rows(&steps::mul(dy, value(*x), None)?)?)?;
                if wanted(*x) { give(&mut gifts.registers[*x], steps::mul_row(dy, &row)?) } else { Ok(()) }
            }
            Step::Scale { x, factor } if wanted(*x) => {
                give(&mut gifts.registers[*x], steps::scale(dy, *factor)?)
            }
            Step::Abs { x } if wanted(*x) => give(&mut gifts.registers[*x], steps::abs_grad(value(*x), dy)?),
            Step::UnitNorm { x, guard } if wanted(*x) => {
                give(&mut gifts.registers[*x], steps::unit_norm_grad(value(*x), *guard, dy)?)
            }
            Step::Concat { parts } => {
                let mut start = 0;
                for part in parts {
                    let width = self.program.widths[*part];
                    if wanted(*part) {
                        give(&mut gifts.registers[*part], steps::columns(dy, start, width)?)?;
                    }
                    start += width;
                }
                Ok(())
            }
            Step::Dropout { x, mask } if wanted(*x) => {
                give(&mut gifts.registers[*x], steps::kept(dy, *mask)?)
            }
            Step::Scale { .. } | Step::Abs { .. } | Step::UnitNorm { .. } | Step::Dropout { .. } => Ok(()),
        }
    }

    /// Back through a sum; what its reader added on the way has the same gradient.
    fn sum_back(
        &self,
        i: usize,
        sum: &Sum,
        dy: &Tensor,
        registers: &Registers,
        gifts: &mut Gifts<'_>,
    ) -> Result<()> {
        if let Some(bias) = &sum.bias {
            give(&mut gifts.params[self.param(bias).0], steps::sum_rows(dy)?)?;
        }
        for nodes in &sum.nodes {
            gifts.give_nodes(*nodes, |axis| steps::sum(self.block, dy, axis))?;
        }
        for x in sum.rows.iter().filter(|x| self.plan.wanted[**x]) {
            give(&mut gifts.registers[*x], dy.clone())?;
        }
        for product in &sum.products {
            let x = product.x;
            let number = self.param(&product.weight).0;
            let given = gifts.params[number].take();
            gifts.params[number] = Some(steps::product_to_weight(dy, held(registers, x), given)?);
            if self.plan.wanted[x] {
                let weight = self.weight(x, i, &product.weight)?;
                let given = gifts.registers[x].take();
                gifts.registers[x] = Some(steps::product_to_rows(dy, &weight, given)?);
            }
        }
        Ok(())
    }

    /// Puts everything where those who wait for it look.
    fn hand_over(&self, gifts: Gifts<'_>) -> Result<()> {
        for (param, gradient) in self.program.params.iter().zip(gifts.params) {
            if let Some(gradient) = gradient {
                param.sink.put_tensor(&gradient);
            }
        }
        for (operand, gradient) in self.program.node_operands.iter().zip(gifts.nodes) {
            let Some(gradient) = gradient else { continue };
            match operand.place {
                NodePlace::Packed(start) => self.packed_nodes(start).param.sink.put_tensor(&gradient),
                NodePlace::Store(store) => self.program.stores[store].0.give(&gradient)?,
            }
        }
        Ok(())
    }

    /// Whether anybody wants the gradient of some nodes.
    fn wants_nodes(&self, nodes: NodeRows) -> bool {
        match self.program.node_operands[nodes.operand].place {
            NodePlace::Packed(start) => self.packed_nodes(start).param.tensor.track_op(),
            NodePlace::Store(store) => self.program.stores[store].1,
        }
    }
}

impl Gifts<'_> {
    /// Gives to nodes, if anybody wants it, what `sum` adds up over the axis of the other nodes.
    fn give_nodes(&mut self, nodes: NodeRows, sum: impl FnOnce(EdgeAxis) -> Result<Tensor>) -> Result<()> {
        if !self.whole.wants_nodes(nodes) {
            return Ok(());
        }
        give(&mut self.nodes[nodes.operand], sum(kept_axis(nodes.axis))?)
    }
}
