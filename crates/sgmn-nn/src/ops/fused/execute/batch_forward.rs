//! A program's way forward: the parts of a batch side by side, the blocks of a part one after the other.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    block_forward::{Reads, Registers},
    registers::{Scratch, Slot},
    run::{Fused, Inputs, kept_axis},
};
use crate::ops::{
    cpu::{Buffer, kernels},
    fused::{
        compile::Out,
        record::{Held, Storable},
    },
};

impl Fused {
    /// Computes the result, whose memory holds zeros if it is a sum; returns the registers of every part to be kept.
    pub(crate) fn forward<T: Storable>(
        &self,
        inputs: &Inputs<'_, T>,
        out: &mut [T],
        keeps: bool,
    ) -> Vec<Vec<Option<Held>>> {
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
            let reads = Reads { inputs, nodes: &nodes, block: &block };
            let last = registers.len() - 1;
            let run = |registers: &mut Registers<'_, T>, scratch: &mut Scratch<T>| {
                self.run_forward(&reads, registers, scratch, true, |_| true);
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
}
