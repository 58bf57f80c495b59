//! The architectures of the Model Zoo collections: **the only place that knows them.**
//!
//! Their programs build convolutions without padding, a maximum over 2 × 2 positions between most convolutions and
//! their activations, then two linear layers, the first of which reads all positions of all channels. Where that
//! maximum stands is not written in a checkpoint.

use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading};

use super::params::Params;

/// What an architecture as it is built here leaves out, for a person.
pub(super) const LEFT_OUT: &str = "the maximum over 2 × 2 positions between convolutions and activations is not represented: \
                                   parameters are those of the nets, what is computed is not";

/// The architecture of a net with these weights, or why it cannot be said.
pub(super) fn spec(params: &Params, layers: &[(String, Vec<usize>)]) -> Result<NetSpec, String> {
    let kind = params.kind.as_deref().unwrap_or("CNN");
    if !matches!(kind, "CNN" | "CNN2" | "CNN3" | "MLP") {
        return Err(format!(
            "nets of the kind {kind:?} (model::type), which are no chains, cannot be represented"
        ));
    }
    let activation = activation(params.nonlinearity.as_deref())?;
    let mut specs: Vec<LayerSpec> = Vec::new();
    for (l, (name, shape)) in layers.iter().enumerate() {
        let map = match shape[..] {
            [n_out, n_in, kh, kw] => {
                LayerMap::Conv { n_in, n_out, kernel: [kh, kw], stride: [1, 1], padding: [0, 0] }
            }
            [n_out, n_columns] => match specs.last().map(|before| before.map) {
                Some(LayerMap::Conv { n_out: channels, .. }) if n_columns % channels == 0 => {
                    let reading = Reading::Flatten { positions: n_columns / channels };
                    LayerMap::Linear { n_in: channels, n_out, reading }
                }
                _ => LayerMap::Linear { n_in: n_columns, n_out, reading: Reading::Direct },
            },
            _ => {
                return Err(format!(
                    "{name}.weight of shape {shape:?}, which is neither linear nor a convolution of images"
                ));
            }
        };
        let is_last = l + 1 == layers.len();
        specs.push(LayerSpec::new(map, if is_last { Activation::Identity } else { activation }));
    }
    NetSpec::new(specs, 0.0).map_err(|why| why.to_string())
}

/// The activation that `model::nlin` names, with the constants that PyTorch gives it.
fn activation(word: Option<&str>) -> Result<Activation, String> {
    let word = word.ok_or("params.json without model::nlin, the activation")?;
    match word {
        "leakyrelu" => Ok(Activation::LeakyRelu { slope: 0.01 }),
        word => word.parse::<Activation>().map_err(|why| format!("model::nlin: {why}")),
    }
}
