//! Golden files in memory, to be changed and written.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading};
use sgmn_nn::golden::Golden;

/// A golden file in memory, to be changed and written.
#[derive(Clone)]
pub(crate) struct Form {
    pub(crate) tensors: BTreeMap<String, Tensor>,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Form {
    /// One of the 24 files.
    pub(crate) fn of(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden").join(format!("{name}.safetensors"));
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        Self {
            tensors: candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
                .unwrap()
                .into_iter()
                .collect(),
            metadata: header.metadata().clone().unwrap().into_iter().collect(),
        }
    }

    /// The file with a key of its configuration changed; `a.b` names key b below a, and null removes.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        let mut config: Value = serde_json::from_str(&self.metadata["config"]).unwrap();
        let (folder, key) = key.rsplit_once('.').unwrap_or(("", key));
        let place = if folder.is_empty() { &mut config } else { config.get_mut(folder).unwrap() };
        match value {
            Value::Null => drop(place.as_object_mut().unwrap().shift_remove(key)),
            value => place[key] = value,
        }
        self.metadata.insert("config".to_owned(), config.to_string());
        self
    }

    pub(crate) fn with_metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without_metadata(mut self, key: &str) -> Self {
        self.metadata.remove(key);
        self
    }

    pub(crate) fn without(mut self, tensor: &str) -> Self {
        self.tensors.remove(tensor).unwrap();
        self
    }

    pub(crate) fn with_tensor(mut self, name: &str, values: impl Fn(usize) -> f64, shape: &[usize]) -> Self {
        let values: Vec<f64> = (0..shape.iter().product()).map(values).collect();
        self.tensors.insert(name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        self
    }

    /// The architecture of the file's nets.
    pub(crate) fn specs(&self) -> Vec<Arc<NetSpec>> {
        let widths: Vec<usize> = serde_json::from_str(&self.metadata["layer_layout"]).unwrap();
        let map = |(l, pair): (usize, &[usize])| match *self.tensors[&format!("input.0.weight.{l}")].dims() {
            [n_out, n_in, kh, kw] => {
                LayerMap::Conv { n_in, n_out, kernel: [kh, kw], stride: [1, 1], padding: [0, 0] }
            }
            _ => {
                let after_conv = l > 0 && self.tensors[&format!("input.0.weight.{}", l - 1)].rank() == 4;
                let reading = if after_conv { Reading::GlobalAverage } else { Reading::Direct };
                LayerMap::Linear { n_in: pair[0], n_out: pair[1], reading }
            }
        };
        let layer = |pair| LayerSpec::new(map(pair), Activation::Relu);
        vec![Arc::new(NetSpec::new(widths.windows(2).enumerate().map(layer).collect(), 0.0).unwrap())]
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let metadata = self.metadata.clone().into_iter().collect();
        safetensors::serialize(&self.tensors, Some(metadata)).unwrap()
    }

    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("form.safetensors");
        std::fs::write(&path, self.bytes()).unwrap();
        path
    }

    /// What comparing the file with the model built from it says.
    pub(crate) fn compare(&self) -> Result<f64, String> {
        self.parity().map(|(output, gradient)| output.max(gradient))
    }

    /// The errors of outputs and of gradients.
    pub(crate) fn parity(&self) -> Result<(f64, f64), String> {
        let folder = tempfile::tempdir().unwrap();
        let golden = Golden::read(&self.write(folder.path())).map_err(|error| error.to_string())?;
        let parity = golden.compare(DType::F64, &Device::Cpu).map_err(|error| error.to_string())?;
        Ok((parity.output.error, parity.gradient.error))
    }
}
