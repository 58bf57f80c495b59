//! The number types that kernels run in.

use std::{
    any::Any,
    ops::{Add, AddAssign, Div, Mul, Neg, Sub},
};

use candle_core::{CpuStorage, Layout, Result, WithDType, bail};

use super::buffers::Pool;

/// A real number type that kernels run in.
pub(in crate::ops) trait Element:
    WithDType
    + Any
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
{
    /// `self · factor + addend` with one rounding; fast only where the machine has an instruction for it.
    fn fused(self, factor: Self, addend: Self) -> Self;
    /// `exp(x)` to some 1e-7 (f32) or full precision (f64), written so that the compiler vectorizes it in f32.
    fn exp<const FUSED: bool>(self) -> Self;
    /// `(sin x, cos x)` to some 1e-7 (f32, for angles up to thousands) or full precision (f64), as above.
    fn sin_cos<const FUSED: bool>(self) -> (Self, Self);
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    /// A power of two by which a positive number is multiplied to lie between 1 and 2, or near it at the range's ends.
    fn rescaling(self) -> Self;
    /// The largest [`Element::rescaling`] of a row that has a gradient; see [`crate::ops::unit_norm`].
    const STEEPEST: Self;
    /// Where buffers of this type rest between uses.
    fn pool() -> &'static Pool<Self>;

    /// The larger of two numbers; NaN if either is.
    #[inline(always)]
    #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
    fn larger(self, other: Self) -> Self {
        if self >= other || self != self { self } else { other }
    }

    /// `self · factor + addend`, fused if the level of the calling kernel has an instruction for it.
    #[inline(always)]
    fn times_plus<const FUSED: bool>(self, factor: Self, addend: Self) -> Self {
        if FUSED { self.fused(factor, addend) } else { self * factor + addend }
    }
}

impl Element for f32 {
    // 2^100
    const STEEPEST: Self = f32::from_bits(227 << 23);
    #[inline(always)]
    fn fused(self, factor: Self, addend: Self) -> Self {
        self.mul_add(factor, addend)
    }
    #[inline(always)]
    fn exp<const FUSED: bool>(self) -> Self {
        super::simd::exp::<FUSED>(self)
    }
    #[inline(always)]
    fn sin_cos<const FUSED: bool>(self) -> (Self, Self) {
        super::simd::sin_cos::<FUSED>(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline(always)]
    fn rescaling(self) -> Self {
        // 254 is twice the bias of the exponent; 0 and 255 stand for other things than powers.
        f32::from_bits(254u32.saturating_sub(self.to_bits() >> 23).clamp(1, 253) << 23)
    }
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<f32> = Pool::new();
        &POOL
    }
}

impl Element for f64 {
    // 2^1000
    const STEEPEST: Self = f64::from_bits(2023 << 52);
    #[inline(always)]
    fn fused(self, factor: Self, addend: Self) -> Self {
        self.mul_add(factor, addend)
    }
    #[inline(always)]
    fn exp<const FUSED: bool>(self) -> Self {
        f64::exp(self)
    }
    #[inline(always)]
    fn sin_cos<const FUSED: bool>(self) -> (Self, Self) {
        f64::sin_cos(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn rescaling(self) -> Self {
        f64::from_bits(2046u64.saturating_sub(self.to_bits() >> 52).clamp(1, 2045) << 52)
    }
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<f64> = Pool::new();
        &POOL
    }
}

/// The values of a contiguous tensor.
pub(in crate::ops) fn values<'a, T: Element>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&T::cpu_storage_as_slice(storage)?[start..end]),
        None => bail!("expected contiguous values, found strides {:?}", layout.stride()),
    }
}
