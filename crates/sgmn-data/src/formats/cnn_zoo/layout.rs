//! Where each tensor stands in a row of the zoo, and how TensorFlow's order becomes PyTorch's.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading};

use crate::{Error, Result, beside::text, containers::npy};

/// The zoo's convolutions step by two pixels and do not pad. Source: Unterthiner et al. 2020.
const STRIDE: [usize; 2] = [2, 2];

/// The layers of the zoo's one architecture, first to last.
#[derive(Debug)]
pub(super) struct Layout {
    layers: Vec<Layer>,
    path: PathBuf,
}

#[derive(Debug)]
struct Layer {
    name: String,
    kernel: Option<Block>,
    bias: Option<Block>,
}

/// A tensor's place in a row.
#[derive(Debug)]
struct Block {
    start: usize,
    /// `(kh, kw, in, out)`, `(in, out)` or `(out,)`.
    shape: Vec<usize>,
}

#[derive(Deserialize)]
struct Line {
    varname: String,
    start_idx: usize,
    end_idx: usize,
    size: usize,
    shape: String,
}

impl Layout {
    /// Reads `layout.csv`; its tensors must tile a row of `n_columns` numbers and form pairs of kernel and bias.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`].
    pub(super) fn read(path: &Path, n_columns: usize) -> Result<Self> {
        let fault = |expected: String, found: String| Err(Error::format(path, expected, found));
        let text = text::read(path)?;
        let mut layers: Vec<Layer> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut end = 0;
        for line in csv::Reader::from_reader(text.as_bytes()).deserialize() {
            let Line { varname, start_idx, end_idx, size, shape: text } = match line {
                Ok(line) => line,
                Err(why) => return fault("columns varname,start_idx,end_idx,size,shape".to_owned(), why.to_string()),
            };
            let shape = npy::tuple(&text).filter(|shape| product(shape) == Some(size));
            let tiles = start_idx == end && end_idx.checked_sub(start_idx) == Some(size);
            let Some(shape) = shape.filter(|_| tiles && end_idx <= n_columns) else {
                let expected = format!("{varname} from column {end}, its size the product of its shape");
                return fault(expected, format!("columns {start_idx} to {end_idx} of {n_columns}, {size}, {text}"));
            };
            end = end_idx;
            let Some((name, is_kernel)) = kind(&varname) else {
                return fault("variables named LAYER/kernel:0 and LAYER/bias:0, or without :0".to_owned(), format!("{varname:?}"));
            };
            let at = *places.entry(name.to_owned()).or_insert_with(|| {
                layers.push(Layer { name: name.to_owned(), kernel: None, bias: None });
                layers.len() - 1
            });
            let slot = if is_kernel { &mut layers[at].kernel } else { &mut layers[at].bias };
            if slot.replace(Block { start: start_idx, shape }).is_some() {
                return fault(format!("one {varname}"), "two".to_owned());
            }
        }
        if end != n_columns {
            return fault(format!("variables of {n_columns} columns, those of weights.npy"), end.to_string());
        }
        let layout = Self { layers, path: path.to_owned() };
        layout.spec(Activation::Relu)?;
        Ok(layout)
    }

    /// The architecture with one activation after every layer but the last.
    ///
    /// # Errors
    /// [`Error::Format`] if a layer lacks its kernel or bias or they disagree, [`Error::Net`] if layers do not connect.
    pub(super) fn spec(&self, activation: Activation) -> Result<NetSpec> {
        let mut layers: Vec<LayerSpec> = Vec::new();
        for (l, Layer { name, kernel, bias }) in self.layers.iter().enumerate() {
            let shapes = (kernel.as_ref().map(|block| &block.shape[..]), bias.as_ref().map(|block| &block.shape[..]));
            let after_conv = layers.last().is_some_and(|before| matches!(before.map, LayerMap::Conv { .. }));
            let map = match shapes {
                (Some(&[kh, kw, n_in, n_out]), Some(&[n_bias])) if n_bias == n_out => {
                    LayerMap::Conv { n_in, n_out, kernel: [kh, kw], stride: STRIDE, padding: [0, 0] }
                }
                (Some(&[n_in, n_out]), Some(&[n_bias])) if n_bias == n_out => {
                    let reading = if after_conv { Reading::GlobalAverage } else { Reading::Direct };
                    LayerMap::Linear { n_in, n_out, reading }
                }
                _ => {
                    let expected = format!("a kernel (kh, kw, in, out) or (in, out) and a bias (out,) of {name}");
                    return Err(Error::format(&self.path, expected, format!("{shapes:?}")));
                }
            };
            let is_last = l + 1 == self.layers.len();
            layers.push(LayerSpec::new(map, if is_last { Activation::Identity } else { activation }));
        }
        NetSpec::new(layers, 0.0).map_err(|source| Error::Net { path: self.path.clone(), source })
    }

    /// For every parameter in PyTorch's order (`W_0, b_0, ...`, a kernel `[out, in, kh, kw]`) its column in a row.
    pub(super) fn source_of(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        for layer in &self.layers {
            let (Some(kernel), Some(bias)) = (&layer.kernel, &layer.bias) else {
                unreachable!("reading the layout made sure that {} is complete", layer.name)
            };
            // A dense kernel (in, out) is a convolution's (kh, kw, in, out) of one position.
            let (positions, n_in, n_out) = match kernel.shape[..] {
                [kh, kw, n_in, n_out] => (kh * kw, n_in, n_out),
                [n_in, n_out] => (1, n_in, n_out),
                _ => unreachable!("reading the layout made sure of the shape of {}", layer.name),
            };
            for out in 0..n_out {
                for input in 0..n_in {
                    columns.extend((0..positions).map(|at| kernel.start + (at * n_in + input) * n_out + out));
                }
            }
            columns.extend(bias.start..bias.start + n_out);
        }
        columns
    }
}

fn product(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
}

/// Layer and whether it is the kernel, of `sequential/conv2d_1/kernel:0`.
fn kind(varname: &str) -> Option<(&str, bool)> {
    // Keras 3 writes no `:0`.
    let varname = varname.strip_suffix(":0").unwrap_or(varname);
    let kernel = varname.strip_suffix("/kernel").map(|name| (name, true));
    kernel.or_else(|| varname.strip_suffix("/bias").map(|name| (name, false)))
}
