//! Programs run on blocks of rows, forward and backward, as one of candle's custom operations.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{
    CpuStorage, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor, backend::BackendStorage, bail,
};
use rayon::prelude::*;

use super::{
    backward::{Gifts, Gradients},
    forward::Registers,
    keep::Share,
    plan::Plan,
    program::{NodeOperand, Out, Place, Program, Step},
    registers::{Block, Scratch, Slot},
    store::{Held, Storable, Store},
};
use crate::ops::{
    EdgeAxis,
    cpu::{self, Buffer, Element, kernels},
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
pub(super) struct Fused {
    pub(super) program: Program,
    pub(super) plan: Plan,
    /// Whether anybody will ask for gradients.
    tracked: bool,
    /// Where the rows go, if not into a tensor.
    store: Option<Arc<Store>>,
    kept: Mutex<Option<Kept>>,
}

/// Registers of every part that are worth their memory.
#[derive(Debug)]
struct Kept {
    parts: Vec<Vec<Option<Held>>>,
    _share: Share,
}

/// The packed operands, the parameters, and the weights among them turned around, at the same places.
pub(super) struct Inputs<'a, T: Element> {
    pub(super) edges: &'a [T],
    nodes: &'a [T],
    pub(super) params: Buffer<T>,
    pub(super) turned: Buffer<T>,
}

impl Fused {
    pub(super) fn new(program: Program, tracked: bool, store: Option<Arc<Store>>) -> Self {
        Self { plan: Plan::new(&program), program, tracked, store, kept: Mutex::new(None) }
    }

    pub(super) fn apply(self, operands: [Tensor; 3]) -> Result<Tensor> {
        let [edges, nodes, tokens] = operands;
        edges.apply_op3(&nodes, &tokens, self)
    }

    fn shape(&self) -> Shape {
        let ([b, r, s], width) = (self.program.block, self.program.out_width());
        match self.program.out {
            _ if self.store.is_some() => 1.into(),
            Out::Rows => (b, r, s, width).into(),
            Out::Sum(EdgeAxis::Senders) => (b, r, width).into(),
            Out::Sum(EdgeAxis::Receivers) => (b, s, width).into(),
        }
    }

    /// Rows of one net.
    fn rows_per_net(&self) -> usize {
        self.program.block[1] * self.program.block[2]
    }

    /// Values of the result that belong to one net.
    fn out_per_net(&self) -> usize {
        let [_, r, s] = self.program.block;
        self.program.out_width()
            * match self.program.out {
                Out::Rows => r * s,
                Out::Sum(EdgeAxis::Senders) => r,
                Out::Sum(EdgeAxis::Receivers) => s,
            }
    }

    fn nets_per_part(&self) -> usize {
        self.program.block[0].div_ceil(PARTS).max(LEAST_ROWS.div_ceil(self.rows_per_net().max(1)))
    }

    fn rows_per_block(&self) -> usize {
        let width: usize = self.program.widths.iter().sum();
        let [least, most] = ROWS_PER_BLOCK;
        let of_part = self.nets_per_part() * self.rows_per_net();
        (CACHED_VALUES / width.max(1)).clamp(least, most).min(of_part.max(1))
    }

    /// The nets of part `i`.
    fn nets(&self, i: usize) -> Range<usize> {
        let part = self.nets_per_part();
        i * part..((i + 1) * part).min(self.program.block[0])
    }

    /// The blocks of the rows of some nets.
    fn blocks(&self, nets: &Range<usize>) -> impl Iterator<Item = Block> {
        let ([_, r, s], first_net) = (self.program.block, nets.start);
        let rows = nets.start * r * s..nets.end * r * s;
        let step = self.rows_per_block();
        rows.clone()
            .step_by(step)
            .map(move |start| Block::new(start..(start + step).min(rows.end), first_net, [r, s]))
    }

