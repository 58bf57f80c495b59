//! The variables of a model, in a fixed order.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};

use crate::{Error, Result};

/// Variables by name, in the order in which the model created them.
#[derive(Debug, Clone)]
pub struct VarStore {
    dtype: DType,
    device: Device,
    vars: Vec<(String, Var)>,
    places: BTreeMap<String, usize>,
    n_params: usize,
}

impl VarStore {
    /// An empty store whose variables will have this number type and live on this device.
    pub fn new(dtype: DType, device: Device) -> Self {
        Self { dtype, device, vars: Vec::new(), places: BTreeMap::new(), n_params: 0 }
    }

    /// Number type of the variables.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where the variables live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Names and variables, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.vars.iter().map(|(name, var)| (name.as_str(), var))
    }

    /// Number of variables.
    pub fn len(&self) -> usize {
        self.vars.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.vars.is_empty()
    }

    /// Number of learned numbers in all variables.
    pub fn n_params(&self) -> usize {
        self.n_params
    }

    /// The variable of a name.
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.places.get(name).map(|place| &self.vars[*place].1)
    }

    /// Sets every variable from tensors of the same names and shapes; other number types are converted.
    ///
    /// Names are full paths without a prefix, such as `gnn.fw_layers.0.w_e.weight`: those of a published checkpoint's
    /// state dictionary, and of this project's checkpoints and golden files (there after `param.`). Strip any prefix
    /// that a wrapper has put before them, such as `module.`.
    ///
    /// Nothing is changed if anything is wrong.
    ///
    /// # Errors
    /// [`Error::Variable`] for the first variable that is missing, unknown, of another shape, or holds a number that is
    /// not finite.
    pub fn load(&self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        let fault = |name: &str, expected: String, found: String| {
            Err(Error::Variable { name: name.to_owned(), expected, found })
        };
        for (name, tensor) in tensors {
            match self.get(name) {
                None => return fault(name, "no such variable in this model".to_owned(), "one".to_owned()),
                Some(var) if var.dims() != tensor.dims() => {
                    return fault(
                        name,
                        format!("shape {:?}", var.dims()),
                        format!("shape {:?}", tensor.dims()),
                    );
                }
                Some(_) => {}
            }
        }
        let mut converted = Vec::with_capacity(self.vars.len());
        for (name, var) in &self.vars {
            let Some(tensor) = tensors.get(name) else {
                return fault(name, format!("shape {:?}", var.dims()), "nothing".to_owned());
            };
            let tensor = tensor.to_device(&self.device)?.to_dtype(self.dtype)?.contiguous()?;
            // One number finds NaN and infinity anywhere: 0 times either is NaN, and so is any sum with it.
            let probe = (&tensor * 0.0)?.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
            if probe != 0.0 {
                return fault(name, "finite numbers".to_owned(), "NaN or infinity".to_owned());
            }
            converted.push(tensor);
        }
        for ((_, var), tensor) in self.vars.iter().zip(&converted) {
            var.set(tensor)?;
        }
        Ok(())
    }

    /// The values of all variables, detached and copied, by name.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn snapshot(&self) -> Result<BTreeMap<String, Tensor>> {
        self.vars.iter().map(|(name, var)| Ok((name.clone(), var.as_detached_tensor().copy()?))).collect()
    }

    pub(super) fn insert(&mut self, name: String, var: Var) {
        let previous = self.places.insert(name.clone(), self.vars.len());
        assert!(previous.is_none(), "two variables are named {name}");
        self.n_params += var.elem_count();
        self.vars.push((name, var));
    }
}
