//! Rows between two passes, outside candle's graph.
//!
//! A feature of all edges is the largest thing there is, and candle would add up its gradients in new memory each time.
//! Here the rows and their gradient lie in one place each; a token of one number stands for them in candle's graph, so
//! that it still decides the order in which gradients are computed.
//! So one graph has one way back at a time: asked for from two threads at once, gradients would mix.

use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::{Result, Tensor};

use crate::ops::{
    cpu::{Buffer, Element},
    steps,
};

/// Values of one of the two number types in the memory of passes, or a tensor.
#[derive(Debug)]
enum Values {
    F32(Buffer<f32>),
    F64(Buffer<f64>),
    /// Of a program that runs step by step.
    Tensor(Tensor),
}

/// Number types that a [`Store`] can hold.
pub(crate) trait Storable: Element {
    fn hold(buffer: Buffer<Self>) -> Held;
    fn held(held: &Held) -> Option<&Buffer<Self>>;
    fn take(held: Held) -> Option<Buffer<Self>>;
}

/// A buffer whose number type is known at run time only.
#[derive(Debug)]
pub(crate) struct Held(Values);

impl Storable for f32 {
    fn hold(buffer: Buffer<Self>) -> Held {
        Held(Values::F32(buffer))
    }
    fn held(held: &Held) -> Option<&Buffer<Self>> {
        if let Values::F32(buffer) = &held.0 { Some(buffer) } else { None }
    }
    fn take(held: Held) -> Option<Buffer<Self>> {
        if let Values::F32(buffer) = held.0 { Some(buffer) } else { None }
    }
}

impl Storable for f64 {
    fn hold(buffer: Buffer<Self>) -> Held {
        Held(Values::F64(buffer))
    }
    fn held(held: &Held) -> Option<&Buffer<Self>> {
        if let Values::F64(buffer) = &held.0 { Some(buffer) } else { None }
    }
    fn take(held: Held) -> Option<Buffer<Self>> {
        if let Values::F64(buffer) = held.0 { Some(buffer) } else { None }
    }
}

/// Rows that one pass writes and others read, and the gradient that those give back.
#[derive(Debug, Default)]
pub(crate) struct Store {
    values: OnceLock<Held>,
    gradient: Mutex<Option<Held>>,
}

impl Store {
    /// Sets the rows; a store is written once.
    pub(crate) fn write<T: Storable>(&self, values: Buffer<T>) {
        let written = self.values.set(T::hold(values));
        assert!(written.is_ok(), "a store is written by one pass, once");
    }

    /// The rows.
    pub(crate) fn values<T: Storable>(&self) -> &[T] {
        let held = self.values.get().and_then(T::held);
        held.expect("a pass reads what an earlier one of its number type has written")
    }

    /// The gradient that later passes have given so far, which the caller now owns.
    pub(crate) fn take_gradient<T: Storable>(&self) -> Option<Buffer<T>> {
        let held = self.gradient.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.and_then(T::take)
    }

    /// Puts the gradient back, more having been added.
    pub(crate) fn put_gradient<T: Storable>(&self, gradient: Buffer<T>) {
        *self.gradient.lock().unwrap_or_else(PoisonError::into_inner) = Some(T::hold(gradient));
    }

    /// Sets the rows of a program that runs step by step.
    pub(crate) fn write_tensor(&self, values: Tensor) {
        let written = self.values.set(Held(Values::Tensor(values)));
        assert!(written.is_ok(), "a store is written by one pass, once");
    }

    /// The rows, where a program that runs step by step has written them.
    pub(crate) fn tensor(&self) -> &Tensor {
        match self.values.get() {
            Some(Held(Values::Tensor(values))) => values,
            _ => panic!("steps read what earlier steps have written"),
        }
    }

    /// Adds to the gradient that steps have given so far.
    pub(crate) fn give(&self, gift: &Tensor) -> Result<()> {
        let mut place = self.gradient.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = match place.take() {
            Some(Held(Values::Tensor(given))) => steps::add(&given, gift)?,
            _ => gift.clone(),
        };
        *place = Some(Held(Values::Tensor(sum)));
        Ok(())
    }

    /// The gradient that steps have given so far, which the caller now owns.
    pub(crate) fn take_gradient_tensor(&self) -> Option<Tensor> {
        match self.gradient.lock().unwrap_or_else(PoisonError::into_inner).take()?.0 {
            Values::Tensor(gradient) => Some(gradient),
            Values::F32(_) | Values::F64(_) => None,
        }
    }
}
