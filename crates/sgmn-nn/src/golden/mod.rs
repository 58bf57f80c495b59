//! Golden files: a model's inputs, variables, outputs and gradients as another implementation computed them.

mod file;
mod tolerance;

pub use tolerance::Tolerance;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor};
use sgmn_graph::{Batch, Lowering, Net, Seed};

use crate::{
    Error, Normalization, Pass, Result, VarBuilder, VarStore,
    models::{Model, ModelConfig, Output},
};

/// A golden file, read and rebuilt.
///
/// # Format
/// Safetensors with tensors `input.{net}.{weight, bias}.{layer}`, `param.{name}`, `output` (or
/// `output.{weight, bias}.{layer}`), `cotangent` of the same form, and `grad.{name}`: the gradient of
/// `Σ output ⊙ cotangent`. The metadata holds `config` (the published keys as JSON), `layer_layout` (units or channels
/// from input to output), `networks` (how many), and, where they are known, `convolutional`, `activation` (for mixed
/// batches a list of one name a net), and `parameters_without_gradient`.
#[derive(Debug)]
pub struct Golden {
    path: PathBuf,
    config: ModelConfig,
    nets: Vec<Net>,
    lowering: Lowering,
    tensors: BTreeMap<String, Tensor>,
    without_gradient: BTreeSet<String>,
}

/// Largest errors of a golden comparison, relative to the largest magnitude in the tensor concerned.
#[derive(Debug, Clone)]
pub struct Parity {
    /// The worst output tensor.
    pub output: Worst,
    /// The worst gradient.
    pub gradient: Worst,
}

/// An error and where it is.
#[derive(Debug, Clone)]
pub struct Worst {
    /// Relative error.
    pub error: f64,
    /// The tensor.
    pub tensor: String,
}

impl Golden {
    /// Reads a golden file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the file is no golden file, is damaged, holds a number that is not finite, or describes
    /// a model that is not supported.
    pub fn read(path: &Path) -> Result<Self> {
        file::read(path).map_err(|why| Error::Checkpoint { path: path.to_path_buf(), why })
    }

    /// Rebuilds the model on a device, loads its variables, runs the inputs and compares outputs and gradients.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the file's variables, outputs or gradients are not the model's.
    pub fn compare(&self, dtype: DType, device: &Device) -> Result<Parity> {
        self.compared(dtype, device).map_err(|error| self.fault(&error))
    }

    /// The model of the file with the file's variables, on a device.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the file's variables are not the model's.
    pub fn build(&self, dtype: DType, device: &Device) -> Result<(Box<dyn Model>, VarStore)> {
        self.built(dtype, device).map_err(|error| self.fault(&error))
    }

    /// The configuration of the file's model.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The input nets.
    pub fn nets(&self) -> &[Net] {
        &self.nets
    }

    fn built(&self, dtype: DType, device: &Device) -> Result<(Box<dyn Model>, VarStore)> {
        let params: BTreeMap<String, Tensor> = (self.tensors.iter())
            .filter_map(|(name, tensor)| Some((name.strip_prefix("param.")?.to_owned(), tensor.clone())))
            .collect();
        let vars = VarBuilder::new(Seed::new(0), dtype, device).with_room_for(params.values());
        let (model, vars) = self.config.build_below(&self.lowering, Normalization::none(), vars)?;
        vars.load(&params)?;
        Ok((model, vars))
    }

    fn compared(&self, dtype: DType, device: &Device) -> Result<Parity> {
        let (model, vars) = self.built(dtype, device)?;
        let graphs = self.nets.iter().map(|net| self.lowering.lower(net)).collect::<Result<Vec<_>, _>>()?;
        let batch = Batch::collate(&graphs, dtype, device)?;
        let outputs = named(model.forward(&batch, &Pass::eval())?)?;
        let mut loss = Tensor::zeros((), dtype, device)?;
        let mut parity = Parity { output: Worst::none(), gradient: Worst::none() };
        for (name, ours) in &outputs {
            let cotangent = self.tensor(&name.replace("output", "cotangent"), ours.dims())?;
            loss = (loss + (ours * cotangent.to_dtype(dtype)?.to_device(device)?)?.sum_all()?)?;
            parity.output.update(name, ours, self.tensor(name, ours.dims())?)?;
        }
        let grads = loss.backward()?;
        for (name, var) in vars.iter() {
            let zeros = var.zeros_like()?;
            let expected = match self.without_gradient.contains(name) {
                true => &zeros,
                false => self.tensor(&format!("grad.{name}"), var.dims())?,
            };
            parity.gradient.update(name, grads.get(var).unwrap_or(&zeros), expected)?;
        }
        Ok(parity)
    }

    /// A tensor of the file, which must have this shape.
    fn tensor(&self, name: &str, dims: &[usize]) -> Result<&Tensor> {
        match self.tensors.get(name) {
            Some(tensor) if tensor.dims() == dims => Ok(tensor),
            other => Err(Error::Variable {
                name: name.to_owned(),
                expected: format!("shape {dims:?}"),
                found: other.map_or("nothing".to_owned(), |tensor| format!("shape {:?}", tensor.dims())),
            }),
        }
    }

    fn fault(&self, error: &Error) -> Error {
        Error::Checkpoint { path: self.path.clone(), why: error.to_string() }
    }
}

/// The output's tensors under the names that they have in golden files.
fn named(output: Output) -> Result<Vec<(String, Tensor)>> {
    let deltas = match output {
        Output::PerGraph(rows) => return Ok(vec![("output".to_owned(), rows)]),
        Output::PerParam(deltas) => deltas,
    };
    let Some(delta) = deltas.into_iter().flatten().next() else { return Ok(Vec::new()) };
    let mut outputs = Vec::new();
    for (l, (weight, bias)) in delta.weights.into_iter().zip(delta.biases).enumerate() {
        // One number an edge, except between channels: changes of kernels have no published form.
        let weight = if weight.dim(3)? == 1 { weight.squeeze(3)? } else { weight };
        outputs.push((format!("output.weight.{l}"), weight));
        outputs.push((format!("output.bias.{l}"), bias));
    }
    Ok(outputs)
}

impl Worst {
    fn none() -> Self {
        Self { error: 0.0, tensor: String::new() }
    }

    fn update(&mut self, name: &str, ours: &Tensor, expected: &Tensor) -> Result<()> {
        let values = |tensor: &Tensor| {
            tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()
        };
        let (ours, expected) = (values(ours)?, values(expected)?);
        let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let difference = ours.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        // NaN must count as the worst there is, and max ignores it.
        let difference =
            difference.fold(0.0, |worst: f64, d| if d.is_nan() { f64::INFINITY } else { worst.max(d) });
        // An all-zero tensor has no magnitude to relate to.
        let error = if largest > 0.0 { difference / largest } else { difference };
        if error >= self.error {
            *self = Self { error, tensor: name.to_owned() };
        }
        Ok(())
    }
}
