//! Steps over all rows of a block: what they return, and what their gradients are.

use candle_core::{Result, Tensor};
use sgmn_graph::Seed;

use super::{Case, Kernel, Operation};
use crate::ops::{
    EdgeAxis::{self, Receivers, Senders},
    Symmetrize,
    cpu::kernels::Mask,
    cuda::steps as ours,
    steps::{Addends, Block, plain},
};

/// A case of tensors outside candle's graph: results and gradients are parts, each compared by itself.
fn case<'a>(
    kernel: Kernel,
    shapes: &[Vec<usize>],
    ours: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a,
    plain: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a,
) -> Case<'a> {
    fn outside<'a>(f: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a) -> Operation<'a> {
        Box::new(move |x| f(&x.iter().map(Tensor::detach).collect::<Vec<_>>()))
    }
    Case { kernel, shapes: shapes.to_vec(), ours: outside(ours), plain: outside(plain) }
}

/// All kernels of steps, each on the smallest inputs that reach all of its branches.
pub(super) fn cases<'a>() -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    // Widths that fill no, one and several turns of a warp, and the second of the two sizes that stay in registers; at last
    // more rows than all blocks of a launch take at once.
    for ([b, r, s], width) in [
        ([1, 1, 1], 1),
        ([2, 3, 4], 7),
        ([3, 15, 33], 40),
        ([2, 32, 9], 128),
        ([1, 4, 3], 200),
        ([70, 32, 32], 7),
    ] {
        let block = Block { b, r, s };
        let rows = vec![block.n_rows(), width];
        let [receivers, senders, row] = [vec![b * r, width], vec![b * s, width], vec![width]];
        let shapes =
            [rows.clone(), receivers.clone(), senders.clone(), vec![3 * width], rows.clone(), row.clone()];
        for (has_rows, ends) in [
            (true, vec![]),
            (true, vec![Senders]),
            (false, vec![Receivers, Senders]),
            (true, vec![Receivers, Senders]),
        ] {
            let addends = move |x: &[Tensor]| Addends {
                rows: has_rows.then(|| x[0].clone()),
                nodes: ends
                    .iter()
                    .map(|end| (x[if *end == Receivers { 1 } else { 2 }].clone(), *end))
                    .collect(),
            };
            for signs in [Symmetrize::No, Symmetrize::Signs] {
                let (a, b) = (addends.clone(), addends.clone());
                cases.push(case(
                    Kernel::NormSiluOfSum,
                    &shapes,
                    move |x| {
                        let grads = ours::norm_silu_grad(block, &a(x), &x[3], signs, &x[4])?;
                        Ok([vec![ours::norm_silu(block, &a(x), &x[3], signs)?], grads.into()].concat())
                    },
                    move |x| {
                        let grads = plain::norm_silu_grad(block, &b(x), &x[3], signs, &x[4])?;
                        Ok([vec![plain::norm_silu(block, &b(x), &x[3], signs)?], grads.into()].concat())
                    },
                ));
            }
            let (a, b) = (addends.clone(), addends.clone());
            cases.push(case(
                Kernel::AddUp,
                &shapes,
                move |x| {
                    Ok(vec![
                        ours::add_up(block, &a(x), None, None)?,
                        ours::add_up(block, &a(x), Some(&x[4]), Some(&x[5]))?,
                    ])
                },
                move |x| {
                    Ok(vec![
                        plain::add_up(block, &b(x), None, None)?,
                        plain::add_up(block, &b(x), Some(&x[4]), Some(&x[5]))?,
                    ])
                },
            ));
        }
        for is_biased in [false, true] {
            let bias = move |x: &[Tensor]| is_biased.then(|| x[3].clone());
            cases.push(case(
                Kernel::MulBiased,
                &[rows.clone(), rows.clone(), rows.clone(), row.clone()],
                move |x| {
                    let bias = bias(x);
                    let grads = ours::mul_grad(&x[0], &x[1], bias.as_ref(), &x[2])?;
                    Ok([vec![ours::mul(&x[0], &x[1], bias.as_ref())?], grads.into()].concat())
                },
                move |x| {
                    let bias = bias(x);
                    let grads = plain::mul_grad(&x[0], &x[1], bias.as_ref(), &x[2])?;
                    Ok([vec![plain::mul(&x[0], &x[1], bias.as_ref())?], grads.into()].concat())
                },
            ));
            for summed in [Receivers, Senders] {
                let g = if summed == Senders { receivers.clone() } else { senders.clone() };
                cases.push(case(
                    Kernel::SumProduct,
                    &[rows.clone(), rows.clone(), g, row.clone()],
                    move |x| {
                        let bias = bias(x);
                        let grads =
                            ours::sum_product_grad(block, &x[0], &x[1], bias.as_ref(), summed, &x[2])?;
                        Ok([
                            vec![ours::sum_product(block, &x[0], &x[1], bias.as_ref(), summed)?],
                            grads.into(),
                        ]
                        .concat())
                    },
                    move |x| {
                        let bias = bias(x);
                        let grads =
                            plain::sum_product_grad(block, &x[0], &x[1], bias.as_ref(), summed, &x[2])?;
                        Ok([
                            vec![plain::sum_product(block, &x[0], &x[1], bias.as_ref(), summed)?],
                            grads.into(),
                        ]
                        .concat())
                    },
                ));
            }
        }
        cases.extend(of_numbers(block, width));
        cases.extend(of_rows(block, width));
        let mask = Mask::new(0.3, &Seed::new(3));
        cases.push(case(
            Kernel::Kept,
            std::slice::from_ref(&rows),
            move |x| Ok(vec![ours::kept(&x[0], mask)?]),
            move |x| Ok(vec![plain::kept(&x[0], mask)?]),
        ));
    }
    cases
}

