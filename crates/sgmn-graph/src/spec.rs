//! Descriptions of nets: layers, activations, and where each parameter lies.

mod fingerprint;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    layers::{LayerMap, Reading},
};

/// A pointwise function after a layer's affine map. It decides which scalings of a unit leave the net's function alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` for positive `x`, `slope · x` otherwise.
    LeakyRelu {
        /// Slope for negative input.
        slope: f64,
    },
    /// Hyperbolic tangent.
    Tanh,
    /// `sin(omega · x)`, the activation of SIRENs.
    Sine {
        /// Radians per unit of input; 30 in SIRENs.
        omega: f64,
    },
    /// `x / (1 + exp(−x))`.
    Silu,
    /// `x · Φ(x)` with the normal distribution function Φ.
    Gelu,
    /// No activation.
    Identity,
}

/// One layer: an affine map, then an activation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSpec {
    /// The affine map.
    pub map: LayerMap,
    /// The activation after it.
    pub activation: Activation,
}

/// An architecture: everything about a net except its numbers.
///
/// Parameters are ordered `W_0, b_0, W_1, b_1, …`, each row-major in PyTorch's layout.
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
    /// follows a linear layer, or there would be more than two thousand million parameters.
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
            match layer.activation {
                Activation::Sine { omega } if !(omega.is_finite() && omega != 0.0) => {
                    return fault(l, "omega of a sine must be finite and not 0");
                }
                Activation::LeakyRelu { slope } if !slope.is_finite() => {
                    return fault(l, "slope of a leaky ReLU must be finite");
                }
                _ => {}
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
        let layers = widths.windows(2).zip(activations).map(|(pair, activation)| LayerSpec {
            map: LayerMap::Linear { n_in: pair[0], n_out: pair[1], reading: Reading::Direct },
            activation,
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
                LayerSpec { map, activation }
            } else {
                let map = LayerMap::Linear { n_in, n_out, reading: Reading::GlobalAverage };
                LayerSpec { map, activation: Activation::Identity }
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
        let start = self.layers[..l].iter().map(|layer| n_weights(layer) + layer.map.n_out()).sum();
        start..start + n_weights(&self.layers[l])
    }

    /// Where layer `l`'s bias lies among the parameters.
    pub fn bias_range(&self, l: usize) -> Range<usize> {
        let start = self.weight_range(l).end;
        start..start + self.layers[l].map.n_out()
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
