//! Golden files: a model's inputs, variables, outputs and gradients as another implementation computed them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use sgmn_graph::{Activation, Batch, LayerMap, LayerSpec, Lowering, Net, NetSpec, Reading, Seed};

use crate::{
    Error, Normalization, Pass, Result, VarStore,
    models::{Model, ModelConfig, Output, Symmetry, from_published},
};

/// A golden file, read and rebuilt.
///
/// # Format
/// Safetensors with tensors `input.{net}.{weight, bias}.{layer}`, `param.{name}`, `output` (or
/// `output.{weight, bias}.{layer}`), `cotangent` of the same form, and `grad.{name}`: the gradient of
/// `Σ output ⊙ cotangent`. The metadata holds `config` (the published keys as JSON), `layer_layout`, `convolutional`,
/// `networks`, and for mixed batches `activation`, a list of one name a net.
pub struct Golden {
    config: ModelConfig,
    nets: Vec<Net>,
    tensors: BTreeMap<String, Tensor>,
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
    /// [`Error::Checkpoint`] if the file is no golden file, [`Error::Config`] if its configuration is not supported.
    pub fn read(path: &Path) -> Result<Self> {
        let fault = |why: String| Error::Checkpoint { path: path.to_path_buf(), why };
        let bytes = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).map_err(|error| fault(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let text = |key: &str| {
            metadata.get(key).ok_or_else(|| fault(format!("expected metadata `{key}`, found {:?}", metadata.keys())))
        };
        let json = |key: &str| -> Result<Value> {
            serde_json::from_str(text(key)?).map_err(|error| fault(format!("metadata `{key}`: {error}")))
        };
        let tensors: BTreeMap<String, Tensor> = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|error| fault(error.to_string()))?
            .into_iter()
            .collect();
        let config = from_published(&json("config")?)?;
        let widths: Vec<usize> = serde_json::from_value(json("layer_layout")?).map_err(|e| fault(e.to_string()))?;
        let n_nets = json("networks")?.as_u64().ok_or_else(|| fault("metadata `networks`: expected a count".into()))?;
        let names: Option<Vec<String>> = match text("activation") {
            Ok(names) => serde_json::from_str(names).map_err(|error| fault(format!("metadata `activation`: {error}")))?,
            Err(_) => None,
        };
        let mut nets = Vec::new();
        for net in 0..n_nets as usize {
            let activation = match names.as_ref().map(|names| names.get(net).map(String::as_str)) {
                Some(Some("tanh")) => Activation::Tanh,
                Some(Some("relu")) => Activation::Relu,
                Some(other) => return Err(fault(format!("metadata `activation`: expected tanh or relu, found {other:?}"))),
                // A uniform symmetry does not ask for the activation.
                None if config.symmetry == Symmetry::Scale => Activation::Relu,
                None => Activation::Tanh,
            };
            nets.push(read_net(&tensors, net, widths.len() - 1, activation).map_err(|error| fault(error.to_string()))?);
        }
        Ok(Self { config: ModelConfig::ScaleGmn(config), nets, tensors })
    }

    /// Rebuilds the model, loads its variables, runs the inputs and compares outputs and gradients.
    ///
    /// # Errors
    /// [`Error::Variable`] if the file's variables are not the model's.
    pub fn compare(&self, dtype: DType) -> Result<Parity> {
        let (model, vars) = self.build(dtype)?;
        let batch = Batch::from_nets(&self.nets, dtype, &Device::Cpu)?;
        let output = model.forward(&batch, &Pass::eval())?;
        let (outputs, loss) = self.weigh(&batch, &output, dtype)?;
        let grads = loss.backward()?;
        let mut parity = Parity { output: Worst::none(), gradient: Worst::none() };
        for (name, ours) in &outputs {
            parity.output.update(name, ours, self.tensor(name)?)?;
        }
        for (name, var) in vars.iter() {
            let Some(expected) = self.tensors.get(&format!("grad.{name}")) else { continue };
            let ours = match grads.get(var) {
                Some(grad) => grad.clone(),
                None => var.zeros_like()?,
            };
            parity.gradient.update(name, &ours, expected)?;
        }
        Ok(parity)
    }

