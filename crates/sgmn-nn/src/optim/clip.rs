//! Gradients of all variables, and the bound on their length.

use candle_core::{DType, Tensor, backprop::GradStore};

use crate::{Error, Result, VarStore, models::Model};

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

/// Scales all gradients so that their common Euclidean norm is at most `max_norm`; returns the norm before.
///
/// # Errors
/// [`Error::NotFinite`] if the norm is NaN or infinite: a step would ruin every variable.
///
/// # Source
/// PyTorch's `clip_grad_norm_`, including its 1e-6.
pub fn clip_by_global_norm(gradients: &mut Gradients, max_norm: f64) -> Result<f64> {
    let mut squares: Option<Tensor> = None;
    for grad in gradients.iter().flatten() {
        let sum = grad.sqr()?.sum_all()?;
        squares = Some(match squares {
            Some(total) => (total + sum)?,
            None => sum,
        });
    }
    let Some(squares) = squares else { return Ok(0.0) };
    let norm = match squares.dtype() {
        DType::F64 => squares.to_scalar::<f64>()?,
        _ => f64::from(squares.to_dtype(DType::F32)?.to_scalar::<f32>()?),
    }
    .sqrt();
    if !norm.is_finite() {
        return Err(Error::NotFinite { what: "the norm of the gradients".to_owned(), value: norm });
    }
    // PyTorch divides by the norm plus this.
    const GUARD: f64 = 1e-6;
    let factor = max_norm / (norm + GUARD);
    if factor < 1.0 {
        for grad in gradients.0.iter_mut().flatten() {
            *grad = (&*grad * factor)?;
        }
    }
    Ok(norm)
}
