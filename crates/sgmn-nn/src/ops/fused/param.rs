//! Weights and biases of a program, and the way of their gradients.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{
    CpuStorage, CustomOp1, DType, Layout, Result, Shape, Storage, Tensor, backend::BackendStorage, bail,
};

use super::store::{Held, Storable};
use crate::ops::cpu::{self, Buffer};

/// A parameter and where it lies among those of its program.
///
/// Packed with its neighbors into one operand, its gradient would be added up, cut out and added up again by candle. A
/// token of one number stands for it instead, and the gradient takes the direct way, through the sink.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) tensor: Tensor,
    pub(super) range: Range<usize>,
    pub(super) sink: Arc<Sink>,
}

/// The gradient of a parameter between the pass that gives it and the one that asks for it.
#[derive(Debug, Default)]
pub(super) struct Sink(Mutex<Option<Held>>);

impl Sink {
    pub(super) fn put<T: Storable>(&self, gradient: &[T]) {
        let mut buffer = Buffer::stale(gradient.len());
        buffer.copy_from_slice(gradient);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(T::hold(buffer));
    }

    /// The gradient, if one was given.
    fn take<T: Storable>(&self) -> Option<Vec<T>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.and_then(T::take).map(|buffer| buffer.to_vec())
    }
}

impl Param {
    /// What stands for the parameter in candle's graph.
    pub(super) fn token(&self) -> Result<Tensor> {
        self.tensor.apply_op1(Token { sink: self.sink.clone() })
    }

    /// Copies the numbers to their place among those of the program.
    pub(super) fn read<T: Storable>(&self, all: &mut [T]) -> Result<()> {
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
        let (shape, device) = (param.shape(), param.device());
        let gradient = match grad.dtype() {
            DType::F64 => self.sink.take::<f64>().map(|values| Tensor::from_vec(values, shape, device)),
            _ => self.sink.take::<f32>().map(|values| Tensor::from_vec(values, shape, device)),
        };
        match gradient.transpose()? {
            // candle insists on a gradient for what was computed; a variable without one shall be seen to have none.
            None if !param.is_variable() => Ok(Some(param.zeros_like()?)),
            gradient => Ok(gradient),
        }
    }
}
