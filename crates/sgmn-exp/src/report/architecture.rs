//! An architecture in words: as `sgmn inspect` shows it, and as figures label their layers.

use sgmn_graph::{Activation, LayerMap, NetSpec, Reading};

/// An architecture in one line, such as `perceptron 2 → 32 → 1, 129 parameters, sine 30, output shifted by 0.5`.
pub(crate) fn describe_spec(spec: &NetSpec) -> String {
    let widths: Vec<String> = spec.widths().iter().map(usize::to_string).collect();
    let mut activations: Vec<String> = Vec::new();
    for layer in &spec.layers()[..spec.layers().len() - 1] {
        let name = describe_activation(layer.activation);
        if !activations.contains(&name) {
            activations.push(name);
        }
    }
    let kind = if spec.is_convolutional() { "convolutional net" } else { "perceptron" };
    let mut line = format!("{kind} {}, {} parameters", widths.join(" → "), spec.n_params());
    if !activations.is_empty() {
        line += &format!(", {}", activations.join(" and "));
    }
    let without = spec.layers().iter().filter(|layer| !layer.bias).count();
    if without > 0 {
        let all = without == spec.layers().len();
        line += &if all { ", no biases".to_owned() } else { format!(", no bias in {without} layers") };
    }
    if spec.output_offset() != 0.0 {
        line += &format!(", output shifted by {}", spec.output_offset());
    }
    line
}

/// An affine map, such as `conv 3×3, stride 2×2, padding 0×0`.
pub(crate) fn describe_map(map: &LayerMap) -> String {
    match *map {
        LayerMap::Conv { stride, padding, .. } => format!(
            "{}, stride {}×{}, padding {}×{}",
            describe_kind(map),
            stride[0],
            stride[1],
            padding[0],
            padding[1]
        ),
        LayerMap::Linear { .. } => describe_kind(map),
    }
}

/// An affine map in fewer words, such as `conv 3×3`.
pub(crate) fn describe_kind(map: &LayerMap) -> String {
    match *map {
        LayerMap::Linear { reading: Reading::Direct, .. } => "linear".to_owned(),
        LayerMap::Linear { reading: Reading::GlobalAverage, .. } => "average, linear".to_owned(),
        LayerMap::Linear { reading: Reading::Flatten { positions }, .. } => {
            format!("flatten {positions}, linear")
        }
        LayerMap::Conv { kernel: [kh, kw], .. } => format!("conv {kh}×{kw}"),
    }
}

/// An activation, such as `sine 30`.
pub(crate) fn describe_activation(activation: Activation) -> String {
    match activation.number() {
        Some((_, number)) => format!("{} {number}", activation.name()),
        None => activation.name().to_owned(),
    }
}
