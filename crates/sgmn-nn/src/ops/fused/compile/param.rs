//! Weights and biases of a program, and the way of their gradients.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{
    CpuStorage, CustomOp1, DType, Layout, Result, Shape, Storage, Tensor, WithDType, backend::BackendStorage,
    bail,
};

use crate::ops::{
    cpu::{self, Buffer},
    fused::record::{Held, Storable},
};

/// A parameter and where it lies among those of its program.
///
/// Packed with its neighbors into one operand, its gradient would be added up, cut out and added up again by candle. A
/// token of one number stands for it instead, and the gradient takes the direct way, through the sink.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) tensor: Tensor,
    pub(crate) range: Range<usize>,
    pub(crate) sink: Arc<Sink>,
}

/// The gradient of a parameter between the pass that gives it and the one that asks for it.
#[derive(Debug, Default)]
pub(crate) struct Sink(Mutex<Option<Gradient>>);

#[derive(Debug)]
enum Gradient {
    /// Of a pass on the CPU.
    Held(Held),
    /// Of a program that ran step by step.
    Tensor(Tensor),
}

impl Sink {
    /// Leaves the gradient, of as many numbers as the parameter has.
    pub(crate) fn put_tensor(&self, gradient: &Tensor) {
        self.set(Gradient::Tensor(gradient.clone()));
    }

    fn set(&self, gradient: Gradient) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradient);
    }

    pub(crate) fn put<T: Storable>(&self, gradient: &[T]) {
        let mut buffer = Buffer::stale(gradient.len());
        buffer.copy_from_slice(gradient);
        self.set(Gradient::Held(T::hold(buffer)));
    }

    /// The gradient in the parameter's shape, if a program that ran step by step gave one.
    pub(crate) fn take_tensor(&self, param: &Tensor) -> Result<Option<Tensor>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(Gradient::Tensor(gradient)) => gradient.reshape(param.shape()).map(Some),
            _ => Ok(None),
        }
    }

    /// The gradient in the parameter's shape, if a pass on the CPU gave one.
    fn take<T: Storable + WithDType>(&self, param: &Tensor) -> Result<Option<Tensor>> {
        let gradient = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Gradient::Held(held)) = gradient else { return Ok(None) };
        let values = T::take(held).map(|buffer| buffer.to_vec());
        values.map(|values| Tensor::from_vec(values, param.shape(), param.device())).transpose()
    }
}

impl Param {
    pub(crate) fn new(tensor: Tensor, range: Range<usize>) -> Self {
        Self { tensor, range, sink: Arc::default() }
    }

    /// What stands for the parameter in candle's graph.
    pub(crate) fn token(&self) -> Result<Tensor> {
        self.tensor.apply_op1(Token { sink: self.sink.clone() })
    }

    /// Copies the numbers to their place among those of the program.
    pub(crate) fn read<T: Storable>(&self, all: &mut [T]) -> Result<()> {
        let (storage, layout) = self.tensor.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { bail!("rows: expected a parameter on the CPU") };
        all[self.range.clone()].copy_from_slice(cpu::values(storage, layout)?);
        Ok(())
    }
}

struct Token {
    sink: Arc<Sink>,
}

impl CustomOp1 for Token {
    fn name(&self) -> &'static str {
        "token of a parameter"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, _layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(match storage.dtype() {
            DType::F64 => (CpuStorage::F64(vec![0.0]), 1.into()),
            _ => (CpuStorage::F32(vec![0.0]), 1.into()),
        })
    }

    fn bwd(&self, param: &Tensor, _result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let gradient = match grad.dtype() {
            DType::F64 => self.sink.take::<f64>(param)?,
            _ => self.sink.take::<f32>(param)?,
        };
        match gradient {
            // candle insists on a gradient for what was computed; a variable without one shall be seen to have none.
            None if !param.is_variable() => Ok(Some(param.zeros_like()?)),
            gradient => Ok(gradient),
        }
    }
}
