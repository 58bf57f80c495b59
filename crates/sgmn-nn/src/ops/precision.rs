//! In which number format matrix products are taken; everything else keeps the format of the variables.

use std::cell::Cell;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Number format of the factors of matrix products, forward and backward.
///
/// Variables, gradients, sums, normalization, softmax, loss and optimizer keep the model's own number type, so nothing
/// is lost between steps: f32 variables are the master weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProductPrecision {
    /// The model's own number type: nothing is rounded.
    #[default]
    F32,
    /// f32 whose factors a CUDA device rounds to 10 bits after the point while it multiplies; sums stay f32.
    Tf32,
    /// bfloat16, 7 bits after the point: factors and results are rounded, sums inside a product stay f32.
    Bf16,
}

impl ProductPrecision {
    /// The word in experiment files.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// Whether models of a number type can be run with these products, on a CUDA device or elsewhere.
    ///
    /// # Errors
    /// [`Error::Config`] for `precision`.
    pub fn check(self, dtype: DType, on_cuda: bool) -> Result<()> {
        if self != Self::F32 && dtype != DType::F32 {
            let expected = format!("f32, since variables are {}", dtype.as_str());
            return Err(Error::config("precision", expected, self.name()));
        }
        if self == Self::Tf32 && !on_cuda {
            let expected = "f32 or bf16, since only a CUDA device has tf32";
            return Err(Error::config("precision", expected, self.name()));
        }
        Ok(())
    }

    /// Runs `f` with these products; forward passes have to be inside, and for tf32 backward passes too.
    ///
    /// bf16 concerns operations of this thread only. tf32 is a switch of the process: two models that run at once with
    /// and without it disturb each other's rounding.
    ///
    /// # Errors
    /// As [`ProductPrecision::check`].
    pub fn scope<R>(self, dtype: DType, device: &Device, f: impl FnOnce() -> R) -> Result<R> {
        /// Resets both marks even if `f` panics.
        struct Reset(ProductPrecision, bool);
        impl Drop for Reset {
            fn drop(&mut self) {
                CURRENT.set(self.0);
                candle_core::cuda::set_gemm_reduced_precision_f32(self.1);
            }
        }
        self.check(dtype, device.is_cuda())?;
        let _reset = Reset(CURRENT.replace(self), candle_core::cuda::gemm_reduced_precision_f32());
        if device.is_cuda() {
            candle_core::cuda::set_gemm_reduced_precision_f32(self == Self::Tf32);
        }
        Ok(f())
    }
}

thread_local! {
    static CURRENT: Cell<ProductPrecision> = const { Cell::new(ProductPrecision::F32) };
}

/// Whether products of this thread are rounded to bf16, which no kernel for the CPU does.
pub(super) fn rounds() -> bool {
    CURRENT.get() == ProductPrecision::Bf16
}

/// `a b` of factors rounded to bf16, or `aᵀ b`, with a result of the factors' own type.
///
/// In candle's graph the casts round gradients in the same way; sums of several gradients are taken in the factors' type.
///
/// # Shapes
/// a `[m, k]` or, turned, `[k, m]`; b `[k, n]`, result `[m, n]`.
pub(super) fn rounded_product(a: &Tensor, turned: bool, b: &Tensor) -> candle_core::Result<Tensor> {
    let dtype = a.dtype();
    // candle's CPU has no product of this type: rounded factors are multiplied in their own, which is what a device does
    // that sums in f32.
    let multiplied = if a.device().is_cpu() { dtype } else { DType::BF16 };
    let round = |tensor: &Tensor| tensor.to_dtype(DType::BF16)?.to_dtype(multiplied);
    // Rounded where it lies, and turned then: casts read memory in order.
    let a = if turned { round(a)?.t()? } else { round(a)? };
    a.matmul(&round(b)?)?.to_dtype(DType::BF16)?.to_dtype(dtype)
}

/// The precision of this thread's products.
pub(super) fn current() -> ProductPrecision {
    CURRENT.get()
}

/// Runs `f` with products rounded as they were on the way forward, whoever asks for the way back.
///
/// tf32 is the device's own and has to be on by itself.
pub(super) fn again<R>(precision: ProductPrecision, f: impl FnOnce() -> R) -> R {
    struct Reset(ProductPrecision);
    impl Drop for Reset {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _reset = Reset(CURRENT.replace(precision));
    f()
}
