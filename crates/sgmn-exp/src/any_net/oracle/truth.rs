//! What is known of a net of the oracle: the truth as JSON, and tensors by name.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use candle_core::{DType, Device};
use serde::Deserialize;
use sgmn_graph::flow::Array;

/// A folder of the oracle.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) truth: Truth,
    /// Parameters by their names.
    pub(super) params: BTreeMap<String, Array>,
    /// The inputs.
    pub(super) x: Array,
    /// The answers to them.
    pub(super) y: Array,
    /// Sets of changed parameters that keep the function, by what was done.
    pub(super) twins: BTreeMap<String, BTreeMap<String, Array>>,
    /// Sets of changed parameters that do not.
    pub(super) negatives: BTreeMap<String, BTreeMap<String, Array>>,
}

/// What may change in the net.
#[derive(Debug, Deserialize)]
pub(super) struct Truth {
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) scales: BTreeMap<String, Scale>,
    pub(super) matrices: BTreeMap<String, Matrix>,
    /// Which matrices the stream admits, in words.
    pub(super) stream: Option<String>,
    pub(super) params: BTreeMap<String, Param>,
    /// Names of one parameter.
    pub(super) tied: Vec<Vec<String>>,
    /// Tensors that stay.
    pub(super) frozen: Vec<String>,
    /// What may be added.
    pub(super) affine: Vec<Affine>,
    pub(super) continuous: Continuous,
    /// For each ONNX file what it holds.
    pub(super) onnx: BTreeMap<String, OnnxFile>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Order {
    pub(super) n: usize,
    pub(super) over: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scale {
    pub(super) on: String,
    pub(super) group: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Matrix {
    pub(super) on: String,
    pub(super) kind: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Param {
    pub(super) axes: Vec<String>,
    #[serde(default)]
    pub(super) flat: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Affine {
    pub(super) dims: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Continuous {
    /// How many dimensions all continuous changes span.
    pub(super) predicted: usize,
    /// And each kind of them.
    pub(super) of: BTreeMap<String, usize>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OnnxFile {
    pub(super) ops: BTreeMap<String, usize>,
    #[serde(default)]
    pub(super) tensors: BTreeMap<String, Tensor>,
}

/// Which parameter a tensor of a file is.
#[derive(Debug, Deserialize)]
pub(super) struct Tensor {
    /// Absent if the writer computed the tensor.
    pub(super) param: Option<String>,
    pub(super) form: String,
}

impl Folder {
    /// Reads a folder.
    ///
    /// # Errors
    /// A file that is missing or damaged, by its path.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = path.join("truth.json");
        let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let truth: Truth = serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
        let mut io = tensors(&path.join("io.safetensors"))?;
        let mut of_io = |name: &str| {
            let fault = || format!("{}: expected a tensor {name:?}, found none", path.display());
            io.remove(name).with_context(fault)
        };
        let (x, y) = (of_io("x")?, of_io("y")?);
        Ok(Self {
            truth,
            params: tensors(&path.join("params.safetensors"))?,
            x,
            y,
            twins: by_set(tensors(&path.join("twins.safetensors"))?),
            negatives: by_set(tensors(&path.join("negatives.safetensors"))?),
        })
    }
}

/// All tensors of a file, in f64.
fn tensors(path: &Path) -> Result<BTreeMap<String, Array>> {
    let shown = || path.display().to_string();
    let found = candle_core::safetensors::load(path, &Device::Cpu).with_context(shown)?;
    found
        .into_iter()
        .map(|(name, tensor)| {
            let shape = tensor.dims().to_vec();
            let data = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
            Ok((name, Array::new(shape, data)?))
        })
        .collect::<Result<_>>()
        .with_context(shown)
}

/// Tensors named `SET/NAME` by their sets.
fn by_set(tensors: BTreeMap<String, Array>) -> BTreeMap<String, BTreeMap<String, Array>> {
    let mut sets: BTreeMap<String, BTreeMap<String, Array>> = BTreeMap::new();
    for (name, array) in tensors {
        // Names of sets are words and may hold a slash; names of parameters hold none.
        let (set, param) = name.rsplit_once('/').unwrap_or(("", &name));
        sets.entry(set.to_owned()).or_default().insert(param.to_owned(), array);
    }
    sets
}
