//! A model's variables on the host, all zero until they are written.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use sgmn_nn::{Result, VarStore};

/// The values of every variable of a model, by name.
pub(crate) struct Maps {
    values: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

impl Maps {
    /// Zeros in the shapes of a store.
    pub(crate) fn zeros(vars: &VarStore) -> Self {
        let zeros = |(name, var): (&str, &candle_core::Var)| {
            (name.to_owned(), (var.dims().to_vec(), vec![0.0; var.elem_count()]))
        };
        Self { values: vars.iter().map(zeros).collect() }
    }

    /// Writes one number of a matrix.
    ///
    /// # Panics
    /// If the model has no such matrix, or it is too small.
    pub(crate) fn set(&mut self, name: &str, row: usize, column: usize, value: f64) {
        let (shape, values) = self.get(name);
        assert!(
            shape.len() == 2 && row < shape[0] && column < shape[1],
            "{name}: [{row}, {column}] of {shape:?}"
        );
        values[row * shape[1] + column] = value;
    }

    /// Writes one number of a vector.
    ///
    /// # Panics
    /// If the model has no such vector, or it is too short.
    pub(crate) fn set_vector(&mut self, name: &str, at: usize, value: f64) {
        let (shape, values) = self.get(name);
        assert!(shape.len() == 1 && at < shape[0], "{name}: [{at}] of {shape:?}");
        values[at] = value;
    }

    /// Writes one number everywhere in the variables whose names are chosen.
    pub(crate) fn fill_all(&mut self, chosen: impl Fn(&str) -> bool, value: f64) {
        for (_, (_, values)) in self.values.iter_mut().filter(|(name, _)| chosen(name)) {
            values.fill(value);
        }
    }

    /// The variables as tensors, as [`VarStore::load`] wants them.
    ///
    /// # Errors
    /// If a tensor cannot be made.
    pub(crate) fn tensors(self) -> Result<BTreeMap<String, Tensor>> {
        let tensor = |(name, (shape, values)): (String, (Vec<usize>, Vec<f64>))| {
            Ok((name, Tensor::from_vec(values, shape, &Device::Cpu)?))
        };
        self.values.into_iter().map(tensor).collect()
    }

    fn get(&mut self, name: &str) -> (&[usize], &mut [f64]) {
        let (shape, values) =
            self.values.get_mut(name).unwrap_or_else(|| panic!("the model has no variable {name}"));
        (shape, values)
    }
}
