//! What follows the gradients, over all variables at once: their common length, and a step of AdamW.
//!
//! A model has hundreds of small variables, and a device takes longer to be told of an operation than to carry it out.

use candle_core::{DType, Result, Tensor, Var, bail};

use super::{Kind, meter, reference};

/// The sum of the squares of all numbers of some tensors, one number that stays on the device. No gradient.
///
/// # Shapes
/// Any; the result is a scalar.
///
/// # Errors
/// If there is no tensor; if the device refuses.
pub fn total_squares(tensors: &[&Tensor]) -> Result<Tensor> {
    // Parts are added by a kernel of their own.
    meter::note(Kind::Optimizer, 1, 0);
    meter::count(Kind::Optimizer, tensors, 0, || {
        #[cfg(feature = "cuda")]
        if on_cuda(super::cuda::Kernel::TotalSquares, tensors) {
            return super::cuda::total_squares(tensors);
        }
        reference::total_squares(tensors)
    })
}

/// A bound on the common Euclidean length of all gradients, for [`adamw`] to apply while it reads them:
/// `g · min(1, max / (√Σ g² + 1e-6))`.
///
/// # Source
/// PyTorch's `clip_grad_norm_`, including its 1e-6.
#[derive(Debug, Clone)]
pub struct Clip {
    /// `Σ g²` by [`total_squares`], a scalar that stays on the device.
    pub squares: Tensor,
    /// The greatest length that is left as it is, finite.
    pub max_norm: f64,
}

impl Clip {
    /// The factor of every gradient, in their number type. If the squares are not finite it is NaN, or may be 1 where
    /// candle's minimum on the device passes over NaN.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn factor(&self) -> Result<Tensor> {
        // PyTorch divides by the norm plus this.
        const GUARD: f64 = 1e-6;
        let dtype = self.squares.dtype();
        // One number, so it may be precise; Metal has no f64.
        let wide = if self.squares.device().is_metal() { dtype } else { DType::F64 };
        let norm = self.squares.to_dtype(wide)?.sqrt()?;
        (norm.affine(0.0, self.max_norm)? / (&norm + GUARD)?)?.minimum(1.0)?.to_dtype(dtype)
    }
}

/// The numbers of one step of AdamW.
#[derive(Debug, Clone, Copy)]
pub struct AdamWStep {
    /// Decay of the running mean, β₁.
    pub beta1: f64,
    /// Decay of the running square, β₂.
    pub beta2: f64,
    /// `1 − β₁ᵗ` at step t.
    pub mean_bias: f64,
    /// `1 − β₂ᵗ`.
    pub square_bias: f64,
    /// Added to the root of the running square.
    pub eps: f64,
    /// The share of the variable that this step removes, `η λ`.
    pub decay: f64,
    /// The learning rate of this step, η.
    pub rate: f64,
}

#[cfg(any(test, feature = "cuda"))]
impl AdamWStep {
    /// An early step with every number its own, on which kernels are compared.
    pub(super) const EARLY: Self = Self {
        beta1: 0.9,
        beta2: 0.99,
        mean_bias: 0.19,
        square_bias: 0.0199,
        eps: 1e-8,
        decay: 0.01,
        rate: 0.1,
    };
}

/// What a step of AdamW reads and changes for one variable; all of one shape.
///
/// Mean and square must not share their numbers with any other tensor, since a kernel rewrites them in place: whoever
/// hands them out hands out copies.
#[derive(Debug)]
pub struct Update<'a> {
    /// The variable; changed in place, as [`Var::set`] does.
    pub var: &'a Var,
    /// Its gradient, before clipping.
    pub grad: &'a Tensor,
    /// The running mean of gradients; rewritten or replaced.
    pub mean: &'a mut Tensor,
    /// The running mean of squared gradients; rewritten or replaced.
    pub square: &'a mut Tensor,
}

