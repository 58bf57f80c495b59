//! What kernels are compared on before they are used.

mod gather;
mod nets;
mod steps;

use candle_core::{Result, Tensor, Var};
use sgmn_graph::Seed;

use super::{
    Kernel, launch,
    operations::{self, key},
};
use crate::ops::{AdamWStep, Clip, EdgeAxis, Symmetrize, Update, reference};

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
    of_the_optimizer(&mut case);
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
    cases.extend(gather::cases());
    cases.extend(nets::cases());
    cases.extend(steps::cases());
    cases
}

/// Some variables at once, one of them of several chunks. These operations have no gradient; that of their first input is
/// compared in their place.
fn of_the_optimizer<'a>(case: &mut impl FnMut(Kernel, Vec<Vec<usize>>, Operation<'a>, Operation<'a>)) {
    const SHAPES: [&[usize]; 4] = [&[1], &[300, 17], &[33], &[2, 3]];
    let with_first = |x: &[Tensor], result: Tensor| result.broadcast_add(&x[0].mean_all()?);
    let total = move |x: &[Tensor], total_squares: fn(&[&Tensor]) -> Result<Tensor>| {
        with_first(x, total_squares(&x.iter().collect::<Vec<_>>())?.detach())
    };
    let shapes = || SHAPES.iter().map(|shape| shape.to_vec());
    case(
        Kernel::TotalSquares,
        shapes().collect(),
        Box::new(move |x| total(x, operations::total_squares)),
        Box::new(move |x| total(x, reference::total_squares)),
    );
    // Gradients far longer than they may be, hardly any, and as they come.
    for max_norm in [Some(0.5), Some(1e6), None] {
        let step = move |x: &[Tensor], adamw: Step| {
            let changed = changed(x, max_norm, adamw)?;
            with_first(x, Tensor::cat(&changed, 0)?)
        };
        // Gradient, mean, root of the square and variable of each.
        let shapes = shapes().flat_map(|shape| vec![shape; 4]).collect();
        case(
            Kernel::AdamW,
            shapes,
            Box::new(move |x| step(x, operations::adamw)),
            Box::new(move |x| step(x, reference::adamw)),
        );
    }
}

type Step = fn(&mut [Update<'_>], Option<&Clip>, &AdamWStep) -> Result<()>;

/// What a step makes of copies of means, squares and variables, each in a row.
fn changed(x: &[Tensor], max_norm: Option<f64>, adamw: Step) -> Result<Vec<Tensor>> {
    let grads: Vec<&Tensor> = x.iter().step_by(4).collect();
    let squares = reference::total_squares(&grads)?;
    let clip = max_norm.map(|max_norm| Clip { squares, max_norm });
    let mut own = Vec::new();
    for of_var in x.chunks(4) {
        let var = Var::from_tensor(&of_var[3].detach().copy()?)?;
        // Squares away from zero, where a step divides by next to nothing and its size would hide all others.
        let square = (of_var[2].detach().sqr()? + 0.5)?;
        own.push((of_var[0].clone(), of_var[1].detach().copy()?, square, var));
    }
    let mut updates: Vec<Update<'_>> =
        own.iter_mut().map(|(grad, mean, square, var)| Update { var, grad, mean, square }).collect();
    adamw(&mut updates, clip.as_ref(), &AdamWStep::EARLY)?;
    let parts = own.iter().flat_map(|(_, mean, square, var)| [mean, square, var.as_tensor()]);
    parts.map(|part| part.detach().flatten_all()).collect()
}
