//! Runs of what nodes gather from their edges by other means than a sum.

use super::{Argument, Axis, Launch, MOST_BLOCKS, Module, WARP, WARPS, by_number};
use crate::ops::EdgeAxis;

/// Mean, deviation, minimum and maximum of the edges at each node.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops::cuda) struct Moments {
    axis: Axis,
    width: usize,
}

impl Moments {
    /// An edge block `[B, R, S, H]` and the axis that is summed away.
    pub(in crate::ops::cuda) fn of_edges(block: [usize; 4], summed: EdgeAxis) -> Self {
        Self { axis: Axis::of_edges(block, summed), width: block[3] }
    }

    pub(in crate::ops::cuda) fn aggregate(self) -> Launch {
        self.by_channel("aggregate", 4)
    }

    pub(in crate::ops::cuda) fn aggregate_grad(self) -> Launch {
        self.by_channel("aggregate_grad", self.axis.n)
    }

    /// A thread a channel of a node, each with some numbers of the output.
    fn by_channel(self, kernel: &'static str, n_each: usize) -> Launch {
        let n = self.axis.outer * self.axis.inner;
        let arguments = [self.axis.n, self.axis.inner, self.width].map(|n| Argument::U32(n as u32));
        Launch { n_out: n * n_each, ..by_number(Module::Gather, kernel, n, arguments.into()) }
    }
}

/// Sizes of an attention of nodes over themselves and the edges on both sides, none where a side is missing.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops::cuda) struct Attention {
    pub(in crate::ops::cuda) n_nets: usize,
    pub(in crate::ops::cuda) n_nodes: usize,
    /// Edges that enter and that leave each node.
    pub(in crate::ops::cuda) n_edges: [usize; 2],
    pub(in crate::ops::cuda) n_heads: usize,
    /// Channels of all heads.
    pub(in crate::ops::cuda) width: usize,
}

impl Attention {
    pub(in crate::ops::cuda) fn attend(self) -> Launch {
        let n = self.n_nets * self.n_nodes * self.width;
        by_number(Module::Gather, "attend", n, self.arguments())
    }

    /// A warp a node and head; the gradients of the three groups of rows, one after the other.
    pub(in crate::ops::cuda) fn attend_grad(self) -> Launch {
        let n_pairs = self.n_nets * self.n_nodes * self.n_heads;
        // Rows of a narrow head are treated side by side.
        let lanes = (self.width / self.n_heads).next_power_of_two().min(WARP as usize);
        let mut arguments = vec![Argument::U64(n_pairs as u64)];
        arguments.extend(self.arguments());
        arguments.push(Argument::U32(lanes as u32));
        Launch {
            module: Module::Gather,
            kernel: "attend_grad",
            n_out: self.lengths().iter().sum(),
            grid: [n_pairs.div_ceil(WARPS as usize).clamp(1, MOST_BLOCKS) as u32, 1],
            block: [WARP * WARPS, 1],
            shared: 0,
            arguments,
        }
    }

    /// Numbers in each group of rows: own, incoming, outgoing.
    pub(in crate::ops::cuda) fn lengths(self) -> [usize; 3] {
        let own = self.n_nets * self.n_nodes * (self.n_heads + self.width);
        [own, own * self.n_edges[0], own * self.n_edges[1]]
    }

    fn arguments(self) -> Vec<Argument> {
        let [incoming, outgoing] = self.n_edges;
        let sizes = [self.n_nodes, incoming, outgoing, self.n_heads, self.width];
        sizes.map(|n| Argument::U32(n as u32)).into()
    }
}
