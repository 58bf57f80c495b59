//! Programs run on blocks of rows, forward and backward.

use std::ops::Range;

use candle_core::Result;
use rayon::prelude::*;

use super::{
    backward::Gradient,
    program::{Instruction, Program},
};
use crate::ops::{
    EdgeAxis, Symmetrize,
    cpu::{self, Element, Kernel, View, kernels},
};

/// Values that the registers of one block should hold at most, all together: they are to stay in the second cache.
const CACHED_VALUES: usize = 1 << 17;
/// Parts into which the nets of a batch are cut; fixed, so that sums over all rows have a fixed order.
const PARTS: usize = 16;
/// Rows that a part has at least, where there are so many: fewer are not worth a task and its registers.
const LEAST_ROWS: usize = 256;

impl Kernel for Program {
    const NAME: &'static str = "fused edge operations";

    fn shape(&self, _inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let [b, r, s] = self.block;
        let width = self.out_width();
        Ok(match self.sum {
            None => vec![b, r, s, width],
            Some(EdgeAxis::Senders) => vec![b, r, width],
            Some(EdgeAxis::Receivers) => vec![b, s, width],
        })
    }

    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T> {
        let operands = Operands::of(inputs);
        let per_net = self.out_values_per_net();
        let mut out = vec![T::zero(); self.block[0] * per_net];
        if out.is_empty() {
            return out;
        }
        let part = self.nets_per_part();
        out.par_chunks_mut(part * per_net).enumerate().for_each(|(i, out)| {
            let nets = i * part..i * part + out.len() / per_net;
            let mut registers = self.registers::<T>();
            for rows in self.blocks(&nets) {
                self.run(&operands, rows.clone(), &mut registers);
                let last = registers.last().expect("a program has instructions");
                self.emit(last, rows, &nets, out);
            }
        });
        out
    }

    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>> {
        let operands = Operands::of(inputs);
        let zeros = |values: &[T]| vec![T::zero(); values.len()];
        let (mut d_edges, mut d_nodes) = (zeros(operands.edges), zeros(operands.nodes));
        let mut d_params = zeros(operands.params);
        let out_per_net = self.out_values_per_net();
        if self.block.contains(&0) || out_per_net == 0 {
            return vec![d_edges, d_nodes, d_params];
        }
        let part = self.nets_per_part();
        let edges_per_net = self.block[1] * self.block[2] * self.edge_width;
        let n_parts = self.block[0].div_ceil(part);
        // Edge gradients are cut by nets; a program without edges has one number there that nobody writes.
        let mut edge_parts: Vec<&mut [T]> = if edges_per_net == 0 {
            (0..n_parts).map(|_| Default::default()).collect()
        } else {
            d_edges.chunks_mut(part * edges_per_net).collect()
        };
        let results: Vec<(Vec<T>, Vec<T>)> = edge_parts
            .par_iter_mut()
            .enumerate()
            .map(|(i, d_edges)| {
                let nets = i * part..((i + 1) * part).min(self.block[0]);
                let grad = &grad[nets.start * out_per_net..nets.end * out_per_net];
                let mut gradient = Gradient {
                    registers: self.registers(),
                    edges: d_edges,
                    nodes: vec![T::zero(); self.node_values(&nets)],
                    params: zeros(operands.params),
                };
                let mut registers = self.registers::<T>();
                for rows in self.blocks(&nets) {
                    self.run(&operands, rows.clone(), &mut registers);
                    self.run_back(&operands, rows, &nets, &registers, grad, &mut gradient);
                }
                (gradient.nodes, gradient.params)
            })
            .collect();
        for (i, (nodes, params)) in results.iter().enumerate() {
            let nets = i * part..((i + 1) * part).min(self.block[0]);
            self.put_nodes(&nets, nodes, &mut d_nodes);
            d_params.iter_mut().zip(params).for_each(|(total, value)| *total += *value);
        }
        vec![d_edges, d_nodes, d_params]
    }
}

/// The packed operands.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a, T> {
    edges: &'a [T],
    nodes: &'a [T],
    pub(super) params: &'a [T],
}

impl<'a, T> Operands<'a, T> {
    fn of(inputs: &[View<'a, T>]) -> Self {
        let [edges, nodes, params] = inputs else { unreachable!("programs have three operands") };
        Self { edges: edges.values, nodes: nodes.values, params: params.values }
    }
}

impl Program {
    pub(super) fn out_width(&self) -> usize {
        *self.widths.last().expect("a program has instructions")
    }

    fn out_values_per_net(&self) -> usize {
        let [_, r, s] = self.block;
        self.out_width()
            * match self.sum {
                None => r * s,
                Some(EdgeAxis::Senders) => r,
                Some(EdgeAxis::Receivers) => s,
            }
    }

    fn nets_per_part(&self) -> usize {
        let [b, r, s] = self.block;
        b.div_ceil(PARTS).max(LEAST_ROWS.div_ceil((r * s).max(1)))
    }

    /// Rows of a block: as many as keep all registers in cache.
    fn rows_per_block(&self) -> usize {
        let width: usize = self.widths.iter().sum();
        let of_part = self.nets_per_part() * self.block[1] * self.block[2];
        (CACHED_VALUES / width.max(1)).clamp(32, 512).min(of_part.max(1))
    }

    fn registers<T: Element>(&self) -> Vec<Vec<T>> {
        let rows = self.rows_per_block();
        self.widths.iter().map(|width| vec![T::zero(); rows * width]).collect()
    }

