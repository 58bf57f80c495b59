//! Reading golden files: every fact of the file is checked against the others before anything is computed.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use sgmn_graph::{Activation, LayerMap, LayerSpec, Lowering, Net, NetSpec, Reading};

use super::Golden;
use crate::{
    layers::Scalings,
    models::{ModelConfig, ScaleGmnConfig, from_published},
};

/// What is wrong with a file, in words.
type Result<T, E = String> = std::result::Result<T, E>;

/// The tensors of a file by name.
type Tensors = BTreeMap<String, Tensor>;

pub(super) fn read(path: &Path) -> Result<Golden> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes)
        .map_err(|error| format!("expected a safetensors file, found {error}"))?;
    let texts: BTreeMap<String, String> = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let metadata = Metadata(texts);
    let loaded =
        candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|error| error.to_string())?;
    let tensors: Tensors = loaded.into_iter().collect();
    for (name, tensor) in &tensors {
        if values(tensor)?.iter().any(|value| !value.is_finite()) {
            return Err(format!("{name}: expected finite numbers, found NaN or infinity"));
        }
    }

    let args = metadata.json("config")?.ok_or("expected metadata `config`, found none")?;
    let config = from_published(&args).map_err(|error| format!("metadata `config`: {error}"))?;
    let widths = metadata.widths()?;
    let n_nets = metadata.n_nets()?;
    let activations = metadata.activations(n_nets, &config)?;
    let nets = (0..n_nets).map(|net| read_net(&tensors, net, &widths, activations.of(net)));
    let nets = nets.collect::<Result<Vec<_>>>()?;
    let convolutional = nets.iter().any(|net| net.spec().is_convolutional());
    if let Some(said) = metadata.json("convolutional")?
        && said != convolutional
    {
        return Err(format!(
            "metadata `convolutional`: expected {convolutional} from the weights, found {said}"
        ));
    }
    let room = room_for_kernels(&args, nets[0].spec(), &tensors)?;
    let lowering =
        Lowering::new(nets.iter().map(Net::spec).chain(&room)).map_err(|error| error.to_string())?;
    let without_gradient = match metadata.json("parameters_without_gradient")? {
        None => Default::default(),
        Some(names) => serde_json::from_value(names).map_err(|error| {
            format!("metadata `parameters_without_gradient`: expected names, found {error}")
        })?,
    };
    let config = ModelConfig::ScaleGmn(config);
    Ok(Golden { path: path.to_path_buf(), config, nets, lowering, tensors, without_gradient })
}

/// The texts beside the tensors.
struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The value of a key; absent if there is no such key or it is null.
    fn json(&self, key: &str) -> Result<Option<Value>> {
        let Some(text) = self.0.get(key) else { return Ok(None) };
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("metadata `{key}`: {error}"))?;
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    fn widths(&self) -> Result<Vec<usize>> {
        let value = self.json("layer_layout")?.ok_or("expected metadata `layer_layout`, found none")?;
        let widths: Option<Vec<usize>> = serde_json::from_value(value.clone()).ok();
        widths.filter(|widths| widths.len() >= 2).ok_or_else(|| {
            format!("metadata `layer_layout`: expected a list of two widths or more, found {value}")
        })
    }

    fn n_nets(&self) -> Result<usize> {
        let value = self.json("networks")?.ok_or("expected metadata `networks`, found none")?;
        let count = value.as_u64().filter(|count| *count > 0).and_then(|count| count.try_into().ok());
        count.ok_or_else(|| format!("metadata `networks`: expected a count of at least 1, found {value}"))
    }

    /// One activation for all nets, or one for each.
    fn activations(&self, n_nets: usize, config: &ScaleGmnConfig) -> Result<Activations> {
        let fault = |expected: &str, found: &Value| {
            Err(format!("metadata `activation`: expected {expected}, found {found}"))
        };
        match self.json("activation")? {
            None => match config.scalings {
                Scalings::Own => fault("a name for each net", &Value::Null),
                // A uniform symmetry does not ask for the activation.
                Scalings::Scale => Ok(Activations::Same(Activation::Relu)),
                Scalings::Sign | Scalings::Permutation => Ok(Activations::Same(Activation::Tanh)),
            },
            Some(Value::String(name)) => Ok(Activations::Same(activation(&name)?)),
            Some(Value::Array(names)) if names.len() == n_nets => {
                let names = names.iter().map(|name| activation(name.as_str().unwrap_or_default()));
                Ok(Activations::Each(names.collect::<Result<_>>()?))
            }
            Some(other) => fault(&format!("a list of {n_nets} names"), &other),
        }
    }
}

enum Activations {
    Same(Activation),
    Each(Vec<Activation>),
}

