//! The way back of a block: steps in reverse, each from the gradient of its result.

use std::ops::Range;

use super::{
    block_forward::{Reads, Registers},
    registers::{Scratch, Slot},
    run::Fused,
};
use crate::ops::{
    cpu::{self, Onto, kernels},
    fused::{
        compile::{NodeRows, Step},
        record::Storable,
    },
};

/// What a part of the way back gives to.
pub(crate) struct Gifts<'a, T> {
    /// The nodes of this part's nets, one slice an operand.
    pub(crate) nodes: Vec<&'a mut [T]>,
    /// The packed edge rows of this part's nets.
    pub(crate) packed: &'a mut [T],
    pub(crate) params: &'a mut [T],
}

/// The gradients of a block's registers; one that has been given to holds what was given so far.
pub(crate) struct Gradients<'a, T: Storable> {
    pub(crate) slots: Registers<'a, T>,
    /// Whether a slot holds a gift already. Memory of others may, before this block begins.
    pub(crate) given: Vec<bool>,
}

impl<'a, T: Storable> Gradients<'a, T> {
    /// Takes the slot of a register to give to it: with its memory, and whether the gift is its first.
    pub(crate) fn open(&mut self, x: usize, width: usize, scratch: &mut Scratch<T>) -> (Slot<'a, T>, bool) {
        let mut slot = std::mem::replace(&mut self.slots[x], Slot::Empty);
        if slot.is_empty() {
            slot = scratch.slot(width);
        }
        (slot, !std::mem::replace(&mut self.given[x], true))
    }
}