/// New running mean, running square and value of every variable: `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
/// `θ ← (1 − η λ) θ − η m̂ / (√v̂ + ε)` with `m̂ = m / (1 − β₁ᵗ)`, `v̂ = v / (1 − β₂ᵗ)`, where g is the gradient as the
/// clip leaves it. No gradient.
///
/// # Errors
/// If gradient, mean and square of a variable are not of its shape; if the device refuses.
pub fn adamw(updates: &mut [Update<'_>], clip: Option<&Clip>, step: &AdamWStep) -> Result<()> {
    for Update { var, grad, mean, square } in updates.iter() {
        for (what, found) in [("gradient", *grad), ("running mean", mean), ("running square", square)] {
            if found.dims() != var.dims() {
                bail!("AdamW: expected a {what} of shape {:?}, found {:?}", var.dims(), found.dims())
            }
        }
    }
    // What is changed in place is read and written.
    let operands: Vec<Tensor> = updates
        .iter()
        .flat_map(|Update { var, grad, mean, square }| {
            let changed = [&**mean, &**square, var.as_tensor()];
            std::iter::once(*grad).chain(changed).chain(changed).cloned()
        })
        .chain(clip.map(|clip| clip.squares.clone()))
        .collect();
    let operands: Vec<&Tensor> = operands.iter().collect();
    meter::count(Kind::Optimizer, &operands, 0, || {
        #[cfg(feature = "cuda")]
        if on_cuda(super::cuda::Kernel::AdamW, &operands) {
            return super::cuda::adamw(updates, clip, step);
        }
        reference::adamw(updates, clip, step)
    })
}

/// Whether a kernel that takes all tensors at once is to be used: all are of its number type on one CUDA device, and
/// some hold numbers.
#[cfg(feature = "cuda")]
fn on_cuda(kernel: super::cuda::Kernel, tensors: &[&Tensor]) -> bool {
    let Some(first) = tensors.iter().find(|tensor| tensor.elem_count() > 0) else { return false };
    let alike =
        |tensor: &&Tensor| tensor.dtype() == first.dtype() && tensor.device().same_device(first.device());
    tensors.iter().all(alike) && super::on_cuda(kernel, first)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::metered;

    fn numbers(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn squares_of_tensors_without_numbers_are_zero_and_without_tensors_an_error() {
        let (x, none) = (numbers(&[1.0, 2.0]), Tensor::zeros(0, DType::F32, &Device::Cpu).unwrap());
        let total = |tensors: &[&Tensor]| total_squares(tensors).map(|sum| sum.to_scalar::<f32>().unwrap());
        assert_eq!(total(&[&none, &x, &x]).unwrap(), 10.0);
        assert_eq!(total(&[&none]).unwrap(), 0.0);
        assert!(total(&[]).unwrap_err().to_string().contains("expected at least one tensor"));
    }

    #[test]
    fn a_step_refuses_other_shapes_before_anything_is_changed_and_counts_its_bytes() {
        let vars = [numbers(&[1.0, 2.0, 3.0]), numbers(&[4.0])].map(|var| Var::from_tensor(&var).unwrap());
        let grads = [numbers(&[1.0, 0.0, -1.0]), numbers(&[2.0])];
        let moments = || [numbers(&[0.0; 3]), numbers(&[0.0])];
        let step = |grads: [&Tensor; 2]| {
            let (mut means, mut squares) = (moments(), moments());
            let moments = means.iter_mut().zip(&mut squares);
            let updates = vars.iter().zip(grads).zip(moments);
            let mut updates: Vec<_> =
                updates.map(|((var, grad), (mean, square))| Update { var, grad, mean, square }).collect();
            adamw(&mut updates, None, &AdamWStep::EARLY)
        };
        let message = step([&grads[0], &grads[0]]).unwrap_err().to_string();
        assert!(message.contains("expected a gradient of shape [1], found [3]"), "{message}");
        assert_eq!(vars[0].to_vec1::<f32>().unwrap(), [1.0, 2.0, 3.0]);
        let (_, tallies) = metered(&Device::Cpu, false, || step([&grads[0], &grads[1]]).unwrap()).unwrap();
        // Four numbers: the gradient is read, mean, square and variable are read and written.
        assert_eq!(tallies[&Kind::Optimizer].bytes, 4 * 4 * 7);
        assert_ne!(vars[0].to_vec1::<f32>().unwrap(), [1.0, 2.0, 3.0]);
    }
}