impl Activations {
    fn of(&self, net: usize) -> Activation {
        match self {
            Self::Same(activation) => *activation,
            Self::Each(activations) => activations[net],
        }
    }
}

/// The activation of a name; of parametrized ones any member, as models only ask for its symmetry.
fn activation(name: &str) -> Result<Activation> {
    match name {
        "tanh" => Ok(Activation::Tanh),
        "relu" => Ok(Activation::Relu),
        "sine" => Ok(Activation::Sine { omega: 30.0 }),
        "leaky_relu" => Ok(Activation::LeakyRelu { slope: 0.01 }),
        _ => Err(format!("metadata `activation`: expected tanh, relu, sine or leaky_relu, found {name:?}")),
    }
}

/// Net `net` of the file; kernels make a convolution, and the linear layer after one averages positions.
fn read_net(tensors: &Tensors, net: usize, widths: &[usize], activation: Activation) -> Result<Net> {
    let mut layers: Vec<LayerSpec> = Vec::new();
    let mut params = Vec::new();
    for (l, pair) in widths.windows(2).enumerate() {
        let [n_in, n_out] = [pair[0], pair[1]];
        let name = format!("input.{net}.weight.{l}");
        let weight = tensors.get(&name).ok_or_else(|| format!("{name}: expected a tensor, found nothing"))?;
        let map = match *weight.dims() {
            [a, b, kh, kw] if [a, b] == [n_out, n_in] => {
                LayerMap::Conv { n_in, n_out, kernel: [kh, kw], stride: [1, 1], padding: [0, 0] }
            }
            [a, b] if [a, b] == [n_out, n_in] => {
                let after_conv = layers.last().is_some_and(|layer| layer.map.kernel().is_some());
                let reading = if after_conv { Reading::GlobalAverage } else { Reading::Direct };
                LayerMap::Linear { n_in, n_out, reading }
            }
            ref found => {
                let expected =
                    format!("shape [{n_out}, {n_in}] or [{n_out}, {n_in}, height, width] by `layer_layout`");
                return Err(format!("{name}: expected {expected}, found {found:?}"));
            }
        };
        let is_last = l + 2 == widths.len();
        layers.push(LayerSpec::new(map, if is_last { Activation::Identity } else { activation }));
        params.extend(values(weight)?);
        let name = format!("input.{net}.bias.{l}");
        match tensors.get(&name) {
            Some(bias) if bias.dims() == [n_out] => params.extend(values(bias)?),
            other => {
                let found = other.map_or("nothing".to_owned(), |tensor| format!("shape {:?}", tensor.dims()));
                return Err(format!("{name}: expected shape [{n_out}], found {found}"));
            }
        }
    }
    let fault = |error: sgmn_graph::Error| format!("input.{net}: {error}");
    let spec = Arc::new(NetSpec::new(layers, 0.0).map_err(fault)?);
    Net::new(spec, params).map_err(fault)
}

/// An architecture with the largest kernel that the configuration names, which the file's nets need not have: edges are
/// padded to it. None if the nets have no kernels or the configuration names none.
fn room_for_kernels(args: &Value, spec: &NetSpec, tensors: &Tensors) -> Result<Option<Arc<NetSpec>>> {
    let mut layers = spec.layers().to_vec();
    let Some(LayerMap::Conv { kernel, .. }) = layers.first_mut().map(|layer| &mut layer.map) else {
        return Ok(None);
    };
    let own = [0, 1].map(|axis| {
        let kernels = spec.layers().iter().filter_map(|layer| layer.map.kernel());
        kernels.map(|kernel| kernel[axis]).max().unwrap_or(1)
    });
    for (axis, key) in ["_max_kernel_height", "_max_kernel_width"].into_iter().enumerate() {
        kernel[axis] = match args.get(key) {
            None | Some(Value::Null) => own[axis],
            Some(value) => value.as_u64().and_then(|size| size.try_into().ok()).unwrap_or(0),
        };
        if kernel[axis] < own[axis] {
            return Err(format!(
                "metadata `config`: {key}: expected {} or more, found {}",
                own[axis], kernel[axis]
            ));
        }
    }
    // Before memory is spent on edges of that size, the first projection must confirm it.
    let projection = "param.construct_graph.proj_weight.weight";
    let found = tensors.get(projection).and_then(|tensor| tensor.dims().get(1).copied());
    if found != kernel[0].checked_mul(kernel[1]) {
        return Err(format!(
            "{projection}: expected a column for each value of a kernel {kernel:?}, found {found:?}"
        ));
    }
    let spec = NetSpec::new(layers, 0.0).map_err(|error| error.to_string())?;
    Ok(Some(Arc::new(spec)))
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    let values = || tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    values().map_err(|error| error.to_string())
}
