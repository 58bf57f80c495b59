//! Operations on each row by itself, which only note themselves.

use candle_core::{D, Result, Tensor};
use sgmn_graph::Seed;

use super::{Repr, Rows};
use crate::ops::{
    self, Symmetrize,
    cpu::kernels::Mask,
    fused::record::{Expr, Op, algebra},
};

impl Rows {
    /// See [`ops::linear`].
    ///
    /// # Errors
    /// If the widths differ; so below.
    pub fn linear(&self, w: &Tensor) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::linear(x, w)?.into()),
            Repr::Lazy(x) => {
                let (n_out, n_in) = w.dims2()?;
                x.expect_width("linear", n_in)?;
                if n_out == 0 {
                    candle_core::bail!("linear: expected at least one row of weights, found none");
                }
                Ok(Self::lazy(algebra::linear(x, w)?))
            }
        }
    }

    /// See [`ops::add_bias`].
    ///
    /// # Errors
    /// As [`Rows::linear`].
    pub fn add_bias(&self, b: &Tensor) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::add_bias(x, b)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("add_bias", b.elem_count())?;
                Ok(Self::lazy(algebra::add_bias(x, b)?))
            }
        }
    }

    /// `y = x ⊙ r`, the same row r `[H]` for every row.
    ///
    /// # Errors
    /// As [`Rows::linear`].
    pub fn mul_row(&self, r: &Tensor) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(x.broadcast_mul(r)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("mul_row", r.elem_count())?;
                Ok(Self::lazy(algebra::mul_row(x, r)?))
            }
        }
    }

    /// See [`ops::norm_silu`].
    ///
    /// # Errors
    /// As [`Rows::linear`].
    pub fn norm_silu(&self, b: &Tensor, gamma: &Tensor, beta: &Tensor, signs: Symmetrize) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::norm_silu(x, b, gamma, beta, signs)?.into()),
            Repr::Lazy(x) => {
                for parameter in [b, gamma, beta] {
                    x.expect_width("norm_silu", parameter.elem_count())?;
                }
                Ok(Self::lazy(algebra::norm_silu(x, b, gamma, beta, signs)?))
            }
        }
    }

    /// See [`ops::bias_silu`].
    ///
    /// # Errors
    /// As [`Rows::linear`].
    pub fn bias_silu(&self, b: &Tensor, signs: Symmetrize) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::bias_silu(x, b, signs)?.into()),
            Repr::Lazy(x) => {
                x.expect_width("bias_silu", b.elem_count())?;
                Ok(Self::lazy(algebra::bias_silu(x, b, signs)?))
            }
        }
    }

    /// Element-wise product.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn mul(&self, other: &Self) -> Result<Self> {
        if let (Repr::Tensor(a), Repr::Tensor(b)) = (&self.0, &other.0) {
            return Ok((a * b)?.into());
        }
        let (a, b) = self.pair("mul", other)?;
        Ok(Self::lazy(algebra::mul(&a, &b)?))
    }

    /// Element-wise sum.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        if let (Repr::Tensor(a), Repr::Tensor(b)) = (&self.0, &other.0) {
            return Ok((a + b)?.into());
        }
        let (a, b) = self.pair("add", other)?;
        Ok(Self::lazy(algebra::add(&a, &b)?))
    }

    /// Every number times a constant.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn scale(&self, factor: f64) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok((x * factor)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(x.like(Op::Scale(x.clone(), factor)))),
        }
    }

    /// See [`ops::abs`].
    ///
    /// # Errors
    /// If the device refuses.
    pub fn abs(&self) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::abs(x)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(x.like(Op::Abs(x.clone())))),
        }
    }

    /// See [`ops::unit_norm`].
    ///
    /// # Errors
    /// If the device refuses.
    pub fn unit_norm(&self, guard: Option<f64>) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::unit_norm(x, guard)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(x.like(Op::UnitNorm(x.clone(), guard)))),
        }
    }

    /// See [`ops::dropout`].
    ///
    /// # Errors
    /// If the device refuses.
    pub fn dropout(&self, p: f64, seed: &Seed) -> Result<Self> {
        match &self.0 {
            _ if p == 0.0 => Ok(self.clone()),
            Repr::Tensor(x) => Ok(ops::dropout(x, p, seed)?.into()),
            Repr::Lazy(x) => Ok(Self::lazy(x.like(Op::Dropout(x.clone(), Mask::new(p, seed))))),
        }
    }

    /// Channels of several rows, side by side.
    ///
    /// # Errors
    /// If the rows differ in number.
    pub fn concat(parts: &[&Self]) -> Result<Self> {
        if parts.iter().all(|part| matches!(part.0, Repr::Tensor(_))) {
            let tensors = parts.iter().map(|part| part.tensor()).collect::<Result<Vec<_>>>()?;
            return Ok(Tensor::cat(&tensors, D::Minus1)?.into());
        }
        let parts = parts.iter().map(|part| part.expr()).collect::<Result<Vec<_>>>()?;
        let first = parts[0].dims;
        if let Some(other) = parts.iter().find(|part| part.dims[..3] != first[..3]) {
            candle_core::bail!("concat: expected rows {:?}, found {:?}", &first[..3], &other.dims[..3]);
        }
        let width = parts.iter().map(|part| part.dims[3]).sum();
        let (dims, of) = (parts[0].with_width(width), parts[0].of());
        Ok(Self::lazy(Expr::new(Op::Concat(parts), dims, of)))
    }
}
