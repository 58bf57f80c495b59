//! A program's way back: the same parts and blocks, each computed again as far as it was not kept.

use std::{ops::Range, sync::PoisonError};

use rayon::prelude::*;

use super::{
    block_backward::{Gifts, Gradients},
    block_forward::{Reads, Registers},
    registers::{Block, Scratch, Slot},
    run::{Fused, Inputs, kept_axis},
};
use crate::ops::{
    cpu::{Buffer, kernels},
    fused::{
        compile::{NodePlace, Out, Step},
        record::{Held, Storable},
    },
};

impl Fused {
    /// Gradients of the packed edges (none if nobody wants them) and nodes; those of stores and parameters are put there.
    pub(crate) fn backward<T: Storable>(
        &self,
        inputs: &Inputs<'_, T>,
        grad: &[T],
    ) -> (Option<Vec<T>>, Vec<T>) {
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
        // Kept registers serve once: whoever asks for gradients a second time pays for computing them again.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let kept_parts = kept.as_ref().map(|kept| kept.parts.as_slice());
        let mut gradients = self.stored_gradients();
        let mut parts = self.cut(&mut gradients, d_packed, d_nodes);
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
        let total = add_up(sums);
        let wanted = self.program.params.iter().filter(|param| param.tensor.track_op());
        wanted.for_each(|param| param.sink.put(&total[param.range.clone()]));
        for ((store, tracked), gradient) in self.program.stores.iter().zip(gradients) {
            if let Some((gradient, _)) = gradient
                && *tracked
            {
                store.put_gradient(gradient);
            }
        }
    }

    /// The gradient of each store as far as it was given, with whether it was; none where nobody wants it.
    fn stored_gradients<T: Storable>(&self) -> Vec<Option<(Buffer<T>, bool)>> {
        // Gradients of nodes are given even where nobody wants them: they are small.
        let is_node =
            |i: usize| self.program.node_operands.iter().any(|nodes| nodes.place == NodePlace::Store(i));
        let stores = self.program.stores.iter().enumerate();
        stores
            .map(|(i, (store, tracked))| {
                (*tracked || is_node(i)).then(|| match store.take_gradient() {
                    Some(gradient) => (gradient, true),
                    None => (Buffer::stale(store.values::<T>().len()), false),
                })
            })
            .collect()
    }

    /// Cuts everything that is given to by nets. A store belongs to rows or to nodes, never to both.
    fn cut<'a, T: Storable>(
        &self,
        gradients: &'a mut [Option<(Buffer<T>, bool)>],
        d_packed: &'a mut [T],
        d_nodes: &'a mut [T],
    ) -> Vec<PartGradients<'a, T>> {
        let (n_nets, part) = (self.program.block[0], self.nets_per_part());
        let mut parts: Vec<PartGradients<'a, T>> = (0..n_nets.div_ceil(part))
            .map(|_| PartGradients { nodes: Vec::new(), packed: Default::default(), stores: Vec::new() })
            .collect();
        let slices = gradients.iter_mut();
        let mut slices: Vec<Option<(&'a mut [T], bool)>> =
            slices.map(|slice| slice.as_mut().map(|(gradient, given)| (&mut gradient[..], *given))).collect();
        let mut rest = d_nodes;
        for operand in &self.program.node_operands {
            let own: &'a mut [T] = match operand.place {
                NodePlace::Packed(_) => {
                    // Packed operands lie one after the other: each takes its own from the rest.
                    let (own, later) = std::mem::take(&mut rest).split_at_mut(operand.per_net * n_nets);
                    rest = later;
                    own
                }
                NodePlace::Store(store) => match slices[store].take() {
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
            let chunks = d_packed.chunks_mut(part * self.rows_per_net() * self.program.packed_width);
            parts.iter_mut().zip(chunks).for_each(|(part, packed)| part.packed = packed);
        }
        for slice in slices {
            let Some((rows, given)) = slice else {
                parts.iter_mut().for_each(|part| part.stores.push(None));
                continue;
            };
            let mut chunks = rows.chunks_mut((part * rows.len() / n_nets).max(1));
            let mut next = || chunks.next().map(|rows| (rows, given));
            parts.iter_mut().for_each(|part| part.stores.push(next()));
        }
        parts
    }

    fn backward_part<T: Storable>(
        &self,
        inputs: &Inputs<'_, T>,
        grad: &[T],
        nets: &Range<usize>,
        kept: Option<&[Option<Held>]>,
        part: &mut PartGradients<'_, T>,
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
            let reads = Reads { inputs, nodes: &nodes, block: &block };
            self.run_forward(&reads, &mut registers, &mut scratch, false, |i| again[i]);
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
            self.run_backward(&reads, &mut registers, &mut gradients, &mut scratch, &mut gifts);
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
        let axis = match self.program.out {
            Out::Rows if gradients.slots[last].is_empty() => {
                gradients.slots[last] = Slot::Read(&grad[block.of_part(width)]);
                gradients.given[last] = true;
                return;
            }
            Out::Rows => {
                // A program that only reads a store gives its gradient straight back.
                let (mut slot, first) = gradients.open(last, width, scratch);
                kernels::put(&grad[block.of_part(width)], first, slot.values_mut(n_values));
                gradients.slots[last] = slot;
                return;
            }
            Out::Sum(axis) => axis,
        };
        let at = block.at(kept_axis(axis));
        let Some([a, b]) = self.program.tail else {
            let (mut slot, first) = gradients.open(last, width, scratch);
            let values = slot.values_mut(n_values);
            if first {
                kernels::copy_nodes(grad, at, width, values)
            } else {
                kernels::add_nodes(grad, at, width, values)
            }
            gradients.slots[last] = slot;
            return;
        };
        let value = |x: usize| registers[x].values(n_values);
        let (mut da, first_a) = gradients.open(a, width, scratch);
        if a == b {
            // A square gives twice to the same gradient.
            let mut twice = scratch.slot(width);
            kernels::mul_nodes(value(a), grad, at, width, true, twice.values_mut(n_values));
            let factor = T::one() + T::one();
            kernels::put_scaled(twice.values(n_values), factor, first_a, da.values_mut(n_values));
            scratch.release(twice);
        } else {
            let (mut db, first_b) = gradients.open(b, width, scratch);
            let (to_a, to_b) = (da.values_mut(n_values), db.values_mut(n_values));
            kernels::put_node_products(grad, at, width, value(a), value(b), first_a, to_a, first_b, to_b);
            gradients.slots[b] = db;
        }
        gradients.slots[a] = da;
    }
}

/// The sum of the parts' gradients of parameters, each number in the order of the parts, whoever does it.
fn add_up<T: Storable>(parts: Vec<Buffer<T>>) -> Buffer<T> {
    const CHUNK: usize = 1 << 13;
    let mut parts = parts.into_iter();
    let mut total = parts.next().expect("a pass has parts");
    let others: Vec<Buffer<T>> = parts.collect();
    total.par_chunks_mut(CHUNK).enumerate().for_each(|(i, total)| {
        for part in &others {
            kernels::put(&part[i * CHUNK..][..total.len()], false, total);
        }
    });
    total
}

/// What a part of the way back gives to, of its own nets.
struct PartGradients<'a, T> {
    nodes: Vec<&'a mut [T]>,
    packed: &'a mut [T],
    /// Rows of the stores, with whether they hold gifts already.
    stores: Vec<Option<(&'a mut [T], bool)>>,
}
