//! A cursor that creates variables below a path.

use std::{cell::RefCell, rc::Rc};

use candle_core::{DType, Device, Tensor, Var};
use sgmn_graph::Seed;

use super::{Init, Start, VarStore};
use crate::{Error, Result};

/// Creates the variables of a model, one after the other, below a path such as `gnn.fw_layers.0`.
///
/// A variable's starting values depend on the seed and its full path only: adding a layer changes no other layer's
/// start.
#[derive(Debug, Clone)]
pub struct VarBuilder {
    store: Rc<RefCell<VarStore>>,
    path: String,
    seed: Seed,
    most_params: usize,
    start: Start,
}

/// Learned numbers that a model may have unless a limit is set: the largest published one has five million.
const MOST_PARAMS: usize = 1 << 28;

impl VarBuilder {
    /// A cursor at the root of an empty store.
    pub fn new(seed: Seed, dtype: DType, device: &Device) -> Self {
        let store = Rc::new(RefCell::new(VarStore::new(dtype, device.clone())));
        Self {
            store,
            path: String::new(),
            seed: seed.child("init"),
            most_params: MOST_PARAMS,
            start: Start::default(),
        }
    }

    /// The same cursor, refusing to create more learned numbers than this in its store: a configuration from a file may
    /// ask for more memory than there is.
    #[must_use]
    pub fn with_limit(self, most_params: usize) -> Self {
        Self { most_params, ..self }
    }

    /// The same cursor, with a limit by the tensors of a file: its configuration may ask for any size, these show how much
    /// there is. Twice as much and some more leaves room for a model that differs a little, so that the first difference
    /// can be named.
    #[must_use]
    pub fn with_room_for<'a>(self, tensors: impl IntoIterator<Item = &'a Tensor>) -> Self {
        let n_params: usize = tensors.into_iter().map(Tensor::elem_count).sum();
        self.with_limit(2 * n_params + (1 << 20))
    }

    /// The same cursor, whose maps and gates start as said.
    #[must_use]
    pub fn with_start(self, start: Start) -> Self {
        Self { start, ..self }
    }

    /// The cursor one step below, named or numbered.
    #[must_use]
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{dot}{name}", self.path), ..self.clone() }
    }

    /// Creates the variable `name` below this path.
    ///
    /// # Errors
    /// [`Error::Variable`] if the limit would be passed; if the device refuses.
    ///
    /// # Panics
    /// If the variable exists already: two layers were given one path.
    pub fn var(&self, name: &str, shape: &[usize], init: Init) -> Result<Tensor> {
        let full = self.at(name).path;
        let mut store = self.store.borrow_mut();
        let n_params =
            shape.iter().try_fold(1, |n: usize, length| n.checked_mul(*length)).unwrap_or(usize::MAX);
        if n_params.saturating_add(store.n_params()) > self.most_params {
            let expected = format!("a model of at most {} learned numbers", self.most_params);
            return Err(Error::Variable { name: full, expected, found: format!("shape {shape:?}") });
        }
        let start =
            init.under(self.start).draw(shape, store.dtype(), store.device(), self.seed.child(&full))?;
        let var = Var::from_tensor(&start)?;
        let tensor = var.as_tensor().clone();
        store.insert(full, var);
        Ok(tensor)
    }

    /// Zeros of the store's number type and device, which are never learned.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn zeros(&self, shape: &[usize]) -> Result<Tensor> {
        let store = self.store.borrow();
        Ok(Tensor::zeros(shape, store.dtype(), store.device())?)
    }

    /// The variables created so far, by all cursors of this store.
    pub fn finish(self) -> VarStore {
        self.store.borrow().clone()
    }
}
