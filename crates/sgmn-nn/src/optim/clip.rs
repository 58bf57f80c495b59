//! Gradients of all variables, and the bound on their length.

use candle_core::{DType, Device, Tensor, backprop::GradStore};

use crate::{Error, Result, VarStore, models::Model, ops};

/// The gradient of every variable, in the store's order; absent where the model says that nothing may reach it.
#[derive(Debug, Clone)]
pub struct Gradients(Vec<Option<Tensor>>);

impl Gradients {
    /// Takes the gradients of a model's variables.
    ///
    /// # Errors
    /// [`Error::NoGradient`] if a variable that should have received one did not.
    pub fn of(vars: &VarStore, model: &dyn Model, grads: &GradStore) -> Result<Self> {
        let taken: Vec<_> = vars.iter().map(|(_, var)| grads.get(var).cloned()).collect();
        let missing = vars
            .iter()
            .zip(&taken)
            .filter(|((name, _), grad)| grad.is_none() && !model.may_lack_gradient(name));
        let missing: Vec<String> = missing.map(|((name, _), _)| name.to_owned()).collect();
        if !missing.is_empty() {
            return Err(Error::NoGradient(missing));
        }
        Ok(Self(taken))
    }

    /// Gradients in the store's order, absent ones too.
    pub fn iter(&self) -> impl Iterator<Item = Option<&Tensor>> {
        self.0.iter().map(Option::as_ref)
    }
}

/// The common Euclidean norm of all gradients of a step, left on the device until somebody asks.
///
/// Asking waits for everything that the device has been told to do, so a loop asks for many steps at once.
#[derive(Debug, Clone)]
pub struct GradientNorm(Option<Tensor>);

impl GradientNorm {
    /// The number; 0 if there was no gradient.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if it is NaN or infinite: the step ruined every variable.
    pub fn read(&self) -> Result<f64> {
        let Some(norm) = &self.0 else { return Ok(0.0) };
        let norm = norm.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        if !norm.is_finite() {
            return Err(Error::NotFinite { what: "the norm of the gradients".to_owned(), value: norm });
        }
        Ok(norm)
    }
}

/// Scales all gradients so that their common Euclidean norm is at most `max_norm`, `g · min(1, max / (norm + 1e-6))`;
/// returns the norm before.
///
/// Nothing is read from the device: the factor is a tensor. A norm that is not finite leaves gradients that are not, or
/// zeros where finite ones overflow together; [`GradientNorm::read`] tells.
///
/// # Errors
/// If the device refuses.
///
/// # Source
/// PyTorch's `clip_grad_norm_`, including its 1e-6.
pub fn clip_by_global_norm(gradients: &mut Gradients, max_norm: f64) -> Result<GradientNorm> {
    let mut squares: Option<Tensor> = None;
    for grad in gradients.iter().flatten() {
        squares = Some(ops::add_squares(squares.as_ref(), grad)?);
    }
    let Some(squares) = squares else { return Ok(GradientNorm(None)) };
    let dtype = squares.dtype();
    // One number, so it may be precise; Metal has no f64.
    let wide = if squares.device().is_metal() { dtype } else { DType::F64 };
    let norm = squares.to_dtype(wide)?.sqrt()?.detach();
    if max_norm.is_finite() {
        // PyTorch divides by the norm plus this.
        const GUARD: f64 = 1e-6;
        let factor = (norm.affine(0.0, max_norm)? / (&norm + GUARD)?)?.minimum(1.0)?.to_dtype(dtype)?;
        for grad in gradients.0.iter_mut().flatten() {
            *grad = grad.broadcast_mul(&factor)?;
        }
    }
    Ok(GradientNorm(Some(norm)))
}