    /// The rows of each node operand that belong to some nets.
    fn nodes<'a, T: Storable>(&'a self, inputs: &Inputs<'a, T>, nets: &Range<usize>) -> Vec<&'a [T]> {
        let of_nets = |operand: &NodeOperand| -> &'a [T] {
            let range = nets.start * operand.per_net..nets.end * operand.per_net;
            match operand.place {
                Place::Packed(start) => &inputs.nodes[start + range.start..start + range.end],
                Place::Store(store) => &self.program.stores[store].0.values()[range],
            }
        };
        self.program.node_operands.iter().map(of_nets).collect()
    }

    fn inputs<'a, T: Storable>(&self, edges: &'a [T], nodes: &'a [T]) -> Result<Inputs<'a, T>> {
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
    fn in_memory<'a, T: Storable>(&'a self, i: usize, inputs: &Inputs<'a, T>, block: &Block) -> Option<&'a [T]> {
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

    /// Computes the result, whose memory holds zeros if it is a sum; returns the registers of every part to be kept.
    fn forward<T: Storable>(&self, inputs: &Inputs<'_, T>, out: &mut [T], keeps: bool) -> Vec<Vec<Option<Held>>> {
        let per_net = self.out_per_net();
        if out.is_empty() || self.rows_per_net() == 0 {
            return Vec::new();
        }
        let part = self.nets_per_part();
        out.par_chunks_mut(part * per_net)
            .enumerate()
            .map(|(i, out)| self.forward_part(inputs, &self.nets(i), out, keeps))
            .collect()
    }

    fn forward_part<T: Storable>(
        &self,
        inputs: &Inputs<'_, T>,
        nets: &Range<usize>,
        out: &mut [T],
        keeps: bool,
    ) -> Vec<Option<Held>> {
        let n_rows = nets.len() * self.rows_per_net();
        let widths = &self.program.widths;
        let mut kept: Vec<Option<Buffer<T>>> = self
            .plan
            .worth
            .iter()
            .zip(widths)
            .map(|(worth, width)| (keeps && *worth).then(|| Buffer::stale(n_rows * width)))
            .collect();
        let mut scratch = Scratch::new(self.rows_per_block());
        let nodes = self.nodes(inputs, nets);
        let width = self.program.out_width();
        for block in self.blocks(nets) {
            let mut registers: Registers<'_, T> = kept
                .iter_mut()
                .enumerate()
                .map(|(i, kept)| match (kept, self.in_memory(i, inputs, &block)) {
                    (Some(kept), _) => Slot::Write(&mut kept[block.of_part(widths[i])]),
                    (None, Some(values)) => Slot::Read(values),
                    (None, None) => Slot::Empty,
                })
                .collect();
            let last = registers.len() - 1;
            let run = |registers: &mut Registers<'_, T>, scratch: &mut Scratch<T>| {
                self.run_forward(inputs, &nodes, &block, registers, scratch, true, |_| true);
            };
            if let Out::Sum(axis) = self.program.out {
                run(&mut registers, &mut scratch);
                let value = |x: usize| registers[x].values(block.n_rows() * width);
                let at = block.at(kept_axis(axis));
                match self.program.tail {
                    None => kernels::add_to_nodes(value(last), at, width, out),
                    Some([a, b]) => kernels::add_product_to_nodes(value(a), value(b), at, width, out),
                }
            } else if registers[last].is_empty() {
                // The last step writes where the rows are to lie.
                registers[last] = Slot::Write(&mut out[block.of_part(width)]);
                run(&mut registers, &mut scratch);
            } else {
                run(&mut registers, &mut scratch);
                let value = registers[last].values(block.n_rows() * width);
                out[block.of_part(width)].copy_from_slice(value);
            }
            registers.into_iter().for_each(|slot| scratch.release(slot));
        }
        kept.into_iter().map(|kept| kept.map(T::hold)).collect()
    }

    /// Gradients of the packed edges (none if nobody wants them) and nodes; those of stores and parameters are put there.
    fn backward<T: Storable>(&self, inputs: &Inputs<'_, T>, grad: &[T]) -> (Option<Vec<T>>, Vec<T>) {
        let zeros = |values: &[T]| vec![T::zero(); values.len()];
        let mut d_packed = if self.program.packed_tracked { zeros(inputs.edges) } else { Vec::new() };
        let mut d_nodes = zeros(inputs.nodes);
        let stored = self.store.as_ref().map(|store| store.take_gradient::<T>());
        // Nobody has given to the rows of this pass, or there are none: nothing flows further.
        let is_idle = self.out_per_net() * self.program.block[0] * self.rows_per_net() == 0;
        let grad: &[T] = match &stored {
            Some(Some(stored)) => stored,
            Some(None) => &[],
            None => grad,
        };
        if !is_idle && !grad.is_empty() {
            self.backward_parts(inputs, grad, &mut d_packed, &mut d_nodes);
        }
        (self.program.packed_tracked.then_some(d_packed), d_nodes)
    }

    fn backward_parts<T: Storable>(
        &self,
        inputs: &Inputs<'_, T>,
        grad: &[T],
        d_packed: &mut [T],
        d_nodes: &mut [T],
    ) {
        let (part, rows_per_net) = (self.nets_per_part(), self.rows_per_net());
        let n_parts = self.program.block[0].div_ceil(part);
        // Kept registers serve once: whoever asks for gradients a second time pays for computing them again.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Gradients of nodes are given even where nobody wants them: they are small.
        let is_node = |i: usize| self.program.node_operands.iter().any(|nodes| nodes.place == Place::Store(i));
        let mut gradients: Vec<Option<(Buffer<T>, bool)>> = (self.program.stores.iter().enumerate())
            .map(|(i, (store, tracked))| {
                (*tracked || is_node(i)).then(|| match store.take_gradient() {
                    Some(gradient) => (gradient, true),
                    None => (Buffer::stale(store.values::<T>().len()), false),
                })
            })
            .collect();
        let mut parts: Vec<Part<'_, T>> = (0..n_parts)
            .map(|_| Part { nodes: Vec::new(), packed: Default::default(), stores: Vec::new() })
            .collect();
        // Every store belongs to rows or to nodes; both are cut by nets.
        let n_nets = self.program.block[0];
        let mut slices: Vec<Option<(&mut [T], bool)>> = gradients
            .iter_mut()
            .map(|gradient| gradient.as_mut().map(|(gradient, given)| (&mut gradient[..], *given)))
            .collect();
        let mut rest = d_nodes;
        for operand in &self.program.node_operands {
            let own: &mut [T] = match operand.place {
                Place::Packed(_) => {
                    // Packed operands lie one after the other: each takes its own from the rest.
                    let (own, later) = std::mem::take(&mut rest).split_at_mut(operand.per_net * n_nets);
                    rest = later;
                    own
                }
                Place::Store(store) => match slices[store].take() {
                    Some((own, given)) => {
                        if !given {
                            own.fill(T::zero());
                        }
                        own
                    }
                    None => Default::default(),
                },
            };
            let mut chunks = own.chunks_mut((part * operand.per_net).max(1));
            parts.iter_mut().for_each(|part| part.nodes.push(chunks.next().unwrap_or_default()));
        }
        if self.program.packed_tracked {
            let chunks = d_packed.chunks_mut(part * rows_per_net * self.program.packed_width);
            parts.iter_mut().zip(chunks).for_each(|(part, packed)| part.packed = packed);
        }
        for slice in slices {
            match slice {
                Some((rows, given)) => {
                    let chunks = rows.chunks_mut((part * rows.len() / n_nets).max(1));
                    parts.iter_mut().zip(chunks).for_each(|(part, rows)| part.stores.push(Some((rows, given))));
                }
                None => parts.iter_mut().for_each(|part| part.stores.push(None)),
            }
        }
        let kept_parts = kept.as_ref().map(|kept| kept.parts.as_slice());
        let sums: Vec<Buffer<T>> = parts
            .par_iter_mut()
            .enumerate()
            .map(|(i, part)| {
                let mut params = Buffer::zeros(inputs.params.len());
                let nets = self.nets(i);
                let grad = &grad[nets.start * self.out_per_net()..nets.end * self.out_per_net()];
                let kept = kept_parts.and_then(|parts| parts.get(i)).map(Vec::as_slice);
                self.backward_part(inputs, grad, &nets, kept, part, &mut params);
                params
            })
            .collect();
        // Every parameter adds up its parts in their order, whoever does it.
        const CHUNK: usize = 1 << 13;
        let mut sums = sums.into_iter();
        let mut total = sums.next().expect("a pass has parts");
        let others: Vec<Buffer<T>> = sums.collect();
        total.par_chunks_mut(CHUNK).enumerate().for_each(|(i, total)| {
            for part in &others {
                kernels::put(&part[i * CHUNK..][..total.len()], false, total);
            }
        });
        self.program.params.iter().for_each(|param| param.sink.put(&total[param.range.clone()]));
        for ((store, tracked), gradient) in self.program.stores.iter().zip(gradients) {
            if let Some((gradient, _)) = gradient
                && *tracked
            {
                store.put_gradient(gradient);
            }
        }
    }

    fn backward_part<T: Storable>(
        &self,
        inputs: &Inputs<'_, T>,
        grad: &[T],
        nets: &Range<usize>,
        kept: Option<&[Option<Held>]>,
        part: &mut Part<'_, T>,
        params: &mut [T],
    ) {
        let program = &self.program;
        let again = self.plan.again(program, kept.is_some());
        let nodes = self.nodes(inputs, nets);
        let mut scratch = Scratch::new(self.rows_per_block());
        let width = program.out_width();
        let mut gifts = Gifts {
            nodes: part.nodes.iter_mut().map(|nodes| &mut **nodes).collect(),
            packed: &mut *part.packed,
            params,
        };
        for block in self.blocks(nets) {
            let mut registers: Registers<'_, T> = (0..program.steps.len())
                .map(|i| {
                    let kept = kept.and_then(|kept| kept[i].as_ref()).and_then(T::held);
                    match (kept, self.in_memory(i, inputs, &block)) {
                        (Some(kept), _) => Slot::Read(&kept[block.of_part(program.widths[i])]),
                        (None, Some(values)) => Slot::Read(values),
                        (None, None) => Slot::Empty,
                    }
                })
                .collect();
            self.run_forward(inputs, &nodes, &block, &mut registers, &mut scratch, false, |i| again[i]);
            let mut gradients = Gradients {
                slots: (0..program.steps.len()).map(|_| Slot::Empty).collect(),
                given: vec![false; program.steps.len()],
            };
            let mut stores: Vec<Option<(&mut [T], bool)>> = (part.stores.iter_mut())
                .map(|store| store.as_mut().map(|(rows, given)| (&mut **rows, *given)))
                .collect();
            for (i, step) in program.steps.iter().enumerate() {
                if let Step::Stored(store) = step
                    && let Some((rows, given)) = stores[*store].take()
                {
                    gradients.slots[i] = Slot::Write(&mut rows[block.of_part(program.widths[i])]);
                    gradients.given[i] = given;
                }
            }
            self.seed(grad, &block, width, &registers, &mut gradients, &mut scratch);
            self.run_backward(inputs, &nodes, &block, &mut registers, &mut gradients, &mut scratch, &mut gifts);
            registers.into_iter().chain(gradients.slots).for_each(|slot| scratch.release(slot));
        }
    }

    /// The gradients of the last register, or of the two whose product is summed, from that of the result.
    fn seed<'a, T: Storable>(
        &self,
        grad: &'a [T],
        block: &Block,
        width: usize,
        registers: &Registers<'_, T>,
        gradients: &mut Gradients<'a, T>,
        scratch: &mut Scratch<T>,
    ) {
        let n_values = block.n_rows() * width;
        let last = self.program.steps.len() - 1;
        match (self.program.out, self.program.tail) {
            // A program that only reads a store gives its gradient straight back.
            (Out::Rows, _) if !gradients.slots[last].is_empty() => {
                let first = !std::mem::replace(&mut gradients.given[last], true);
                let slot = gradients.slots[last].values_mut(n_values);
                kernels::put(&grad[block.of_part(width)], first, slot);
            }
            (Out::Rows, _) => {
                gradients.slots[last] = Slot::Read(&grad[block.of_part(width)]);
                gradients.given[last] = true;
            }
            (Out::Sum(axis), None) => {
                let at = block.at(kept_axis(axis));
                let first = !std::mem::replace(&mut gradients.given[last], true);
                if gradients.slots[last].is_empty() {
                    gradients.slots[last] = scratch.slot(width);
                }
                let slot = gradients.slots[last].values_mut(n_values);
                if first {
                    kernels::copy_nodes(grad, at, width, slot);
                } else {
                    kernels::add_nodes(grad, at, width, slot);
                }
            }
            (Out::Sum(axis), Some([a, b])) => {
                let at = block.at(kept_axis(axis));
                let mut open = |x: usize| {
                    let mut slot = std::mem::replace(&mut gradients.slots[x], Slot::Empty);
                    if slot.is_empty() {
                        slot = scratch.slot(width);
                    }
                    (slot, !std::mem::replace(&mut gradients.given[x], true))
                };
                let value = |x: usize| registers[x].values(n_values);
                let (mut da, first_a) = open(a);
                if a == b {
                    // A square gives twice to the same gradient.
                    let mut twice = scratch.slot(width);
                    kernels::mul_nodes(value(a), grad, at, width, true, twice.values_mut(n_values));
                    let factor = T::one() + T::one();
                    kernels::put_scaled(twice.values(n_values), factor, first_a, da.values_mut(n_values));
                    gradients.slots[a] = da;
                    scratch.release(twice);
                    return;
                }
                let (mut db, first_b) = open(b);
                let (to_a, to_b) = (da.values_mut(n_values), db.values_mut(n_values));
                kernels::put_node_products(grad, at, width, value(a), value(b), first_a, to_a, first_b, to_b);
                gradients.slots[a] = da;
                gradients.slots[b] = db;
            }
        }
    }

    /// Runs forward on candle's storages.
    fn forward_in<T: Storable>(&self, stored: [(&CpuStorage, &Layout); 3]) -> Result<(CpuStorage, Shape)> {
        let [edges, nodes, _] = stored.map(|(storage, layout)| values::<T>(storage, layout));
        let inputs = self.inputs(edges?, nodes?)?;
        let rows = self.program.block[0] * self.rows_per_net();
        let worth: usize = self.plan.worth.iter().zip(&self.program.widths).map(|(w, n)| usize::from(*w) * n).sum();
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
            Storage::Cpu(storage) => values::<T>(storage, guards[i].1),
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

/// What a part of the way back gives to, of its own nets.
struct Part<'a, T> {
    nodes: Vec<&'a mut [T]>,
    packed: &'a mut [T],
    /// Rows of the stores, with whether they hold gifts already.
    stores: Vec<Option<(&'a mut [T], bool)>>,
}

/// The axis of nodes that remains when the other one is summed away.
fn kept_axis(summed: EdgeAxis) -> EdgeAxis {
    match summed {
        EdgeAxis::Senders => EdgeAxis::Receivers,
        EdgeAxis::Receivers => EdgeAxis::Senders,
    }
}

/// The values of a contiguous tensor.
fn values<'a, T: Element>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<T>()?[start..end]),
        None => bail!("rows: a pass was given strided input"),
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
