//! An architecture in words: as `sgmn inspect` shows it, and as figures label their layers.

use sgmn_graph::{Activation, LayerMap, LayerPool, NetSpec, Nonlinearity, PoolAt, PoolKind, Reading};

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
    let mut pools: Vec<String> =
        spec.layers().iter().filter_map(|layer| Some(describe_pool(&layer.pool?))).collect();
    pools.dedup();
    if !pools.is_empty() {
        line += &format!(", pooled by {}", pools.join(" and "));
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
fn describe_activation(activation: Activation) -> String {
    match activation.number() {
        Some((_, number)) => format!("{} {number}", activation.name()),
        None => activation.name().to_owned(),
    }
}

/// An activation and pooling, in their order, such as `max 2×2, tanh`.
pub(crate) fn describe_nonlinearity(Nonlinearity { activation, pool }: Nonlinearity) -> String {
    let activation = describe_activation(activation);
    match pool {
        None => activation,
        Some(pool) if pool.at == PoolAt::BeforeActivation => {
            format!("{}, {activation}", describe_pool(&pool))
        }
        Some(pool) => format!("{activation}, {}", describe_pool(&pool)),
    }
}

/// Pooling, such as `max 2×2` or `mean 3×3 with stride 2×2 and padding 1×1`.
fn describe_pool(pool: &LayerPool) -> String {
    let pair = |[rows, columns]: [usize; 2]| format!("{rows}×{columns}");
    let kind = if pool.kind == PoolKind::Max { "max" } else { "mean" };
    let line = format!("{kind} {}", pair(pool.window));
    if pool.stride == pool.window && pool.padding == [0, 0] {
        return line;
    }
    format!("{line} with stride {} and padding {}", pair(pool.stride), pair(pool.padding))
}