    /// The rows of some nets, counted over all nets, block by block.
    fn blocks(&self, nets: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let per_net = self.block[1] * self.block[2];
        let (end, step) = (nets.end * per_net, self.rows_per_block());
        (nets.start * per_net..end).step_by(step).map(move |start| start..(start + step).min(end))
    }

    /// The row of the node at one end of edge row `row`, counted over all nets.
    #[inline(always)]
    pub(super) fn node_row(&self, row: usize, n_nodes: usize, axis: EdgeAxis) -> usize {
        let [_, r, s] = self.block;
        let (net, edge) = (row / (r * s), row % (r * s));
        net * n_nodes + if axis == EdgeAxis::Receivers { edge / s } else { edge % s }
    }

    /// Computes all registers of a block.
    fn run<T: Element>(&self, operands: &Operands<'_, T>, rows: Range<usize>, registers: &mut [Vec<T>]) {
        let n_rows = rows.len();
        for (i, instruction) in self.instructions.iter().enumerate() {
            let width = self.widths[i];
            let (before, after) = registers.split_at_mut(i);
            let y = &mut after[0][..n_rows * width];
            let x = |register: usize| &before[register][..n_rows * self.widths[register]];
            match instruction {
                Instruction::Edges { columns } => {
                    let all = operands.edges[rows.start * self.edge_width..].chunks_exact(self.edge_width);
                    for (y, edge) in y.chunks_exact_mut(width).zip(all) {
                        y.copy_from_slice(&edge[columns.clone()]);
                    }
                }
                Instruction::Nodes { start, n_nodes, axis } => {
                    let nodes = &operands.nodes[*start..];
                    for (y, row) in y.chunks_exact_mut(width).zip(rows.clone()) {
                        y.copy_from_slice(&nodes[self.node_row(row, *n_nodes, *axis) * width..][..width]);
                    }
                }
                Instruction::Linear { x: from, weight } => {
                    let w = &operands.params[weight.clone()];
                    cpu::multiply_transposed(x(*from), w, y, self.widths[*from], width);
                }
                Instruction::AddBias { x: from, bias } => {
                    kernels::add_bias(x(*from), &operands.params[bias.clone()], y)
                }
                Instruction::NormSilu { x: from, packed, signs } => {
                    y.fill(T::zero());
                    let packed = &operands.params[packed.clone()];
                    kernels::norm_silu(x(*from), packed, T::one(), y);
                    if *signs == Symmetrize::Signs {
                        kernels::norm_silu(x(*from), packed, -T::one(), y);
                    }
                }
                Instruction::BiasSilu { x: from, bias, signs } => {
                    y.fill(T::zero());
                    let bias = &operands.params[bias.clone()];
                    kernels::bias_silu(x(*from), bias, T::one(), y);
                    if *signs == Symmetrize::Signs {
                        kernels::bias_silu(x(*from), bias, -T::one(), y);
                    }
                }
                Instruction::Mul { a, b } => kernels::mul(x(*a), x(*b), y),
                Instruction::Add { a, b } => kernels::add(x(*a), x(*b), y),
                Instruction::Scale { x: from, factor } => {
                    y.fill(T::zero());
                    kernels::add_scaled(x(*from), T::from_f64(*factor), y);
                }
                Instruction::Abs { x: from } => {
                    y.iter_mut().zip(x(*from)).for_each(|(y, x)| *y = Element::abs(*x));
                }
                Instruction::UnitNorm { x: from, guard } => {
                    y.fill(T::zero());
                    kernels::unit_norm(x(*from), width, guard.map(T::from_f64), y);
                }
                Instruction::Concat { parts } => {
                    let mut start = 0;
                    for part in parts {
                        let part_width = self.widths[*part];
                        for (y, x) in y.chunks_exact_mut(width).zip(x(*part).chunks_exact(part_width)) {
                            y[start..start + part_width].copy_from_slice(x);
                        }
                        start += part_width;
                    }
                }
                Instruction::Dropout { x: from, p, seed } => {
                    let mask = cpu::block_mask::<T>(y.len(), *p, seed, rows.start);
                    kernels::mul(x(*from), &mask, y);
                }
            }
        }
    }

    /// Stores the last register, or adds it to its nodes.
    fn emit<T: Element>(&self, last: &[T], rows: Range<usize>, nets: &Range<usize>, out: &mut [T]) {
        let width = self.out_width();
        let per_net = self.block[1] * self.block[2];
        match self.sum {
            None => {
                let start = (rows.start - nets.start * per_net) * width;
                out[start..start + rows.len() * width].copy_from_slice(&last[..rows.len() * width]);
            }
            Some(axis) => {
                let (n_nodes, kept) = self.kept(axis);
                for (row, last) in rows.zip(last.chunks_exact(width)) {
                    let node = self.node_row(row, n_nodes, kept) - nets.start * n_nodes;
                    kernels::add_assign(last, &mut out[node * width..][..width]);
                }
            }
        }
    }

    /// The axis that remains when `axis` is summed away, and its length.
    pub(super) fn kept(&self, axis: EdgeAxis) -> (usize, EdgeAxis) {
        match axis {
            EdgeAxis::Senders => (self.block[1], EdgeAxis::Receivers),
            EdgeAxis::Receivers => (self.block[2], EdgeAxis::Senders),
        }
    }
}
