//! The architecture of a net from its weights and from what its file or the caller says about it.

use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading};

use super::{
    super::{
        named_layers::{Fault, NamedLayer},
        spec_json,
    },
    Metadata, Options,
};

/// The architecture written in the metadata, checked against the weights, or else an inferred one.
pub(super) fn spec(layers: &[NamedLayer], metadata: &Metadata, options: &Options) -> Result<NetSpec, Fault> {
    let Some(text) = metadata.get("spec") else { return infer(layers, metadata, options) };
    let spec = spec_json::read(text).map_err(|why| ("a valid metadata spec".to_owned(), why))?;
    let written: Vec<Vec<usize>> = (0..spec.layers().len()).map(|l| spec.weight_shape(l)).collect();
    let found: Vec<&[usize]> = layers.iter().map(|layer| &layer.weight_shape[..]).collect();
    if written != found {
        return Err((format!("weights of shapes {written:?}, as the metadata spec says"), format!("{found:?}")));
    }
    match spec.layers().iter().zip(layers).find(|(written, found)| written.bias != found.bias) {
        None => Ok(spec),
        Some((written, NamedLayer { name, .. })) => {
            let said = |bias| if bias { format!("a {name}.bias") } else { format!("no {name}.bias") };
            Err((format!("{}, as the metadata spec says", said(written.bias)), said(!written.bias)))
        }
    }
}

fn infer(layers: &[NamedLayer], metadata: &Metadata, options: &Options) -> Result<NetSpec, Fault> {
    let words = metadata.activation()?.or_else(|| options.activation.clone());
    let n_hidden = layers.len() - 1;
    let Some(words) = words.or_else(|| (n_hidden == 0).then(|| Activation::Identity.into())) else {
        let expected = "an activation in the file's metadata or in the options";
        return Err((expected.to_owned(), "neither".to_owned()));
    };
    let hidden = words.for_layers(n_hidden).map_err(word_fault)?;
    let output_offset = metadata.json("output_offset")?.unwrap_or(options.output_offset);
    let mut specs: Vec<LayerSpec> = Vec::new();
    for (l, layer) in layers.iter().enumerate() {
        let map = map(layer, specs.last().map(|before| before.map), options)?;
        let activation = hidden.get(l).copied().unwrap_or(Activation::Identity);
        specs.push(LayerSpec { map, activation, bias: layer.bias });
    }
    NetSpec::new(specs, output_offset).map_err(|why| ("layers that form a net".to_owned(), why.to_string()))
}

/// What is wrong with words for activations.
pub(super) fn word_fault(why: sgmn_graph::Error) -> Fault {
    match why {
        sgmn_graph::Error::Word { expected, found } => (format!("activation: {expected}"), found),
        other => ("an activation".to_owned(), other.to_string()),
    }
}

/// The map with these weights after the layer before it.
fn map(layer: &NamedLayer, before: Option<LayerMap>, options: &Options) -> Result<LayerMap, Fault> {
    let NamedLayer { name, weight_shape, .. } = layer;
    match weight_shape[..] {
        [n_out, n_in, kh, kw] => match options.convolution {
            Some(convolution) => Ok(LayerMap::Conv {
                n_in,
                n_out,
                kernel: [kh, kw],
                stride: convolution.stride,
                padding: convolution.padding,
            }),
            None => Err((
                format!("a metadata spec, or the option convolution, which tells stride and padding of {name}"),
                "neither".to_owned(),
            )),
        },
        [n_out, n_columns] => {
            let channels = match before {
                Some(LayerMap::Conv { n_out, .. }) => n_out,
                _ => return Ok(LayerMap::Linear { n_in: n_columns, n_out, reading: Reading::Direct }),
            };
            let reading = match n_columns / channels {
                1 => Reading::GlobalAverage,
                positions => Reading::Flatten { positions },
            };
            if n_columns % channels == 0 {
                Ok(LayerMap::Linear { n_in: channels, n_out, reading })
            } else {
                Err((format!("a whole number of columns for each of {channels} channels in {name}"), n_columns.to_string()))
            }
        }
        _ => Err((format!("two or four dimensions of {name}.weight"), format!("{weight_shape:?}"))),
    }
}
