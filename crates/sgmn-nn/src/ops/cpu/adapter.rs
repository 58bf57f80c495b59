//! Kernels as candle custom operations: types, layouts and devices are settled here, arithmetic elsewhere.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor, WithDType,
    backend::BackendStorage, bail,
};

/// A real number type that kernels run in.
pub(in crate::ops) trait Element:
    WithDType
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
{
    /// `exp(x)` to some 1e-7 (f32) or full precision (f64), written so that the compiler vectorizes it in f32.
    fn exp(self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    /// The larger of two numbers; NaN if either is.
    #[inline(always)]
    #[allow(clippy::eq_op, reason = "only NaN differs from itself")]
    fn larger(self, other: Self) -> Self {
        if self >= other || self != self { self } else { other }
    }
}

impl Element for f32 {
    #[inline(always)]
    fn exp(self) -> Self {
        super::simd::exp(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }
}

impl Element for f64 {
    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
}

/// Contiguous values and their shape.
#[derive(Clone, Copy)]
pub(in crate::ops) struct View<'a, T> {
    pub(in crate::ops) values: &'a [T],
    pub(in crate::ops) dims: &'a [usize],
}

impl<T> View<'_, T> {
    /// Length of the last axis.
    pub(super) fn width(&self) -> usize {
        *self.dims.last().expect("kernels are applied to tensors with an axis")
    }
}

/// The arithmetic of an operation of one to three inputs.
pub(in crate::ops) trait Kernel: Send + Sync + 'static {
    const NAME: &'static str;
    /// Shape of the result, after checking the inputs'.
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>>;
    fn forward<T: Element>(&self, inputs: &[View<'_, T>]) -> Vec<T>;
    /// The gradient of every input from that of the result.
    fn backward<T: Element>(&self, inputs: &[View<'_, T>], grad: &[T]) -> Vec<Vec<T>>;
}

/// Applies a kernel of one input.
pub(in crate::ops) fn apply1(kernel: impl Kernel, x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Adapter(kernel))
}

/// Applies a kernel of two inputs.
pub(in crate::ops) fn apply2(kernel: impl Kernel, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&y.contiguous()?, Adapter(kernel))
}

/// Applies a kernel of three inputs.
pub(in crate::ops) fn apply3(kernel: impl Kernel, x: &Tensor, y: &Tensor, z: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&y.contiguous()?, &z.contiguous()?, Adapter(kernel))
}

struct Adapter<K>(K);

impl<K: Kernel> Adapter<K> {
    fn forward(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let dims: Vec<&[usize]> = inputs.iter().map(|(_, layout)| layout.dims()).collect();
        let shape = self.0.shape(&dims)?;
        let storage = match inputs[0].0 {
            CpuStorage::F32(_) => f32::to_cpu_storage_owned(self.0.forward::<f32>(&views(inputs)?)),
            CpuStorage::F64(_) => f64::to_cpu_storage_owned(self.0.forward::<f64>(&views(inputs)?)),
            _ => bail!("{}: expected f32 or f64, found {:?}", K::NAME, inputs[0].0.dtype()),
        };
        Ok((storage, shape.into()))
    }

    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let grad = grad.contiguous()?;
        match grad.dtype() {
            DType::F64 => self.backward_in::<f64>(inputs, &grad),
            _ => self.backward_in::<f32>(inputs, &grad),
        }
    }

    fn backward_in<T: Element>(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
        let guards: Vec<_> =
            inputs.iter().chain(std::iter::once(&grad)).map(|tensor| tensor.storage_and_layout()).collect();
        let stored = guards.iter().map(|(storage, layout)| match &**storage {
            Storage::Cpu(storage) => Ok((storage, *layout)),
            _ => bail!("{}: a CPU kernel was given a gradient on another device", K::NAME),
        });
        let views = views::<T>(&stored.collect::<Result<Vec<_>>>()?)?;
        let (grad, views) = views.split_last().expect("the gradient was appended above");
        let grads = self.0.backward(views, grad.values);
        let tensors = grads.into_iter().zip(inputs);
        tensors.map(|(grad, input)| Tensor::from_vec(grad, input.shape(), input.device())).collect()
    }
}

fn views<'a, T: WithDType>(stored: &[(&'a CpuStorage, &'a Layout)]) -> Result<Vec<View<'a, T>>> {
    let view = |(storage, layout): &(&'a CpuStorage, &'a Layout)| {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("a kernel was given strided input")
        };
        Ok(View { values: &storage.as_slice::<T>()?[start..end], dims: layout.dims() })
    };
    stored.iter().map(view).collect()
}

impl<K: Kernel> CustomOp1 for Adapter<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.forward(&[(storage, layout)])
    }
    fn bwd(&self, x: &Tensor, _result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.backward(&[x], grad)?.pop())
    }
}

impl<K: Kernel> CustomOp2 for Adapter<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }
    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward(&[(s1, l1), (s2, l2)])
    }
    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut grads = self.backward(&[x, y], grad)?;
        let second = grads.pop();
        Ok((grads.pop(), second))
    }
}

impl<K: Kernel> CustomOp3 for Adapter<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }
    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward(&[(s1, l1), (s2, l2), (s3, l3)])
    }
    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        z: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut grads = self.backward(&[x, y, z], grad)?;
        let (third, second) = (grads.pop(), grads.pop());
        Ok((grads.pop(), second, third))
    }
}
