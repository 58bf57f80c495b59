//! The way forward of a block: steps in order, each from the registers before it.

use super::{
    registers::{Block, Scratch, Slot},
    run::{Fused, Inputs},
};
use crate::ops::{
    cpu::{self, Element, Onto, kernels},
    fused::{
        compile::{NodeRows, Step, Sum},
        record::Storable,
    },
};

/// The registers of a block on the way forward, with what some of them write to.
pub(crate) type Registers<'a, T> = Vec<Slot<'a, T>>;

/// What a block reads.
pub(crate) struct Reads<'a, T: Element> {
    pub(crate) inputs: &'a Inputs<'a, T>,
    /// The rows of each node operand that belong to the nets of the block's part.
    pub(crate) nodes: &'a [&'a [T]],
    pub(crate) block: &'a Block,
}

impl Fused {
    /// Computes the steps for which `runs` holds; registers that are not needed any more are released if `frees`.
    pub(crate) fn run_forward<T: Storable>(
        &self,
        reads: &Reads<'_, T>,
        registers: &mut Registers<'_, T>,
        scratch: &mut Scratch<T>,
        frees: bool,
        runs: impl Fn(usize) -> bool,
    ) {
        for i in 0..self.program.steps.len() {
            if !runs(i) {
                continue;
            }
            let mut y = std::mem::replace(&mut registers[i], Slot::Empty);
            if y.is_empty() {
                y = scratch.slot(self.program.widths[i]);
            }
            if !matches!(y, Slot::Read(_)) {
                self.step(i, reads, registers, &mut y);
            }
            registers[i] = y;
            if frees {
                self.program.steps[i].operands(|x| {
                    if self.plan.last_reader[x] == i {
                        scratch.release(std::mem::replace(&mut registers[x], Slot::Empty));
                    }
                });
            }
        }
    }

    /// Computes one step into `y`.
    fn step<T: Storable>(
        &self,
        i: usize,
        reads: &Reads<'_, T>,
        registers: &Registers<'_, T>,
        y: &mut Slot<'_, T>,
    ) {
        let Reads { inputs, nodes, block } = reads;
        let (widths, width, n_rows) = (&self.program.widths, self.program.widths[i], block.n_rows());
        let y = y.values_mut(n_rows * width);
        let x = |register: usize| registers[register].values(n_rows * widths[register]);
        let params = &inputs.params;
        match &self.program.steps[i] {
            Step::Stored(_) => unreachable!("stored rows are read where they lie"),
            Step::Packed { columns } => {
                let packed_width = self.program.packed_width;
                let rows = inputs.edges[block.of_batch(packed_width)].chunks_exact(packed_width);
                for (y, row) in y.chunks_exact_mut(width).zip(rows) {
                    y.copy_from_slice(&row[columns.clone()]);
                }
            }
            Step::Outer { s, nodes: NodeRows { operand, axis } } => {
                kernels::outer(x(*s), nodes[*operand], block.at(*axis), width, y);
            }
            Step::Sum(sum) => self.sum(sum, reads, x, y, width),
            Step::NormSilu { x: from, packed, signs } => {
                kernels::norm_silu(x(*from), &params[packed.clone()], *signs, y);
            }
            Step::BiasSilu { x: from, bias, signs } => {
                kernels::bias_silu(x(*from), &params[bias.clone()], *signs, y);
            }
            Step::Mul { a, b } => kernels::mul(x(*a), x(*b), y),
            Step::MulNodes { x: from, nodes: NodeRows { operand, axis } } => {
                kernels::mul_nodes(x(*from), nodes[*operand], block.at(*axis), width, true, y);
            }
            Step::MulRow { x: from, row } => kernels::mul_row(x(*from), &params[row.clone()], true, y),
            Step::Scale { x: from, factor } => {
                kernels::put_scaled(x(*from), T::from_f64(*factor), true, y);
            }
            Step::Abs { x: from } => {
                y.iter_mut().zip(x(*from)).for_each(|(y, x)| *y = Element::abs(*x));
            }
            Step::UnitNorm { x: from, guard } => {
                kernels::unit_norm(x(*from), width, guard.map(T::from_f64), y);
            }
            Step::Concat { parts } => {
                let mut start = 0;
                for part in parts {
                    let part_width = widths[*part];
                    for (y, x) in y.chunks_exact_mut(width).zip(x(*part).chunks_exact(part_width)) {
                        y[start..start + part_width].copy_from_slice(x);
                    }
                    start += part_width;
                }
            }
            Step::Dropout { x: from, mask } => {
                kernels::put_kept(x(*from), *mask, block.rows.start, width, true, y);
            }
        }
    }

    /// `y = Σ_k x_k W_kᵀ + Σ rows of nodes + Σ registers + b`: the first addend is written, the others are added.
    fn sum<'r, T: Storable>(
        &self,
        sum: &Sum,
        Reads { inputs, nodes, block }: &Reads<'_, T>,
        x: impl Fn(usize) -> &'r [T],
        y: &mut [T],
        width: usize,
    ) {
        let mut first = true;
        if let Some(bias) = &sum.bias {
            kernels::fill_rows(&inputs.params[bias.clone()], y);
            first = false;
        }
        for NodeRows { operand, axis } in &sum.nodes {
            let (rows, at) = (nodes[*operand], block.at(*axis));
            if std::mem::replace(&mut first, false) {
                kernels::copy_nodes(rows, at, width, y);
            } else {
                kernels::add_nodes(rows, at, width, y);
            }
        }
        for row in &sum.rows {
            kernels::put(x(*row), std::mem::replace(&mut first, false), y);
        }
        for product in &sum.products {
            let into = Onto::first(std::mem::replace(&mut first, false));
            let turned = &inputs.turned[product.weight.clone()];
            cpu::multiply(x(product.x), turned, y, [self.program.widths[product.x], width], into);
        }
    }
}
