//! Programs run on blocks of rows, forward and backward, as one of candle's custom operations.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{
    CpuStorage, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor, backend::BackendStorage, bail,
};

use super::{keep::Share, registers::Block};
use crate::ops::{
    EdgeAxis,
    cpu::{self, Buffer, Element},
    fused::{
        compile::{NodeOperand, NodePlace, Out, Plan, Program, Step},
        record::{Held, Storable, Store},
    },
};

/// Values that the registers of one block should hold at most, all together: they are to stay in the second cache.
const CACHED_VALUES: usize = 1 << 18;
/// Rows of a block, within these bounds: products want many, the cache few.
const ROWS_PER_BLOCK: [usize; 2] = [64, 192];
/// Parts into which the nets of a batch are cut; fixed, so that sums over all rows have a fixed order.
const PARTS: usize = 16;
/// Rows that a part has at least, where there are so many: fewer are not worth a task and its registers.
const LEAST_ROWS: usize = 256;

/// A program about to run, and what it keeps for its way back.
#[derive(Debug)]
pub(crate) struct Fused {
    pub(crate) program: Program,
    pub(crate) plan: Plan,
    /// Whether anybody will ask for gradients.
    tracked: bool,
    /// Where the rows go, if not into a tensor.
    pub(crate) store: Option<Arc<Store>>,
    pub(crate) kept: Mutex<Option<Kept>>,
}

/// Registers of every part that are worth their memory.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) parts: Vec<Vec<Option<Held>>>,
    _share: Share,
}

/// The packed operands, the parameters, and the weights among them turned around, at the same places.
pub(crate) struct Inputs<'a, T: Element> {
    pub(crate) edges: &'a [T],
    pub(crate) nodes: &'a [T],
    pub(crate) params: Buffer<T>,
    pub(crate) turned: Buffer<T>,
}

impl Fused {
    pub(crate) fn new(program: Program, tracked: bool, store: Option<Arc<Store>>) -> Self {
        Self { plan: Plan::new(&program), program, tracked, store, kept: Mutex::new(None) }
    }

    pub(crate) fn apply(self, operands: [Tensor; 3]) -> Result<Tensor> {
        let [edges, nodes, tokens] = operands;
        edges.apply_op3(&nodes, &tokens, self)
    }

    pub(crate) fn shape(&self) -> Shape {
        let ([b, r, s], width) = (self.program.block, self.program.out_width());
        match self.program.out {
            _ if self.store.is_some() => 1.into(),
            Out::Rows => (b, r, s, width).into(),
            Out::Sum(EdgeAxis::Senders) => (b, r, width).into(),
            Out::Sum(EdgeAxis::Receivers) => (b, s, width).into(),
        }
    }

    /// Rows of one net.
    pub(crate) fn rows_per_net(&self) -> usize {
        self.program.block[1] * self.program.block[2]
    }

    /// Values of the result that belong to one net.
    pub(crate) fn out_per_net(&self) -> usize {
        let [_, r, s] = self.program.block;
        self.program.out_width()
            * match self.program.out {
                Out::Rows => r * s,
                Out::Sum(EdgeAxis::Senders) => r,
                Out::Sum(EdgeAxis::Receivers) => s,
            }
    }

    pub(crate) fn nets_per_part(&self) -> usize {
        self.program.block[0].div_ceil(PARTS).max(LEAST_ROWS.div_ceil(self.rows_per_net().max(1)))
    }

    pub(crate) fn rows_per_block(&self) -> usize {
        let width: usize = self.program.widths.iter().sum();
        let [least, most] = ROWS_PER_BLOCK;
        let of_part = self.nets_per_part() * self.rows_per_net();
        (CACHED_VALUES / width.max(1)).clamp(least, most).min(of_part.max(1))
    }

    /// The nets of part `i`.
    pub(crate) fn nets(&self, i: usize) -> Range<usize> {
        let part = self.nets_per_part();
        i * part..((i + 1) * part).min(self.program.block[0])
    }

    /// The blocks of the rows of some nets.
    pub(crate) fn blocks(&self, nets: &Range<usize>) -> impl Iterator<Item = Block> {
        let ([_, r, s], first_net) = (self.program.block, nets.start);
        let rows = nets.start * r * s..nets.end * r * s;
        let step = self.rows_per_block();
        rows.clone()
            .step_by(step)
            .map(move |start| Block::new(start..(start + step).min(rows.end), first_net, [r, s]))
    }

