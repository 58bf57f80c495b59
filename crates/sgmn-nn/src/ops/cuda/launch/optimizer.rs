//! Launches of what follows the gradients: kernels that reach the arrays of all variables through a table.

use super::{Argument, Launch, MOST_BLOCKS, MOST_PARTS, Module, THREADS};
use crate::ops::AdamWStep;

/// How a kernel finds the arrays of many variables and shares them out, in chunks of one length, so that blocks have
/// equal work whatever the sizes.
///
/// On the device it is a row of words a variable: the addresses of its arrays, its length, and the number of chunks up
/// to its end. A few kilobytes, uploaded for each launch, since gradients lie elsewhere in every step.
#[derive(Debug, Clone)]
pub(in crate::ops::cuda) struct Table {
    lengths: Vec<usize>,
    chunk: usize,
}

/// A word of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops::cuda) enum Word {
    /// The address of an array of a variable.
    Address { var: usize, array: usize },
    /// A plain number.
    Number(u64),
}

/// Numbers of a chunk: eight for each thread of a block, enough to pay for finding the chunk, and few enough that a
/// model of a million variables fills a large device.
const CHUNK: usize = 8 * THREADS as usize;

/// Threads of a block that adds parts alone.
const ADDING_THREADS: u32 = 1024;

impl Table {
    /// Variables of these lengths.
    pub(in crate::ops::cuda) fn new(lengths: Vec<usize>) -> Self {
        Self { lengths, chunk: CHUNK }
    }

    /// The same variables in chunks of another length.
    #[cfg(test)]
    pub(in crate::ops::cuda) fn in_chunks_of(self, chunk: usize) -> Self {
        Self { chunk, ..self }
    }

    fn n_chunks(&self) -> usize {
        self.lengths.iter().map(|length| length.div_ceil(self.chunk)).sum()
    }

    /// The rows, for variables of so many arrays each.
    pub(in crate::ops::cuda) fn words(&self, n_arrays: usize) -> Vec<Word> {
        let mut end = 0;
        let rows = self.lengths.iter().enumerate().flat_map(|(var, length)| {
            end += length.div_ceil(self.chunk);
            let addresses = (0..n_arrays).map(move |array| Word::Address { var, array });
            addresses.chain([Word::Number(*length as u64), Word::Number(end as u64)])
        });
        rows.collect()
    }

    /// The sum of squares of one array each in parts, which [`add_parts`] adds. How many parts follows from the lengths
    /// alone, so the sum has one order.
    pub(in crate::ops::cuda) fn sum_squares(&self) -> Launch {
        let grid = self.n_chunks().clamp(1, MOST_PARTS) as u32;
        Launch {
            n_out: grid as usize,
            grid: [grid, 1],
            shared: THREADS * 4,
            ..self.launch("sum_squares", Vec::new())
        }
    }

    /// A step of AdamW in place, over `[gradient, mean, square, variable]` each.
    ///
    /// One input: the sum of all squared gradients, which are brought down to the length `max_norm`, or nothing.
    pub(in crate::ops::cuda) fn adamw(&self, max_norm: f64, step: &AdamWStep) -> Launch {
        let AdamWStep { beta1, beta2, mean_bias, square_bias, eps, decay, rate } = *step;
        let decays = [beta1, 1.0 - beta1, beta2, 1.0 - beta2, 1.0 / mean_bias, 1.0 / square_bias];
        let numbers = [max_norm].into_iter().chain(decays).chain([eps, 1.0 - decay, rate]);
        self.launch("adamw", numbers.map(|number| Argument::F32(number as f32)).collect())
    }

    /// A block a chunk, in turns if there are too many.
    fn launch(&self, kernel: &'static str, more: Vec<Argument>) -> Launch {
        let mut arguments = vec![
            Argument::U64(self.lengths.len() as u64),
            Argument::U64(self.n_chunks() as u64),
            Argument::U32(self.chunk as u32),
        ];
        arguments.extend(more);
        let grid = self.n_chunks().clamp(1, MOST_BLOCKS) as u32;
        let module = Module::Optimizer;
        Launch { module, kernel, n_out: 0, grid: [grid, 1], block: [THREADS, 1], shared: 0, arguments }
    }
}

/// The sum of a few numbers.
pub(in crate::ops::cuda) fn add_parts(n: usize) -> Launch {
    Launch {
        module: Module::Optimizer,
        kernel: "add_parts",
        n_out: 1,
        grid: [1, 1],
        block: [ADDING_THREADS, 1],
        shared: ADDING_THREADS * 4,
        arguments: vec![Argument::U64(n as u64)],
    }
}
