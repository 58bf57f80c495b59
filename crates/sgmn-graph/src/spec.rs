//! Descriptions of nets: layers, and where each parameter lies.

mod fingerprint;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    Activation, Error, LayerPool, Nonlinearity, Result,
    layers::{LayerMap, Reading},
};

/// One layer: a map, linear or affine, then an activation; behind a convolution perhaps pooling before or after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSpec {
    /// The map.
    pub map: LayerMap,
    /// The activation after it.
    pub activation: Activation,
    /// Whether the map adds a bias; where it does not, there is no such parameter. Left out of files where it does.
    #[serde(default = "has_bias", skip_serializing_if = "is_usual")]
    pub bias: bool,
    /// Pooling of what a convolution computes, before or after the activation. Left out of files where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<LayerPool>,
}

/// A layer of a file that does not say so has a bias.
fn has_bias() -> bool {
    true
}

fn is_usual(bias: &bool) -> bool {
    *bias
}

impl LayerSpec {
    /// A layer with a bias.
    pub fn new(map: LayerMap, activation: Activation) -> Self {
        Self { map, activation, bias: true, pool: None }
    }

    /// The same layer without a bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// The same layer with this pooling.
    #[must_use]
    pub fn with_pool(self, pool: LayerPool) -> Self {
        Self { pool: Some(pool), ..self }
    }

    /// What becomes of what the map computes.
    pub fn nonlinearity(&self) -> Nonlinearity {
        Nonlinearity { activation: self.activation, pool: self.pool }
    }

    /// Biases: one a unit, or none.
    pub fn n_biases(&self) -> usize {
        if self.bias { self.map.n_out() } else { 0 }
    }
}

/// An architecture: everything about a net except its numbers.
///
/// Parameters are ordered `W_0, b_0, W_1, b_1, …`, each row-major in PyTorch's layout; a layer without a bias has none.
///
/// Written by hand it is JSON, and an activation may be a word there:
///
/// ```
/// # let text = r#"
/// {
///   "layers": [
///     { "map": { "kind": "linear", "n_in": 2, "n_out": 16, "reading": { "kind": "direct" } }, "activation": "sine:30" },
///     { "map": { "kind": "linear", "n_in": 16, "n_out": 1, "reading": { "kind": "direct" } }, "activation": "none", "bias": false }
///   ],
///   "output_offset": 0.0
/// }
/// # "#;
/// # let spec: sgmn_graph::NetSpec = serde_json::from_str(text)?;
/// # assert_eq!(spec.n_params(), 2 * 16 + 16 + 16);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct NetSpec {
    layers: Vec<LayerSpec>,
    output_offset: f64,
}

/// Parameters of one net at most; beyond this a size is a mistake, and products might overflow.
const MOST_PARAMS: usize = 1 << 31;

/// The serialized form; reading it goes through [`NetSpec::new`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    layers: Vec<LayerSpec>,
    output_offset: f64,
}

impl TryFrom<Written> for NetSpec {
    type Error = Error;
    fn try_from(written: Written) -> Result<Self> {
        Self::new(written.layers, written.output_offset)
    }
}

impl From<NetSpec> for Written {
    fn from(spec: NetSpec) -> Self {
        Self { layers: spec.layers, output_offset: spec.output_offset }
    }
}

impl NetSpec {
    /// A chain of layers whose output is shifted by a constant, 0.5 for the grey values of DWS's INRs.
    ///
    /// # Errors
    /// [`Error::Spec`] if there is no layer, a size is zero, neighbours disagree on their width, or a convolution
    /// follows a linear layer, pooling does not stand behind a convolution or cannot be, or there would be more than two
    /// thousand million parameters.
    pub fn new(layers: Vec<LayerSpec>, output_offset: f64) -> Result<Self> {
        let fault = |layer, why: &str| Err(Error::Spec { layer, why: why.to_owned() });
        if layers.is_empty() {
            return fault(0, "a net needs at least one layer, found none");
        }
        if !output_offset.is_finite() {
            return fault(layers.len() - 1, "the output offset is not a finite number");
        }
        let mut n_params = 0usize;
        for (l, layer) in layers.iter().enumerate() {
            // First of all: later checks multiply sizes, which a file may have chosen to overflow.
            let of_layer = layer.map.n_params().filter(|_| layer.map.largest_size() <= MOST_PARAMS);
            match of_layer.and_then(|n| n_params.checked_add(n)).filter(|n| *n <= MOST_PARAMS) {
                Some(n) => n_params = n,
                None => {
                    let why = format!("a net of more than {MOST_PARAMS} parameters or positions");
                    return Err(Error::Spec { layer: l, why });
                }
            }
            if let Some(why) = layer.map.contradiction() {
                return Err(Error::Spec { layer: l, why });
            }
            if let Some(why) = layer.activation.fault() {
                return fault(l, why);
            }
            if let Some(pool) = layer.pool {
                if layer.map.kernel().is_none() {
                    return fault(l, "only what a convolution computes is pooled");
                }
                if let Some(why) = pool.contradiction() {
                    return Err(Error::Spec { layer: l, why });
                }
            }
            let Some(before) = l.checked_sub(1).map(|i| &layers[i]) else { continue };
            if before.map.n_out() != layer.map.n_in() {
                let why = format!(
                    "reads {} units, the layer before it writes {}",
                    layer.map.n_in(),
                    before.map.n_out()
                );
                return Err(Error::Spec { layer: l, why });
            }
            match (before.map, layer.map) {
                (LayerMap::Linear { .. }, LayerMap::Conv { .. }) => {
                    return fault(l, "a convolution cannot follow a linear layer");
                }
                (LayerMap::Linear { .. }, LayerMap::Linear { reading, .. }) if reading != Reading::Direct => {
                    return fault(l, "only a layer after a convolution reads positions");
                }
                (LayerMap::Conv { .. }, LayerMap::Linear { reading: Reading::Direct, .. }) => {
                    return fault(
                        l,
                        "a linear layer after a convolution must flatten or average the positions",
                    );
                }
                _ => {}
            }
        }
        Ok(Self { layers, output_offset })
    }

