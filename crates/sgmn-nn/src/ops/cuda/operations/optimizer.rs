//! What follows the gradients, for all variables at once; formulas stand at [`crate::ops`].

use candle_core::{Result, Tensor};

use super::super::{
    adapter::run,
    launch::{Table, add_parts},
    tabled::{Array, change_all, read_all},
};
use crate::ops::{AdamWStep, Clip, Update};

/// The sum of squares of all numbers of some tensors, of which at least one has any.
pub(in crate::ops) fn total_squares(tensors: &[&Tensor]) -> Result<Tensor> {
    // Kept until the launch: a tensor that is not contiguous is copied.
    let tensors = contiguous(tensors.iter().copied().filter(|tensor| tensor.elem_count() > 0))?;
    let table = Table::new(tensors.iter().map(Tensor::elem_count).collect());
    let rows: Vec<_> = tensors.iter().map(|tensor| [Array::Read(tensor)]).collect();
    let parts = read_all(&table.sum_squares(), &table, &rows)?;
    run(&add_parts(parts.elem_count()), &[&parts])?.reshape(())
}

/// A step of AdamW in place, over variables of which at least one has any number.
pub(in crate::ops) fn adamw(updates: &mut [Update<'_>], clip: Option<&Clip>, step: &AdamWStep) -> Result<()> {
    let updates: Vec<_> = updates.iter_mut().filter(|update| update.var.elem_count() > 0).collect();
    let grads = contiguous(updates.iter().map(|update| update.grad))?;
    let table = Table::new(grads.iter().map(Tensor::elem_count).collect());
    let rows: Vec<_> = updates
        .iter()
        .zip(&grads)
        .map(|(update, grad)| {
            let changed = |tensor| Array::Changed(tensor);
            [
                Array::Read(grad),
                changed(&*update.mean),
                changed(&*update.square),
                changed(update.var.as_tensor()),
            ]
        })
        .collect();
    let max_norm = clip.map_or(0.0, |clip| clip.max_norm);
    change_all(&table.adamw(max_norm, step), &table, &rows, &[clip.map(|clip| &clip.squares)])
}

fn contiguous<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Result<Vec<Tensor>> {
    tensors.map(Tensor::contiguous).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use sgmn_graph::{Seed, normal};

    use super::*;
    use crate::ops::reference;

    const SHAPES: [&[usize]; 4] = [&[5, 60], &[1], &[70, 90], &[33]];

    fn numbers(shape: &[usize], seed: u64) -> Tensor {
        let mut rng = Seed::new(seed).rng();
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| normal(&mut rng) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Means, squares and variables after some steps, one row.
    fn steps(device: &Device, max_norm: Option<f64>, plainly: bool) -> Vec<f32> {
        let zeros = || SHAPES.map(|shape| numbers(shape, 0).zeros_like().unwrap().to_device(device).unwrap());
        let (mut means, mut squares) = (zeros(), zeros());
        let vars: Vec<Var> = (0..)
            .zip(SHAPES)
            .map(|(i, shape)| Var::from_tensor(&numbers(shape, i).to_device(device).unwrap()).unwrap())
            .collect();
        for step in 0..3 {
            let grads: Vec<Tensor> = (0..)
                .zip(SHAPES)
                .map(|(i, shape)| numbers(shape, 100 * (step + 1) + i).to_device(device).unwrap())
                .collect();
            let all: Vec<&Tensor> = grads.iter().collect();
            let total = if plainly { reference::total_squares } else { total_squares };
            let clip = max_norm.map(|max_norm| Clip { squares: total(&all).unwrap(), max_norm });
            let moments = means.iter_mut().zip(&mut squares);
            let mut updates: Vec<Update<'_>> = vars
                .iter()
                .zip(&grads)
                .zip(moments)
                .map(|((var, grad), (mean, square))| Update { var, grad, mean, square })
                .collect();
            let step = if plainly { reference::adamw } else { adamw };
            step(&mut updates, clip.as_ref(), &AdamWStep::EARLY).unwrap();
        }
        let parts = means.iter().chain(&squares).chain(vars.iter().map(|var| var.as_tensor()));
        parts.flat_map(|part| part.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
    }

    #[test]
    fn steps_on_a_device_are_those_of_the_plain_form() {
        let Ok(device) = Device::new_cuda(0) else { return };
        for max_norm in [None, Some(1.5), Some(1e6)] {
            let (found, expected) = (steps(&device, max_norm, false), steps(&Device::Cpu, max_norm, true));
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{max_norm:?}: {worst}");
            assert_eq!(found, steps(&device, max_norm, false), "the same bits again");
        }
    }

    #[test]
    fn nothing_finite_is_left_where_a_gradient_is_not() {
        let Ok(device) = Device::new_cuda(0) else { return };
        let broken = |max_norm| {
            let grad = Tensor::new(&[1.0, f32::NAN, 2.0], &device).unwrap();
            let var = Var::from_tensor(&Tensor::new(&[1f32; 3], &device).unwrap()).unwrap();
            let (mut mean, mut square) = (grad.zeros_like().unwrap(), grad.zeros_like().unwrap());
            let clip = Clip { squares: total_squares(&[&grad]).unwrap(), max_norm };
            let update = Update { var: &var, grad: &grad, mean: &mut mean, square: &mut square };
            adamw(&mut [update], Some(&clip), &AdamWStep::EARLY).unwrap();
            var.to_vec1::<f32>().unwrap()
        };
        assert!(broken(1.0).iter().all(|number| number.is_nan()));
    }
}
