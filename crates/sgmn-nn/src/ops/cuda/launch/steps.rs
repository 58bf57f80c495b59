//! Steps over all rows of a block of edges.

use super::{Argument, Axis, Launch, Module, Rows, WARPS};
use crate::ops::{
    EdgeAxis, Symmetrize,
    cpu::kernels::Mask,
    steps::{Addends, Block},
};

/// The widest rows that stay in the registers of a warp.
pub(in super::super) const MOST_WIDTH_IN_REGISTERS: usize = 256;

/// The bits of a kernel's `flags`: which operands are there, and where the nodes are.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Flags(u32);

impl Flags {
    pub(in super::super) fn of(addends: &Addends) -> Self {
        let rows = u32::from(addends.rows.is_some());
        let ends = addends.nodes.iter().zip([3, 5]).map(|((_, axis), shift)| end(*axis) << shift);
        Self(rows | ends.sum::<u32>())
    }

    pub(in super::super) fn with_more(self, is_there: bool) -> Self {
        Self(self.0 | u32::from(is_there) << 1)
    }

    pub(in super::super) fn with_bias(self, is_there: bool) -> Self {
        Self(self.0 | u32::from(is_there) << 2)
    }

    pub(in super::super) fn at(self, axis: EdgeAxis) -> Self {
        Self(self.0 | end(axis) << 3)
    }
}

fn end(axis: EdgeAxis) -> u32 {
    match axis {
        EdgeAxis::Receivers => 1,
        EdgeAxis::Senders => 2,
    }
}

/// The rows of a block, of some width.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Steps {
    pub(in super::super) block: Block,
    pub(in super::super) width: usize,
}

impl Steps {
    fn rows(self) -> Rows {
        Rows { n_rows: self.block.n_rows(), width: self.width }
    }

    fn launch(self, kernel: &'static str, more: &[u32]) -> Launch {
        let numbers = [self.width as u32].into_iter().chain(more.iter().copied()).map(Argument::U32);
        let arguments = std::iter::once(Argument::U64(self.block.n_rows() as u64)).chain(numbers).collect();
        Launch { module: Module::Steps, ..self.rows().by_row(kernel, arguments) }
    }

    fn with_two_outputs(self, launch: Launch) -> Launch {
        Launch { n_out: 2 * self.rows().n(), ..launch }
    }

    fn axes(self) -> [u32; 2] {
        [self.block.r as u32, self.block.s as u32]
    }

    pub(in super::super) fn norm_silu(self, signs: Symmetrize, flags: Flags) -> Launch {
        let [r, s] = self.axes();
        self.launch("norm_silu_of_sum", &[1 + u32::from(signs == Symmetrize::Signs), flags.0, r, s])
    }

    /// Parts of the sums of [`Steps::norm_silu_grad`], one a block.
    pub(in super::super) fn parts(self) -> usize {
        self.rows().parts()
    }

    pub(in super::super) fn norm_silu_grad(self, signs: Symmetrize, flags: Flags) -> Launch {
        let [r, s] = self.axes();
        let n_sums = 3 * self.width;
        Launch {
            n_out: self.rows().n() + self.parts() * n_sums,
            grid: [self.parts() as u32, 1],
            shared: (n_sums * 4) as u32 * WARPS,
            ..self
                .launch("norm_silu_of_sum_grad", &[1 + u32::from(signs == Symmetrize::Signs), flags.0, r, s])
        }
    }

    pub(in super::super) fn add_up(self, flags: Flags) -> Launch {
        let [r, s] = self.axes();
        self.launch("add_up", &[flags.0, r, s])
    }

    pub(in super::super) fn mul(self, flags: Flags) -> Launch {
        self.launch("mul_biased", &[flags.0])
    }

    pub(in super::super) fn mul_grad(self, flags: Flags) -> Launch {
        self.with_two_outputs(self.launch("mul_biased_grad", &[flags.0]))
    }

    pub(in super::super) fn mul_nodes(self, x_width: usize, flags: Flags) -> Launch {
        let [r, s] = self.axes();
        self.launch("mul_nodes", &[x_width as u32, flags.0, r, s])
    }

    pub(in super::super) fn sum_product(self, a_width: usize, summed: EdgeAxis, flags: Flags) -> Launch {
        let Block { b, r, s } = self.block;
        let Axis { outer, n, inner } = Axis::of_edges([b, r, s, self.width], summed);
        let numbers = [n, inner, self.width, a_width].map(|number| Argument::U32(number as u32));
        let arguments = numbers.into_iter().chain([Argument::U32(flags.0)]).collect();
        super::by_number(Module::Steps, "sum_product", outer * inner, arguments)
    }

    pub(in super::super) fn sum_product_grad(self, flags: Flags) -> Launch {
        let [r, s] = self.axes();
        self.with_two_outputs(self.launch("sum_product_grad", &[flags.0, r, s]))
    }

    pub(in super::super) fn kept(self, mask: Mask) -> Launch {
        let [key, second_key] = mask.key();
        let mut launch = self.launch("kept", &[key, second_key, mask.threshold()]);
        launch.arguments.push(Argument::F32(mask.scale() as f32));
        launch
    }
}
