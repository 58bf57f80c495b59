//! Cases of what nodes gather from their edges by other means than a sum.

use candle_core::{Result, Tensor};

use super::{Case, Operation, one};
use crate::ops::{
    EdgeAxis,
    cuda::{Kernel, operations},
    reference,
};

type Attend = fn(&Tensor, Option<&Tensor>, Option<&Tensor>, usize) -> Result<Tensor>;

pub(super) fn cases<'a>() -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    for [b, r, s, h] in [[1, 1, 1, 1], [3, 5, 4, 8], [2, 1, 33, 16], [2, 3, 4, 128]] {
        for axis in [EdgeAxis::Receivers, EdgeAxis::Senders] {
            cases.push(Case {
                kernel: Kernel::Aggregate,
                shapes: vec![vec![b, r, s, h]],
                ours: one(move |x| operations::aggregate(&x[0], axis)),
                plain: one(move |x| reference::aggregate(&x[0], axis)),
            });
        }
    }
    // One row and more than a warp takes at once; heads narrower than a warp, as wide, and wider.
    for ([b, n, s, r], n_heads, d_head) in
        [([1, 1, 1, 1], 1, 1), ([3, 4, 2, 5], 2, 3), ([2, 3, 40, 1], 4, 32), ([2, 2, 3, 37], 1, 50)]
    {
        let row = n_heads * (1 + d_head);
        for sides in [[true, true], [true, false], [false, true], [false, false]] {
            let attend = |attend: Attend| -> Operation<'a> {
                one(move |x| {
                    let side = |i: usize| sides[i].then(|| &x[i + 1]);
                    attend(&x[0], side(0), side(1), n_heads)
                })
            };
            cases.push(Case {
                kernel: Kernel::Attend,
                shapes: vec![vec![b, n, row], vec![b, n, s, row], vec![b, r, n, row]],
                ours: attend(operations::attend),
                plain: attend(reference::attend),
            });
        }
    }
    cases
}
