//! The backward pass of a block: instructions in reverse, from the computed registers.

use std::ops::Range;

use super::{
    program::{Instruction, Program},
    run::Operands,
};
use crate::ops::{
    Symmetrize,
    cpu::{self, Element, kernels},
};

/// What a part of the backward pass adds to.
pub(super) struct Gradient<'a, T> {
    pub(super) registers: Vec<Vec<T>>,
    pub(super) edges: &'a mut [T],
    /// The nodes of this part's nets, operand after operand.
    pub(super) nodes: Vec<T>,
    pub(super) params: Vec<T>,
}

impl Program {
    /// Values of all node operands that belong to some nets.
    pub(super) fn node_values(&self, nets: &Range<usize>) -> usize {
        self.node_operands().map(|(_, per_net)| nets.len() * per_net).sum()
    }

    /// Start and values a net of each distinct node operand, in packed order.
    fn node_operands(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut operands: Vec<(usize, usize)> = Vec::new();
        for (instruction, width) in self.instructions.iter().zip(&self.widths) {
            if let Instruction::Nodes { start, n_nodes, .. } = instruction
                && operands.iter().all(|(known, _)| known != start)
            {
                operands.push((*start, n_nodes * width));
            }
        }
        operands.sort_unstable();
        operands.into_iter()
    }

    /// Where the gradient of the node operand at `start` begins in a part's own buffer.
    fn own_start(&self, nets: &Range<usize>, start: usize) -> usize {
        let before = self.node_operands().take_while(|(other, _)| *other < start);
        before.map(|(_, per_net)| nets.len() * per_net).sum()
    }

    /// Copies the node gradients of some nets to their places.
    pub(super) fn put_nodes<T: Element>(&self, nets: &Range<usize>, own: &[T], all: &mut [T]) {
        let mut from = 0;
        for (start, per_net) in self.node_operands() {
            let n_values = nets.len() * per_net;
            all[start + nets.start * per_net..][..n_values].copy_from_slice(&own[from..from + n_values]);
            from += n_values;
        }
    }

