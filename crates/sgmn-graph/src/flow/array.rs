//! A row-major array of f64; whole numbers and truth values are held exactly in it.

use super::{FlowError, FlowResult};

/// An array: sizes of its axes, and its numbers row-major. No axes: one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
}

impl Array {
    /// An array.
    ///
    /// # Errors
    /// [`FlowError::Shape`] if the number of values is not the product of the sizes.
    pub fn new(shape: Vec<usize>, data: Vec<f64>) -> FlowResult<Self> {
        let count = shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size));
        if count != Some(data.len()) {
            return Err(FlowError::shape("values of an array", format!("{shape:?}"), data.len()));
        }
        Ok(Self { shape, data })
    }

    /// One number.
    pub fn scalar(value: f64) -> Self {
        Self { shape: Vec::new(), data: vec![value] }
    }

    /// The same number everywhere.
    pub fn full(shape: Vec<usize>, value: f64) -> Self {
        let count = shape.iter().product();
        Self { shape, data: vec![value; count] }
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, row-major.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The numbers, to be changed.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The numbers alone.
    pub fn into_data(self) -> Vec<f64> {
        self.data
    }

    /// The same numbers with other axes.
    ///
    /// # Errors
    /// As [`Array::new`].
    pub fn reshaped(self, shape: Vec<usize>) -> FlowResult<Self> {
        Self::new(shape, self.data)
    }

    /// By how many numbers a step along each axis moves.
    pub fn strides(&self) -> Vec<usize> {
        strides(&self.shape)
    }

    /// The one number that stands everywhere, if there is one.
    pub fn uniform(&self) -> Option<f64> {
        let first = *self.data.first()?;
        self.data.iter().all(|value| *value == first).then_some(first)
    }
}

/// Row-major strides of a shape.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}