impl Fused {
    /// Gives the gradients of a block, whose needed registers have been computed, to those of the operands.
    pub(crate) fn run_backward<'a, T: Storable>(
        &self,
        reads: &Reads<'_, T>,
        registers: &mut Registers<'_, T>,
        gradients: &mut Gradients<'a, T>,
        scratch: &mut Scratch<T>,
        gifts: &mut Gifts<'_, T>,
    ) {
        let Reads { inputs, nodes, block } = reads;
        let (program, n_rows) = (&self.program, block.n_rows());
        let (widths, params) = (&program.widths, &inputs.params);
        let mut waiting: Vec<Waiting> = Vec::new();
        for i in (0..program.steps.len()).rev() {
            let is_leaf = matches!(program.steps[i], Step::Stored(_)) || !self.plan.wanted[i];
            if is_leaf || !gradients.given[i] {
                continue;
            }
            let width = widths[i];
            let slot = std::mem::replace(&mut gradients.slots[i], Slot::Empty);
            let dy = slot.values(n_rows * width);
            let mut held = false;
            /// Gives to the gradient of a register with a kernel that is told whether the gift is the first.
            macro_rules! give {
                ($x:expr, |$first:ident, $dx:ident| $kernel:expr) => {
                    if self.plan.wanted[$x] {
                        let (mut slot, $first) = gradients.open($x, widths[$x], scratch);
                        let $dx = slot.values_mut(n_rows * widths[$x]);
                        $kernel;
                        gradients.slots[$x] = slot;
                    }
                };
            }
            let value = |x: usize| registers[x].values(n_rows * widths[x]);
            match &program.steps[i] {
                Step::Stored(_) => unreachable!("skipped above"),
                Step::Packed { columns } => {
                    let all = &mut gifts.packed[block.of_part(program.packed_width)];
                    for (row, dy) in all.chunks_exact_mut(program.packed_width).zip(dy.chunks_exact(width)) {
                        kernels::put(dy, true, &mut row[columns.clone()]);
                    }
                }
                Step::Outer { s, nodes: NodeRows { operand, axis } } => {
                    let (at, dnodes) = (block.at(*axis), &mut *gifts.nodes[*operand]);
                    if self.plan.wanted[*s] {
                        give!(*s, |first, ds| kernels::outer_dot(
                            dy,
                            value(*s),
                            nodes[*operand],
                            at,
                            width,
                            dnodes,
                            first,
                            ds
                        ));
                    } else {
                        kernels::outer_dot(dy, value(*s), nodes[*operand], at, width, dnodes, true, &mut []);
                    }
                }
                Step::Sum(sum) => {
                    if let Some(bias) = &sum.bias {
                        kernels::sum_rows(dy, &mut gifts.params[bias.clone()]);
                    }
                    for NodeRows { operand, axis } in &sum.nodes {
                        kernels::add_to_nodes(dy, block.at(*axis), width, gifts.nodes[*operand]);
                    }
                    for row in &sum.rows {
                        give!(*row, |first, dx| kernels::put(dy, first, dx));
                    }
                    for product in &sum.products {
                        let (x, weight) = (product.x, &product.weight);
                        give!(x, |first, dx| cpu::multiply(
                            dy,
                            &params[weight.clone()],
                            dx,
                            [width, widths[x]],
                            Onto::first(first)
                        ));
                        if self.plan.late[x] {
                            waiting.push(Waiting { activation: x, step: i, weight: weight.clone() });
                            held = true;
                        } else {
                            let dw = &mut gifts.params[weight.clone()];
                            cpu::multiply_outer(dy, value(x), dw, [widths[x], width]);
                        }
                    }
                }
                Step::NormSilu { .. } | Step::BiasSilu { .. } => {
                    self.activation_back(i, reads, dy, registers, gradients, scratch, gifts);
                }
                Step::Mul { a, b } => {
                    give!(*a, |first, da| kernels::put_product(dy, value(*b), first, da));
                    give!(*b, |first, db| kernels::put_product(dy, value(*a), first, db));
                }
                Step::MulNodes { x, nodes: NodeRows { operand, axis } } => {
                    let at = block.at(*axis);
                    kernels::add_product_to_nodes(dy, value(*x), at, width, gifts.nodes[*operand]);
                    give!(*x, |first, dx| kernels::mul_nodes(dy, nodes[*operand], at, width, first, dx));
                }
                Step::MulRow { x, row } => {
                    kernels::sum_products(dy, value(*x), &mut gifts.params[row.clone()]);
                    give!(*x, |first, dx| kernels::mul_row(dy, &params[row.clone()], first, dx));
                }
                Step::Scale { x, factor } => {
                    give!(*x, |first, dx| kernels::put_scaled(dy, T::from_f64(*factor), first, dx));
                }
                Step::Abs { x } => {
                    give!(*x, |first, dx| kernels::put_signed(dy, value(*x), first, dx));
                }
                Step::UnitNorm { x, guard } => {
                    let guard = guard.map(T::from_f64);
                    give!(*x, |first, dx| kernels::unit_norm_grad(value(*x), width, guard, dy, first, dx));
                }
                Step::Concat { parts } => {
                    let mut start = 0;
                    for part in parts {
                        let part_width = widths[*part];
                        give!(*part, |first, dx| {
                            let rows = dx.chunks_exact_mut(part_width).zip(dy.chunks_exact(width));
                            for (dx, dy) in rows {
                                kernels::put(&dy[start..start + part_width], first, dx);
                            }
                        });
                        start += part_width;
                    }
                }
                Step::Dropout { x, mask } => {
                    give!(*x, |first, dx| kernels::put_kept(dy, *mask, block.rows.start, width, first, dx));
                }
            }
            if held {
                gradients.slots[i] = slot;
            } else {
                scratch.release(slot);
            }
            // The activation of this step stands now: weights that waited for it get their gradients.
            let (settled, still): (Vec<Waiting>, Vec<Waiting>) =
                waiting.into_iter().partition(|w| w.activation == i);
            waiting = still;
            for Waiting { step, weight, .. } in settled {
                let dy = gradients.slots[step].values(n_rows * widths[step]);
                let y = registers[i].values(n_rows * width);
                cpu::multiply_outer(dy, y, &mut gifts.params[weight], [width, widths[step]]);
                if waiting.iter().all(|other| other.step != step) {
                    scratch.release(std::mem::replace(&mut gradients.slots[step], Slot::Empty));
                }
            }
            // Nothing before this step reads its value.
            scratch.release(std::mem::replace(&mut registers[i], Slot::Empty));
        }
    }

    /// Back through an activation, which is computed once more on the way.
    #[allow(clippy::too_many_arguments, reason = "the state of one block")]
    fn activation_back<'a, T: Storable>(
        &self,
        i: usize,
        Reads { inputs, block, .. }: &Reads<'_, T>,
        dy: &[T],
        registers: &mut Registers<'_, T>,
        gradients: &mut Gradients<'a, T>,
        scratch: &mut Scratch<T>,
        gifts: &mut Gifts<'_, T>,
    ) {
        let width = self.program.widths[i];
        let n_values = block.n_rows() * width;
        let mut y = std::mem::replace(&mut registers[i], Slot::Empty);
        if y.is_empty() {
            y = scratch.slot(width);
        }
        let (Step::NormSilu { x, .. } | Step::BiasSilu { x, .. }) = self.program.steps[i] else {
            unreachable!("only activations come here")
        };
        // Nobody may want the gradient of x; those of the parameters are wanted all the same.
        let wanted = self.plan.wanted[x];
        let (mut slot, first) =
            if wanted { gradients.open(x, width, scratch) } else { (scratch.slot(width), true) };
        let (from, dx, values) =
            (registers[x].values(n_values), slot.values_mut(n_values), y.values_mut(n_values));
        match &self.program.steps[i] {
            Step::NormSilu { packed, signs, .. } => {
                let (params, sums) = (&inputs.params[packed.clone()], &mut gifts.params[packed.clone()]);
                kernels::norm_silu_grad(from, params, *signs, dy, first, dx, sums, values);
            }
            Step::BiasSilu { bias, signs, .. } => {
                let (params, sums) = (&inputs.params[bias.clone()], &mut gifts.params[bias.clone()]);
                kernels::bias_silu_grad(from, params, *signs, dy, first, dx, sums, values);
            }
            _ => unreachable!("only activations come here"),
        }
        registers[i] = y;
        if wanted {
            gradients.slots[x] = slot;
        } else {
            scratch.release(slot);
        }
    }
}

/// A weight whose gradient waits for its factor, an activation that its own step computes once more.
struct Waiting {
    /// The register of the activation.
    activation: usize,
    /// The step that multiplied it, whose gradient is held until then.
    step: usize,
    weight: Range<usize>,
}
