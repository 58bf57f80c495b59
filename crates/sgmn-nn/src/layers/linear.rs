//! Linear maps of the channels, without and with bias.

use candle_core::Tensor;

use crate::{Field, Init, Result, VarBuilder, ops::Rows};

/// `x ↦ W x`: mixes channels, commutes with every scaling, keeps the law.
#[derive(Debug, Clone)]
pub struct LinearMap {
    /// `[d_out, d_in]`.
    weight: Tensor,
}

impl LinearMap {
    /// A map whose weight is the variable `weight` below the path.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(d_in: usize, d_out: usize, vars: &VarBuilder) -> Result<Self> {
        Ok(Self { weight: vars.var("weight", &[d_out, d_in], Init::Map { n_in: d_in })? })
    }

    /// Applies the map to a feature of any law.
    ///
    /// # Shapes
    /// `[…, d_in]` to `[…, d_out]`.
    ///
    /// # Law
    /// Kept.
    ///
    /// # Errors
    /// If the width differs.
    pub fn forward(&self, x: &Field) -> Result<Field> {
        x.map_equivariant(|values| Ok(values.linear(&self.weight)?))
    }
}

/// `x ↦ W x + b`: for invariants only, so it takes plain numbers.
#[derive(Debug, Clone)]
pub struct LinearBias {
    /// `[d_out, d_in]`.
    pub(super) weight: Tensor,
    /// `[d_out]`.
    pub(super) bias: Tensor,
}

impl LinearBias {
    /// A map whose variables are `weight` and `bias` below the path.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(d_in: usize, d_out: usize, vars: &VarBuilder) -> Result<Self> {
        Self::with_bias(d_in, d_out, Init::Linear { n_in: d_in }, vars)
    }

    /// The same with a start of its own for the bias.
    pub(super) fn with_bias(d_in: usize, d_out: usize, bias: Init, vars: &VarBuilder) -> Result<Self> {
        let init = Init::Linear { n_in: d_in };
        Ok(Self {
            weight: vars.var("weight", &[d_out, d_in], init)?,
            bias: vars.var("bias", &[d_out], bias)?,
        })
    }

    /// Applies the map.
    ///
    /// # Shapes
    /// `[…, d_in]` to `[…, d_out]`.
    ///
    /// # Errors
    /// If the width differs.
    pub fn forward(&self, x: &Rows) -> Result<Rows> {
        Ok(x.linear(&self.weight)?.add_bias(&self.bias)?)
    }
}
