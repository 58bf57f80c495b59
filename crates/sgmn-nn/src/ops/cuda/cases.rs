//! What kernels are compared on before they are used.

mod steps;

use candle_core::{Result, Tensor};
use sgmn_graph::Seed;

use super::{
    Kernel, launch,
    operations::{self, key},
};
use crate::ops::{AdamWStep, EdgeAxis, Symmetrize, reference};

pub(super) type Operation<'a> = Box<dyn Fn(&[Tensor]) -> Result<Tensor> + 'a>;

/// Two forms of an operation, and shapes to try them on.
pub(super) struct Case<'a> {
    pub(super) kernel: Kernel,
    pub(super) shapes: Vec<Vec<usize>>,
    pub(super) ours: Operation<'a>,
    pub(super) plain: Operation<'a>,
}

/// All kernels, each on the smallest inputs that reach all of its branches.
pub(super) fn cases<'a>() -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    let mut case = |kernel, shapes: Vec<Vec<usize>>, ours: Operation<'a>, plain: Operation<'a>| {
        cases.push(Case { kernel, shapes, ours, plain });
    };
    // More rows than one block takes, and widths that fill no, one and several turns of a warp.
    for (rows, width) in [(1, 1), (67, 7), (67, 128), (1500, 40)] {
        let shapes = vec![vec![rows, width], vec![width], vec![width], vec![width]];
        for signs in [Symmetrize::No, Symmetrize::Signs] {
            case(
                Kernel::NormSilu,
                shapes.clone(),
                Box::new(move |x| operations::norm_silu(&x[0], &x[1], &x[2], &x[3], signs)),
                Box::new(move |x| reference::norm_silu(&x[0], &x[1], &x[2], &x[3], signs)),
            );
            case(
                Kernel::BiasSilu,
                shapes[..2].to_vec(),
                Box::new(move |x| operations::bias_silu(&x[0], &x[1], signs)),
                Box::new(move |x| reference::bias_silu(&x[0], &x[1], signs)),
            );
        }
        case(
            Kernel::AddBias,
            shapes[..2].to_vec(),
            Box::new(|x| operations::add_bias(&x[0], &x[1])),
            Box::new(|x| reference::add_bias(&x[0], &x[1])),
        );
        for guard in [None, Some(0.3)] {
            case(
                Kernel::UnitNorm,
                shapes[..1].to_vec(),
                Box::new(move |x| operations::unit_norm(&x[0], guard)),
                Box::new(move |x| reference::unit_norm(&x[0], guard)),
            );
        }
        case(
            Kernel::Abs,
            shapes[..1].to_vec(),
            Box::new(|x| operations::abs(&x[0])),
            Box::new(|x| reference::abs(&x[0])),
        );
        case(
            Kernel::Dropout,
            shapes[..1].to_vec(),
            Box::new(|x| operations::dropout(&x[0], 0.3, &Seed::new(3))),
            Box::new(|x| {
                let mask: Vec<f32> = launch::mask(x[0].elem_count(), 0.3, key(&Seed::new(3))).collect();
                &x[0] * Tensor::from_vec(mask, x[0].dims(), x[0].device())?
            }),
        );
    }
    // These two have no gradient; that of their first input is compared in their place.
    for n in [1, 3000] {
        let with_x = |x: &Tensor, more: Tensor| x.broadcast_add(&more.sum_all()?);
        case(
            Kernel::AddSquares,
            vec![vec![n], vec![]],
            Box::new(move |x| with_x(&x[0], operations::add_squares(Some(&x[1]), &x[0])?.detach())),
            Box::new(move |x| with_x(&x[0], reference::add_squares(Some(&x[1]), &x[0])?.detach())),
        );
        let joined = |x: &Tensor, parts: [Tensor; 3]| {
            let weights = Tensor::new(&[[1f32], [2.0], [3.0]], x.device())?;
            x + Tensor::stack(&parts, 0)?.detach().broadcast_mul(&weights)?.sum(0)?
        };
        let step = AdamWStep {
            beta1: 0.9,
            beta2: 0.99,
            mean_bias: 0.19,
            square_bias: 0.02,
            eps: 1e-8,
            decay: 0.01,
            rate: 0.1,
        };
        case(
            Kernel::AdamW,
            vec![vec![n]; 4],
            Box::new(move |x| joined(&x[0], operations::adamw(&x[0], &x[1], &x[2].sqr()?, &x[3], &step)?)),
            Box::new(move |x| joined(&x[0], reference::adamw(&x[0], &x[1], &x[2].sqr()?, &x[3], &step)?)),
        );
    }
    for [b, r, s, h] in [[1, 1, 1, 1], [3, 5, 4, 8], [2, 1, 33, 16], [2, 3, 4, 128]] {
        for axis in [EdgeAxis::Receivers, EdgeAxis::Senders] {
            case(
                Kernel::SumEdges,
                vec![vec![b, r, s, h]],
                Box::new(move |x| operations::sum_edges(&x[0], axis)),
                Box::new(move |x| reference::sum_edges(&x[0], axis)),
            );
            let (n, n_others) = if axis == EdgeAxis::Receivers { (r, s) } else { (s, r) };
            case(
                Kernel::Spread,
                vec![vec![b, n, h]],
                Box::new(move |x| operations::spread(&x[0], n_others, axis)),
                Box::new(move |x| reference::spread(&x[0], n_others, axis)),
            );
        }
    }
    cases.extend(steps::cases());
    cases
}