    /// The rows of each node operand that belong to some nets.
    pub(crate) fn nodes<'a, T: Storable>(
        &'a self,
        inputs: &Inputs<'a, T>,
        nets: &Range<usize>,
    ) -> Vec<&'a [T]> {
        let of_nets = |operand: &NodeOperand| -> &'a [T] {
            let range = nets.start * operand.per_net..nets.end * operand.per_net;
            match operand.place {
                NodePlace::Packed(start) => &inputs.nodes[start + range.start..start + range.end],
                NodePlace::Store(store) => &self.program.stores[store].0.values()[range],
            }
        };
        self.program.node_operands.iter().map(of_nets).collect()
    }

    pub(crate) fn inputs<'a, T: Storable>(&self, edges: &'a [T], nodes: &'a [T]) -> Result<Inputs<'a, T>> {
        let n_params = self.program.params.last().map_or(0, |last| last.range.end);
        let (mut params, mut turned) = (Buffer::stale(n_params), Buffer::stale(n_params));
        self.program.params.iter().try_for_each(|param| param.read(&mut params))?;
        for (i, step) in self.program.steps.iter().enumerate() {
            let Step::Sum(sum) = step else { continue };
            for product in &sum.products {
                let widths = [self.program.widths[product.x], self.program.widths[i]];
                cpu::transpose(&params[product.weight.clone()], widths, &mut turned[product.weight.clone()]);
            }
        }
        Ok(Inputs { edges, nodes, params, turned })
    }

    /// Whether the register lies in memory of others, and that memory for the rows of a block.
    pub(crate) fn in_memory<'a, T: Storable>(
        &'a self,
        i: usize,
        inputs: &Inputs<'a, T>,
        block: &Block,
    ) -> Option<&'a [T]> {
        let width = self.program.widths[i];
        match self.program.steps[i] {
            Step::Stored(store) => {
                let store: &'a Store = &self.program.stores[store].0;
                Some(&store.values()[block.of_batch(width)])
            }
            Step::Packed { .. } if width == self.program.packed_width => {
                Some(&inputs.edges[block.of_batch(width)])
            }
            _ => None,
        }
    }

    /// Runs forward on candle's storages.
    fn forward_in<T: Storable>(&self, stored: [(&CpuStorage, &Layout); 3]) -> Result<(CpuStorage, Shape)> {
        let [edges, nodes, _] = stored.map(|(storage, layout)| cpu::values::<T>(storage, layout));
        let inputs = self.inputs(edges?, nodes?)?;
        let rows = self.program.block[0] * self.rows_per_net();
        let worth: usize =
            self.plan.worth.iter().zip(&self.program.widths).map(|(w, n)| usize::from(*w) * n).sum();
        let share = self.tracked.then(|| Share::of(rows * worth * size_of::<T>())).flatten();
        let (n_values, keeps) = (self.program.block[0] * self.out_per_net(), share.is_some());
        let (values, parts) = match &self.store {
            Some(store) => {
                let is_sum = matches!(self.program.out, Out::Sum(_));
                let mut out = if is_sum { Buffer::zeros(n_values) } else { Buffer::stale(n_values) };
                let parts = self.forward(&inputs, &mut out, keeps);
                store.write(out);
                (vec![T::zero()], parts)
            }
            None => {
                let mut out = vec![T::zero(); n_values];
                let parts = self.forward(&inputs, &mut out, keeps);
                (out, parts)
            }
        };
        if let Some(share) = share {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Kept { parts, _share: share });
        }
        Ok((T::to_cpu_storage_owned(values), self.shape()))
    }

    fn backward_in<T: Storable>(&self, operands: [&Tensor; 3], grad: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let [edges, nodes, tokens] = operands;
        let guards = [edges, nodes, grad].map(Tensor::storage_and_layout);
        let [e, n, g] = [0, 1, 2].map(|i| match &*guards[i].0 {
            Storage::Cpu(storage) => cpu::values::<T>(storage, guards[i].1),
            _ => bail!("rows: a pass on the CPU was given a gradient on another device"),
        });
        let (d_edges, d_nodes) = self.backward(&self.inputs(e?, n?)?, g?);
        let tensor = |values: Vec<T>, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        Ok([
            d_edges.map(|values| tensor(values, edges)).transpose()?,
            Some(tensor(d_nodes, nodes)?),
            Some(tokens.zeros_like()?),
        ])
    }
}

/// The axis of nodes that remains when the other one is summed away.
pub(crate) fn kept_axis(summed: EdgeAxis) -> EdgeAxis {
    match summed {
        EdgeAxis::Senders => EdgeAxis::Receivers,
        EdgeAxis::Receivers => EdgeAxis::Senders,
    }
}

impl CustomOp3 for Fused {
    fn name(&self) -> &'static str {
        "pass over rows"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let stored = [(s1, l1), (s2, l2), (s3, l3)];
        match s1.dtype() {
            DType::F64 => self.forward_in::<f64>(stored),
            _ => self.forward_in::<f32>(stored),
        }
    }

    fn bwd(
        &self,
        edges: &Tensor,
        nodes: &Tensor,
        tokens: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let operands = [edges, nodes, tokens];
        let [edges, nodes, tokens] = match grad.dtype() {
            DType::F64 => self.backward_in::<f64>(operands, &grad)?,
            _ => self.backward_in::<f32>(operands, &grad)?,
        };
        Ok((edges, nodes, tokens))
    }
}