    /// Adds the gradients of a block, whose registers have been computed, to those of the operands.
    pub(super) fn run_back<T: Element>(
        &self,
        operands: &Operands<'_, T>,
        rows: Range<usize>,
        nets: &Range<usize>,
        registers: &[Vec<T>],
        grad: &[T],
        gradient: &mut Gradient<'_, T>,
    ) {
        let n_rows = rows.len();
        let per_net = self.block[1] * self.block[2];
        for (register, width) in gradient.registers.iter_mut().zip(&self.widths) {
            register[..n_rows * width].fill(T::zero());
        }
        self.seed_gradient(&rows, nets, grad, gradient);
        for (i, instruction) in self.instructions.iter().enumerate().rev() {
            let width = self.widths[i];
            let (before, after) = gradient.registers.split_at_mut(i);
            let dy = &after[0][..n_rows * width];
            let x = |register: usize| &registers[register][..n_rows * self.widths[register]];
            let widths = &self.widths;
            let len = |register: usize| n_rows * widths[register];
            match instruction {
                Instruction::Edges { columns } => {
                    let start = (rows.start - nets.start * per_net) * self.edge_width;
                    let edges = gradient.edges[start..].chunks_exact_mut(self.edge_width);
                    for (edge, dy) in edges.zip(dy.chunks_exact(width)) {
                        kernels::add_assign(dy, &mut edge[columns.clone()]);
                    }
                }
                Instruction::Nodes { start, n_nodes, axis } => {
                    let own = self.own_start(nets, *start);
                    for (row, dy) in rows.clone().zip(dy.chunks_exact(width)) {
                        let node = self.node_row(row, *n_nodes, *axis) - nets.start * n_nodes;
                        kernels::add_assign(dy, &mut gradient.nodes[own + node * width..][..width]);
                    }
                }
                Instruction::Linear { x: from, weight } => {
                    let n_in = widths[*from];
                    let w = &operands.params[weight.clone()];
                    cpu::multiply_add(dy, w, &mut before[*from][..len(*from)], width, n_in);
                    cpu::multiply_outer(dy, x(*from), &mut gradient.params[weight.clone()], width, n_in);
                }
                Instruction::AddBias { x: from, bias } => {
                    kernels::add_assign(dy, &mut before[*from][..len(*from)]);
                    kernels::sum_rows(dy, &mut gradient.params[bias.clone()]);
                }
                Instruction::NormSilu { x: from, packed, signs } => {
                    let (params, sums) =
                        (&operands.params[packed.clone()], &mut gradient.params[packed.clone()]);
                    kernels::norm_silu_grad(
                        x(*from),
                        params,
                        T::one(),
                        dy,
                        &mut before[*from][..len(*from)],
                        sums,
                    );
                    if *signs == Symmetrize::Signs {
                        kernels::norm_silu_grad(
                            x(*from),
                            params,
                            -T::one(),
                            dy,
                            &mut before[*from][..len(*from)],
                            sums,
                        );
                    }
                }
                Instruction::BiasSilu { x: from, bias, signs } => {
                    let (params, sums) = (&operands.params[bias.clone()], &mut gradient.params[bias.clone()]);
                    kernels::bias_silu_grad(
                        x(*from),
                        params,
                        T::one(),
                        dy,
                        &mut before[*from][..len(*from)],
                        sums,
                    );
                    if *signs == Symmetrize::Signs {
                        kernels::bias_silu_grad(
                            x(*from),
                            params,
                            -T::one(),
                            dy,
                            &mut before[*from][..len(*from)],
                            sums,
                        );
                    }
                }
                Instruction::Mul { a, b } => {
                    kernels::add_product(dy, x(*b), &mut before[*a][..len(*a)]);
                    kernels::add_product(dy, x(*a), &mut before[*b][..len(*b)]);
                }
                Instruction::Add { a, b } => {
                    kernels::add_assign(dy, &mut before[*a][..len(*a)]);
                    kernels::add_assign(dy, &mut before[*b][..len(*b)]);
                }
                Instruction::Scale { x: from, factor } => {
                    kernels::add_scaled(dy, T::from_f64(*factor), &mut before[*from][..len(*from)])
                }
                Instruction::Abs { x: from } => {
                    kernels::add_signed(dy, x(*from), &mut before[*from][..len(*from)])
                }
                Instruction::UnitNorm { x: from, guard } => {
                    kernels::unit_norm_grad(
                        x(*from),
                        width,
                        guard.map(T::from_f64),
                        dy,
                        &mut before[*from][..len(*from)],
                    );
                }
                Instruction::Concat { parts } => {
                    let mut start = 0;
                    for part in parts {
                        let part_width = widths[*part];
                        for (dx, dy) in before[*part][..len(*part)]
                            .chunks_exact_mut(part_width)
                            .zip(dy.chunks_exact(width))
                        {
                            kernels::add_assign(&dy[start..start + part_width], dx);
                        }
                        start += part_width;
                    }
                }
                Instruction::Dropout { x: from, p, seed } => {
                    let mask = cpu::block_mask::<T>(dy.len(), *p, seed, rows.start);
                    kernels::add_product(dy, &mask, &mut before[*from][..len(*from)]);
                }
            }
        }
    }

    /// The gradient of the last register from that of the result.
    fn seed_gradient<T: Element>(
        &self,
        rows: &Range<usize>,
        nets: &Range<usize>,
        grad: &[T],
        gradient: &mut Gradient<'_, T>,
    ) {
        let width = self.out_width();
        let per_net = self.block[1] * self.block[2];
        let last = gradient.registers.last_mut().expect("a program has instructions");
        match self.sum {
            None => {
                let start = (rows.start - nets.start * per_net) * width;
                last[..rows.len() * width].copy_from_slice(&grad[start..start + rows.len() * width]);
            }
            Some(axis) => {
                let (n_nodes, kept) = self.kept(axis);
                for (row, last) in rows.clone().zip(last.chunks_exact_mut(width)) {
                    let node = self.node_row(row, n_nodes, kept) - nets.start * n_nodes;
                    last.copy_from_slice(&grad[node * width..][..width]);
                }
            }
        }
    }
}
