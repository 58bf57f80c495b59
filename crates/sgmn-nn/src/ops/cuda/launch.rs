//! Which kernel runs on how many threads with which arguments: a description, for a device or for its stand-in in tests.

pub(super) mod steps;

use crate::ops::{AdamWStep, EdgeAxis, Symmetrize};

/// One run of a kernel: some inputs, one output, then plain arguments, in this order in every kernel's signature.
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
pub(super) const MOST_WIDTH: usize = (48 << 10) / (3 * 4 * WARPS as usize);

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

    pub(super) fn norm_silu(self, signs: Symmetrize) -> Launch {
        self.by_row("norm_silu", vec![Argument::U64(self.n_rows as u64), self.u32_width(), n_signs(signs)])
    }

    pub(super) fn norm_silu_grad(self, signs: Symmetrize) -> Launch {
        let arguments = vec![Argument::U64(self.n_rows as u64), self.u32_width(), n_signs(signs)];
        self.with_sums("norm_silu_grad", 3 * self.width, arguments)
    }

    pub(super) fn bias_silu(self, signs: Symmetrize) -> Launch {
        by_number(Module::Rows, "bias_silu", self.n(), vec![self.u32_width(), n_signs(signs)])
    }

    pub(super) fn bias_silu_grad(self, signs: Symmetrize) -> Launch {
        let arguments = vec![Argument::U64(self.n_rows as u64), self.u32_width(), n_signs(signs)];
        self.with_sums("bias_silu_grad", self.width, arguments)
    }

    pub(super) fn add_bias(self) -> Launch {
        by_number(Module::Rows, "add_bias", self.n(), vec![self.u32_width()])
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

    pub(super) fn repeat(self) -> Launch {
        by_number(Module::Edges, "repeat_axis", self.outer * self.n * self.inner, self.arguments())
    }

    fn arguments(self) -> Vec<Argument> {
        vec![Argument::U32(self.n as u32), Argument::U32(self.inner as u32)]
    }
}

pub(super) fn absolute(n: usize) -> Launch {
    by_number(Module::Rows, "absolute", n, Vec::new())
}

pub(super) fn absolute_grad(n: usize) -> Launch {
    by_number(Module::Rows, "absolute_grad", n, Vec::new())
}

/// Threads of a block that sums alone.
const SUM_THREADS: u32 = 1024;

/// `total + Σ x²`.
pub(super) fn add_squares(n: usize) -> Launch {
    Launch {
        module: Module::Optimizer,
        kernel: "add_squares",
        n_out: 1,
        grid: [1, 1],
        block: [SUM_THREADS, 1],
        shared: SUM_THREADS * 4,
        arguments: vec![Argument::U64(n as u64)],
    }
}

/// A step of AdamW, to the new mean, square and variable in a row.
pub(super) fn adamw(n: usize, step: &AdamWStep) -> Launch {
    let AdamWStep { beta1, beta2, mean_bias, square_bias, eps, decay, rate } = *step;
    let numbers =
        [beta1, 1.0 - beta1, beta2, 1.0 - beta2, 1.0 / mean_bias, 1.0 / square_bias, eps, 1.0 - decay, rate];
    let arguments = numbers.iter().map(|number| Argument::F32(*number as f32)).collect();
    Launch { n_out: 3 * n, ..by_number(Module::Optimizer, "adamw", n, arguments) }
}

/// `x ⊙ mask`; see [`mask`].
pub(super) fn dropout(n: usize, p: f64, key: u64) -> Launch {
    let [threshold, factor] = [Argument::U32(threshold(p)), Argument::F32(factor(p))];
    by_number(Module::Rows, "dropout", n, vec![Argument::U64(key), threshold, factor])
}

/// The mask that the kernel `dropout` multiplies by: `1 / (1 − p)` or 0, by SplitMix64 at each element's own place.
pub(super) fn mask(n: usize, p: f64, key: u64) -> impl Iterator<Item = f32> {
    (1..=n as u64).map(move |i| {
        let z = key.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let random = ((z ^ (z >> 31)) >> 32) as u32;
        if random >= threshold(p) { factor(p) } else { 0.0 }
    })
}

fn threshold(p: f64) -> u32 {
    (p * f64::from(u32::MAX)) as u32
}

fn factor(p: f64) -> f32 {
    (1.0 / (1.0 - p)) as f32
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