    /// A multi-layer perceptron of the given widths, the last layer without activation.
    ///
    /// # Errors
    /// [`Error::Spec`] with fewer than two widths or a zero width.
    pub fn mlp(widths: &[usize], activation: Activation, output_offset: f64) -> Result<Self> {
        Self::mixed_mlp(widths, &vec![activation; widths.len().saturating_sub(2)], output_offset)
    }

    /// A multi-layer perceptron whose hidden layers have activations of their own, first to last; the last layer has
    /// none.
    ///
    /// # Errors
    /// As [`NetSpec::mlp`], and if there are not as many activations as hidden layers.
    pub fn mixed_mlp(widths: &[usize], hidden: &[Activation], output_offset: f64) -> Result<Self> {
        let n_hidden = widths.len().saturating_sub(2);
        if hidden.len() != n_hidden {
            let why = format!(
                "expected an activation for each of {n_hidden} hidden layers, found {}",
                hidden.len()
            );
            return Err(Error::Spec { layer: n_hidden.min(hidden.len()), why });
        }
        let activations = hidden.iter().copied().chain([Activation::Identity]);
        let layers = widths.windows(2).zip(activations).map(|(pair, activation)| {
            let map = LayerMap::Linear { n_in: pair[0], n_out: pair[1], reading: Reading::Direct };
            LayerSpec::new(map, activation)
        });
        Self::new(layers.collect(), output_offset)
    }

    /// A network of the Small CNN Zoo's form: 3×3 convolutions of stride 2 without padding between the given channel
    /// counts, global average pooling, and a dense layer to the last width. The zoo itself is `[1, 16, 16, 16, 10]`.
    ///
    /// # Errors
    /// [`Error::Spec`] with fewer than three widths or a zero width.
    ///
    /// # Source
    /// Unterthiner et al., "Predicting Neural Network Accuracy from Weights", 2020.
    pub fn cnn_zoo(widths: &[usize], activation: Activation) -> Result<Self> {
        let n_layers = widths.len().saturating_sub(1);
        if n_layers < 2 {
            return Err(Error::Spec {
                layer: 0,
                why: "a CNN needs a convolution and a dense layer".to_owned(),
            });
        }
        let layer = |(l, pair): (usize, &[usize])| {
            let (n_in, n_out) = (pair[0], pair[1]);
            if l + 1 < n_layers {
                let map = LayerMap::Conv { n_in, n_out, kernel: [3, 3], stride: [2, 2], padding: [0, 0] };
                LayerSpec::new(map, activation)
            } else {
                let map = LayerMap::Linear { n_in, n_out, reading: Reading::GlobalAverage };
                LayerSpec::new(map, Activation::Identity)
            }
        };
        Self::new(widths.windows(2).enumerate().map(layer).collect(), 0.0)
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[LayerSpec] {
        &self.layers
    }

    /// Constant added to every output.
    pub fn output_offset(&self) -> f64 {
        self.output_offset
    }

    /// Units or channels from input to output, one more than there are layers.
    pub fn widths(&self) -> Vec<usize> {
        let outputs = self.layers.iter().map(|layer| layer.map.n_out());
        std::iter::once(self.layers[0].map.n_in()).chain(outputs).collect()
    }

    /// The same architecture without any bias.
    #[must_use]
    pub fn without_biases(&self) -> Self {
        let layers = self.layers.iter().map(|layer| layer.without_bias()).collect();
        Self { layers, output_offset: self.output_offset }
    }

    /// Whether any layer is a convolution.
    pub fn is_convolutional(&self) -> bool {
        self.layers.iter().any(|layer| layer.map.kernel().is_some())
    }

    /// Shape of layer `l`'s weight in PyTorch's layout.
    pub fn weight_shape(&self, l: usize) -> Vec<usize> {
        self.layers[l].map.weight_shape()
    }

    /// Where layer `l`'s weight lies among the parameters.
    pub fn weight_range(&self, l: usize) -> Range<usize> {
        let start = self.layers[..l].iter().map(|layer| n_weights(layer) + layer.n_biases()).sum();
        start..start + n_weights(&self.layers[l])
    }

    /// Where layer `l`'s bias lies among the parameters; empty if it has none.
    pub fn bias_range(&self, l: usize) -> Range<usize> {
        let start = self.weight_range(l).end;
        start..start + self.layers[l].n_biases()
    }

    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.bias_range(self.layers.len() - 1).end
    }

    /// A short text that is equal for equal specs and differs for different ones; nets are sorted into buckets by it.
    ///
    /// Checkpoints hold it, so it is written out in `spec/fingerprint.rs` and never changes.
    pub fn fingerprint(&self) -> String {
        fingerprint::of(&self.layers, self.output_offset)
    }
}

fn n_weights(layer: &LayerSpec) -> usize {
    layer.map.n_out() * layer.map.n_in() * layer.map.n_edge_values()
}