    /// The model of the file with the file's variables.
    ///
    /// # Errors
    /// As [`Golden::compare`].
    pub fn build(&self, dtype: DType) -> Result<(Box<dyn Model>, VarStore)> {
        let lowering = Lowering::new(self.nets.iter().map(Net::spec))?;
        let (model, vars) = self.config.build(&lowering, Normalization::none(), Seed::new(0), dtype, &Device::Cpu)?;
        let params = self.tensors.iter().filter_map(|(name, tensor)| {
            name.strip_prefix("param.").map(|name| (name.to_owned(), tensor.clone()))
        });
        vars.load(&params.collect())?;
        Ok((model, vars))
    }

    /// The configuration of the file's model.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The input nets.
    pub fn nets(&self) -> &[Net] {
        &self.nets
    }

    /// Named outputs, in the order of the file's nets, and `Σ output ⊙ cotangent`.
    fn weigh(&self, batch: &Batch, output: &Output, dtype: DType) -> Result<(Vec<(String, Tensor)>, Tensor)> {
        let outputs = match output {
            Output::PerGraph(rows) => vec![("output".to_owned(), rows.clone())],
            Output::PerParam(deltas) => {
                let [delta] = deltas.as_slice() else {
                    return Err(Error::config("golden file", "one architecture", batch.buckets.len()));
                };
                let mut outputs = Vec::new();
                for (l, (weight, bias)) in delta.weights.iter().zip(&delta.biases).enumerate() {
                    let name = format!("output.weight.{l}");
                    outputs.push((name.clone(), weight.reshape(self.tensor(&name)?.dims())?));
                    outputs.push((format!("output.bias.{l}"), bias.clone()));
                }
                outputs
            }
        };
        let mut loss = Tensor::zeros((), dtype, &Device::Cpu)?;
        for (name, tensor) in &outputs {
            let cotangent = self.tensor(&name.replace("output", "cotangent"))?.to_dtype(dtype)?;
            loss = (loss + (tensor * cotangent)?.sum_all()?)?;
        }
        Ok((outputs, loss))
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::Variable {
            name: name.to_owned(),
            expected: "a tensor of the golden file".to_owned(),
            found: "nothing".to_owned(),
        })
    }
}

impl Worst {
    fn none() -> Self {
        Self { error: 0.0, tensor: String::new() }
    }

    fn update(&mut self, name: &str, ours: &Tensor, expected: &Tensor) -> Result<()> {
        if ours.dims() != expected.dims() {
            let (expected, found) = (format!("shape {:?}", expected.dims()), format!("shape {:?}", ours.dims()));
            return Err(Error::Variable { name: name.to_owned(), expected, found });
        }
        let values = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        let (ours, expected) = (values(ours)?, values(expected)?);
        let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let difference = ours.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        // NaN must count as the worst there is, and max ignores it.
        let difference = difference.fold(0.0, |worst: f64, d| if d.is_nan() { f64::INFINITY } else { worst.max(d) });
        // An all-zero tensor has no magnitude to relate to.
        let error = if largest > 0.0 { difference / largest } else { difference };
        if error >= self.error {
            *self = Self { error, tensor: name.to_owned() };
        }
        Ok(())
    }
}

/// Net `net` of a golden file; kernels make a convolution, and the linear layer after one averages positions.
fn read_net(tensors: &BTreeMap<String, Tensor>, net: usize, n_layers: usize, activation: Activation) -> Result<Net> {
    let mut layers: Vec<LayerSpec> = Vec::new();
    let mut params = Vec::new();
    for l in 0..n_layers {
        for kind in ["weight", "bias"] {
            let name = format!("input.{net}.{kind}.{l}");
            let Some(tensor) = tensors.get(&name) else {
                return Err(Error::Variable { name, expected: "a tensor".into(), found: "nothing".into() });
            };
            if kind == "weight" {
                let activation = if l + 1 < n_layers { activation } else { Activation::Identity };
                let map = match *tensor.dims() {
                    [n_out, n_in, kh, kw] => LayerMap::Conv { n_in, n_out, kernel: [kh, kw], stride: [1, 1], padding: [0, 0] },
                    [n_out, n_in] => {
                        let after_conv = layers.last().is_some_and(|layer| layer.map.kernel().is_some());
                        let reading = if after_conv { Reading::GlobalAverage } else { Reading::Direct };
                        LayerMap::Linear { n_in, n_out, reading }
                    }
                    _ => {
                        let found = format!("shape {:?}", tensor.dims());
                        return Err(Error::Variable { name, expected: "two or four axes".into(), found });
                    }
                };
                layers.push(LayerSpec { map, activation });
            }
            params.extend(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?);
        }
    }
    Ok(Net::new(Arc::new(NetSpec::new(layers, 0.0)?), params)?)
}
