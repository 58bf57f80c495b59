//! What follows the gradients.

use candle_core::{Result, Tensor, Var};

use super::{Case, Kernel, Operation, one};
use crate::ops::{AdamWStep, Clip, Update, cuda::operations, reference};

/// Some variables at once, one of them of several chunks. These operations have no gradient; that of their first input is
/// compared in their place.
pub(super) fn cases<'a>() -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    let mut case = |kernel, shapes: Vec<Vec<usize>>, ours: Operation<'a>, plain: Operation<'a>| {
        cases.push(Case { kernel, shapes, ours, plain });
    };
    const SHAPES: [&[usize]; 4] = [&[1], &[300, 17], &[33], &[2, 3]];
    let with_first = |x: &[Tensor], result: Tensor| result.broadcast_add(&x[0].mean_all()?);
    let total = move |x: &[Tensor], total_squares: fn(&[&Tensor]) -> Result<Tensor>| {
        with_first(x, total_squares(&x.iter().collect::<Vec<_>>())?.detach())
    };
    let shapes = || SHAPES.iter().map(|shape| shape.to_vec());
    case(
        Kernel::TotalSquares,
        shapes().collect(),
        one(move |x| total(x, operations::total_squares)),
        one(move |x| total(x, reference::total_squares)),
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
            one(move |x| step(x, operations::adamw)),
            one(move |x| step(x, reference::adamw)),
        );
    }
    cases
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