/// Products of rows, or of one number a row, with nodes.
fn of_numbers<'a>(block: Block, width: usize) -> Vec<Case<'a>> {
    let ends = [(Receivers, block.b * block.r), (Senders, block.b * block.s)];
    let pairs = ends.into_iter().flat_map(|end| [1, width].map(|x_width| (end, x_width)));
    let both = pairs.flat_map(|((axis, n_nodes), x_width): ((EdgeAxis, usize), usize)| {
        let summed = if axis == Receivers { Senders } else { Receivers };
        let shapes = [vec![block.n_rows(), x_width], vec![n_nodes, width], vec![block.n_rows(), width]];
        [
            case(
                Kernel::MulNodes,
                &shapes[..2],
                move |x| Ok(vec![ours::mul_nodes(block, &x[0], &x[1], axis)?]),
                move |x| Ok(vec![plain::mul_nodes(block, &x[0], &x[1], axis)?]),
            ),
            case(
                Kernel::SumProduct,
                &shapes,
                move |x| Ok(vec![ours::sum_product(block, &x[0], &x[2], None, summed)?]),
                move |x| Ok(vec![plain::sum_product(block, &x[0], &x[2], None, summed)?]),
            ),
        ]
    });
    both.collect()
}

/// Sums, activations and directions of rows.
fn of_rows<'a>(block: Block, width: usize) -> Vec<Case<'a>> {
    let rows = vec![block.n_rows(), width];
    let mut cases = vec![case(
        Kernel::SumRows,
        std::slice::from_ref(&rows),
        |x| Ok(vec![ours::sum_rows(&x[0])?]),
        |x| Ok(vec![plain::sum_rows(&x[0])?]),
    )];
    for summed in [Receivers, Senders] {
        cases.push(case(
            Kernel::SumEdges,
            std::slice::from_ref(&rows),
            move |x| Ok(vec![ours::sum(block, &x[0], summed)?]),
            move |x| Ok(vec![plain::sum(block, &x[0], summed)?]),
        ));
    }
    for signs in [Symmetrize::No, Symmetrize::Signs] {
        cases.push(case(
            Kernel::BiasSilu,
            &[rows.clone(), vec![width], rows.clone()],
            move |x| {
                let grads = ours::bias_silu_grad(&x[0], &x[1], signs, &x[2])?;
                Ok([vec![ours::bias_silu(&x[0], &x[1], signs)?], grads.into()].concat())
            },
            move |x| {
                let grads = plain::bias_silu_grad(&x[0], &x[1], signs, &x[2])?;
                Ok([vec![plain::bias_silu(&x[0], &x[1], signs)?], grads.into()].concat())
            },
        ));
    }
    for guard in [None, Some(0.3)] {
        cases.push(case(
            Kernel::UnitNorm,
            &[rows.clone(), rows.clone()],
            move |x| Ok(vec![ours::unit_norm(&x[0], guard)?, ours::unit_norm_grad(&x[0], guard, &x[1])?]),
            move |x| Ok(vec![plain::unit_norm(&x[0], guard)?, plain::unit_norm_grad(&x[0], guard, &x[1])?]),
        ));
    }
    cases
}
