//! Gradients of all variables, and the bound on their length.

use candle_core::{DType, Device, Tensor, backprop::GradStore};

use crate::{
    Error, Result, VarStore,
    models::Model,
    ops::{self, Clip},
};

/// The gradient of every variable, in the store's order; absent where the model says that nothing may reach it.
///
/// A bound on their length is noted down beside them: the optimizer scales them while it reads them.
#[derive(Debug, Clone)]
pub struct Gradients {
    taken: Vec<Option<Tensor>>,
    clip: Option<Clip>,
}

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
        Ok(Self { taken, clip: None })
    }

    /// Gradients in the store's order, absent ones too, as they were before clipping.
    pub fn iter(&self) -> impl Iterator<Item = Option<&Tensor>> {
        self.taken.iter().map(Option::as_ref)
    }

    /// The bound that is still to be applied to what [`Gradients::iter`] gives.
    pub(super) fn clip(&self) -> Option<&Clip> {
        self.clip.as_ref()
    }

    /// The gradients of some variables, by their places in the store; the others have none.
    pub(super) fn retain(&self, keep: impl Fn(usize) -> bool) -> Self {
        let taken = self.taken.iter().enumerate();
        let taken = taken.map(|(i, grad)| grad.clone().filter(|_| keep(i))).collect();
        Self { taken, clip: self.clip.clone() }
    }

    /// The same gradients after clipping.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn scaled(&self) -> Result<Self> {
        let Some(clip) = &self.clip else { return Ok(self.clone()) };
        let factor = clip.factor()?;
        let scale = |grad: &Option<Tensor>| grad.as_ref().map(|grad| grad.broadcast_mul(&factor)).transpose();
        Ok(Self { taken: self.taken.iter().map(scale).collect::<candle_core::Result<_>>()?, clip: None })
    }
}

/// The common Euclidean norm of all gradients of a step, left on the device until somebody asks.
///
/// Asking waits for everything that the device has been told to do, so a loop asks for many steps at once.
#[derive(Debug, Clone)]
pub struct GradientNorm {
    /// None if there was no gradient.
    squares: Option<Tensor>,
}

impl GradientNorm {
    /// The number; 0 if there was no gradient.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if it is NaN or infinite: the step ruined every variable.
    pub fn read(&self) -> Result<f64> {
        let Some(squares) = &self.squares else { return Ok(0.0) };
        let norm = squares.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar::<f64>()?.sqrt();
        if !norm.is_finite() {
            return Err(Error::NotFinite { what: "the norm of the gradients".to_owned(), value: norm });
        }
        Ok(norm)
    }
}

/// Bounds the common Euclidean norm of all gradients by `max_norm`, `g · min(1, max / (norm + 1e-6))`; returns the norm
/// before.
///
/// Nothing is read from the device: the factor is a tensor, and the optimizer applies it. A norm that is not finite
/// leaves nothing finite behind; [`GradientNorm::read`] tells. A second bound looks at what the first leaves.
///
/// # Errors
/// If the device refuses.
///
/// # Source
/// PyTorch's `clip_grad_norm_`.
pub fn clip_by_global_norm(gradients: &mut Gradients, max_norm: f64) -> Result<GradientNorm> {
    if gradients.clip.is_some() {
        *gradients = gradients.scaled()?;
    }
    let present: Vec<&Tensor> = gradients.iter().flatten().collect();
    if present.is_empty() {
        return Ok(GradientNorm { squares: None });
    }
    let squares = ops::total_squares(&present)?;
    gradients.clip = max_norm.is_finite().then(|| Clip { squares: squares.clone(), max_norm });
    Ok(GradientNorm { squares: Some(squares) })
}
