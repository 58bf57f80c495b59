//! Which kernel runs on how many threads with which arguments: a description, for a device or for its stand-in in tests.

mod gather;
mod nets;
mod optimizer;
pub(super) mod steps;

pub(super) use self::gather::{Attention, Moments};
pub(in crate::ops) use self::nets::Nets;

pub(super) use self::optimizer::{Table, Word, add_parts};
use crate::ops::{EdgeAxis, Symmetrize};

/// One run of a kernel: a table of arrays if it takes one, some inputs, an output if it has any numbers, then plain
/// arguments, in this order in every kernel's signature.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Launch {
    pub(super) module: Module,
    pub(super) kernel: &'static str,
    /// Numbers in the output.
    pub(super) n_out: usize,
    /// Blocks, along two axes.
    pub(super) grid: [u32; 2],
    /// Threads of a block, along two axes.
    pub(super) block: [u32; 2],
    /// Bytes of shared memory a block.
    pub(super) shared: u32,
    pub(super) arguments: Vec<Argument>,
}

/// The file a kernel is in, `kernels/NAME.cu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Module {
    Rows,
    Edges,
    Steps,
    Optimizer,
    Gather,
    Nets,
}

/// A plain argument of a kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Argument {
    U64(u64),
    U32(u32),
    F32(f32),
}

/// Rows `[n_rows, width]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) n_rows: usize,
    pub(super) width: usize,
}

/// A tensor seen as `[outer, n, inner]`, with the middle axis there or summed away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    outer: usize,
    n: usize,
    inner: usize,
}

/// Threads in step.
const WARP: u32 = 32;
/// Warps of a block that treats rows.
const WARPS: u32 = 4;
/// Threads of a block that treats numbers one by one.
const THREADS: u32 = 256;
/// More blocks than this take turns; a multiple of what fits on any device at once.
const MOST_BLOCKS: usize = 1 << 14;
/// Parts in which a sum over rows is taken, at most: they fill a large device and are quickly added.
const MOST_PARTS: usize = 1 << 10;
/// Rows from which on a sum is worth taking in parts.
const ROWS_OF_A_PART: usize = 256;

/// The widest rows whose sums fit into the shared memory that every device gives a block (48 KiB).
pub(super) const MOST_WIDTH: usize = (48 << 10) / (4 * WARPS as usize);

impl Rows {
    /// Rows of a tensor, by its last axis.
    pub(super) fn of(dims: &[usize]) -> Self {
        let width = dims.last().copied().unwrap_or(1);
        Self { n_rows: dims.iter().product::<usize>() / width.max(1), width }
    }

    fn n(self) -> usize {
        self.n_rows * self.width
    }

    fn u32_width(self) -> Argument {
        Argument::U32(self.width as u32)
    }

    /// Blocks of a pass whose sums over rows are taken in parts, one a block.
    pub(super) fn parts(self) -> usize {
        self.n_rows.div_ceil(WARPS as usize).clamp(1, MOST_PARTS)
    }

    /// A warp a row.
    fn by_row(self, kernel: &'static str, arguments: Vec<Argument>) -> Launch {
        let grid = self.n_rows.div_ceil(WARPS as usize).clamp(1, MOST_BLOCKS) as u32;
        let module = Module::Rows;
        Launch {
            module,
            kernel,
            n_out: self.n(),
            grid: [grid, 1],
            block: [WARP * WARPS, 1],
            shared: 0,
            arguments,
        }
    }

    /// A warp a row, and behind the output a part of `n_sums` sums a block.
    fn with_sums(self, kernel: &'static str, n_sums: usize, arguments: Vec<Argument>) -> Launch {
        Launch {
            n_out: self.n() + self.parts() * n_sums,
            grid: [self.parts() as u32, 1],
            shared: (n_sums * 4) as u32 * WARPS,
            ..self.by_row(kernel, arguments)
        }
    }

    pub(super) fn bias_silu(self, signs: Symmetrize) -> Launch {
        by_number(Module::Rows, "bias_silu", self.n(), vec![self.u32_width(), n_signs(signs)])
    }

    pub(super) fn bias_silu_grad(self, signs: Symmetrize) -> Launch {
        let arguments = vec![Argument::U64(self.n_rows as u64), self.u32_width(), n_signs(signs)];
        self.with_sums("bias_silu_grad", self.width, arguments)
    }

    /// `[n_rows, width]` to `[parts, width]`.
    pub(super) fn sum(self, parts: usize) -> Launch {
        Launch {
            module: Module::Rows,
            kernel: "sum_rows",
            n_out: parts * self.width,
            grid: [self.width.div_ceil(WARP as usize) as u32, parts as u32],
            block: [WARP, WARP],
            shared: WARP * WARP * 4,
            arguments: vec![Argument::U64(self.n_rows as u64), self.u32_width()],
        }
    }

    /// Parts in which a sum of these rows is best taken first.
    pub(super) fn sum_parts(self) -> usize {
        (self.n_rows / ROWS_OF_A_PART).clamp(1, MOST_PARTS)
    }

    pub(super) fn unit_norm(self, guard: Option<f64>) -> Launch {
        self.by_row("unit_norm", self.of_norm(guard))
    }

    pub(super) fn unit_norm_grad(self, guard: Option<f64>) -> Launch {
        self.by_row("unit_norm_grad", self.of_norm(guard))
    }

    fn of_norm(self, guard: Option<f64>) -> Vec<Argument> {
        // Below zero stands for none.
        let guard = guard.map_or(-1.0, |guard| guard as f32);
        vec![Argument::U64(self.n_rows as u64), self.u32_width(), Argument::F32(guard)]
    }
}

impl Axis {
    /// An edge block `[B, R, S, H]` and the axis that is summed away.
    pub(super) fn of_edges([b, r, s, h]: [usize; 4], summed: EdgeAxis) -> Self {
        match summed {
            EdgeAxis::Receivers => Self { outer: b, n: r, inner: s * h },
            EdgeAxis::Senders => Self { outer: b * r, n: s, inner: h },
        }
    }

    pub(super) fn sum(self) -> Launch {
        by_number(Module::Edges, "sum_axis", self.outer * self.inner, self.arguments())
    }

    fn arguments(self) -> Vec<Argument> {
        vec![Argument::U32(self.n as u32), Argument::U32(self.inner as u32)]
    }
}

fn n_signs(signs: Symmetrize) -> Argument {
    Argument::U32(if signs == Symmetrize::Signs { 2 } else { 1 })
}

/// A thread a number, which also is the first argument.
fn by_number(module: Module, kernel: &'static str, n: usize, arguments: Vec<Argument>) -> Launch {
    let grid = n.div_ceil(THREADS as usize).clamp(1, MOST_BLOCKS) as u32;
    let arguments = std::iter::once(Argument::U64(n as u64)).chain(arguments).collect();
    Launch { module, kernel, n_out: n, grid: [grid, 1], block: [THREADS, 1], shared: 0, arguments }
}
