//! Pooling, padding, and other sizes of images.

use serde::Deserialize;
use sgmn_graph::flow::{FlowResult, Pooling, ValueId};

use super::Words;
use crate::any_net::{
    architecture::layer::{Layer, OneOrMany},
    compose::{Bounds, Interpolation, Windows},
};

pub(super) const WORDS: Words = &[
    ("max_pool", |layer| pool(layer, false)),
    ("mean_pool", |layer| pool(layer, true)),
    ("adaptive_mean_pool", |layer| adaptive(layer, true)),
    ("adaptive_max_pool", |layer| adaptive(layer, false)),
    ("pad", pad),
    ("upsample", upsample),
    ("pixel_shuffle", pixel_shuffle),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Sizes of a window; one number counts for all axes behind the channels.
    size: OneOrMany<usize>,
    /// Steps; the size if absent.
    stride: Option<OneOrMany<usize>>,
    #[serde(default = "none")]
    padding: OneOrMany<usize>,
    #[serde(default)]
    ceil: bool,
    /// Whether zeros around the input count for a mean.
    #[serde(default)]
    counts_padding: Option<bool>,
}

fn none() -> OneOrMany<usize> {
    OneOrMany::One(0)
}

fn pool(layer: &mut Layer<'_>, mean: bool) -> FlowResult<ValueId> {
    let Options { size, stride, padding, ceil, counts_padding } = layer.options()?;
    let x = layer.alone()?;
    let n = spatial(layer, x)?;
    let size = layer.each(&size, n)?;
    let stride = stride.map_or(Ok(size.clone()), |stride| layer.each(&stride, n))?;
    let windows = Windows { size, stride, padding: layer.each(&padding, n)?, dilation: vec![1; n], ceil };
    let by = match (mean, counts_padding) {
        (true, counts) => Pooling::Mean { counts_padding: counts.unwrap_or(true) },
        (false, None) => Pooling::Maximum,
        (false, Some(_)) => return layer.fault("counts_padding of a mean only", "a maximum"),
    };
    layer.pool(by, x, &windows)
}

/// The number of axes behind batch and channels.
fn spatial(layer: &Layer<'_>, x: ValueId) -> FlowResult<usize> {
    match layer.rank(x).checked_sub(2) {
        Some(n) if n > 0 => Ok(n),
        _ => layer.fault("a value [batch, channels, places..]", format!("{:?}", layer.shape(x))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adaptive {
    size: OneOrMany<usize>,
}

fn adaptive(layer: &mut Layer<'_>, mean: bool) -> FlowResult<ValueId> {
    let Adaptive { size } = layer.options()?;
    let x = layer.alone()?;
    let n = spatial(layer, x)?;
    let sizes = layer.each(&size, n)?;
    layer.adaptive_pool(mean, x, &sizes)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Amounts {
    /// Before and after, for each of the last axes; negative amounts cut off.
    amounts: Vec<[i64; 2]>,
    #[serde(default)]
    value: f64,
    /// constant, reflect, edge or circular.
    #[serde(default)]
    mode: Option<String>,
}

fn pad(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Amounts { amounts, value, mode } = layer.options()?;
    let x = layer.alone()?;
    let bounds = match mode.as_deref() {
        None | Some("constant") => Bounds::Constant(value),
        Some("reflect") => Bounds::Reflect,
        Some("edge") => Bounds::Edge,
        Some("circular") => Bounds::Circular,
        Some(other) => {
            return layer.fault("a mode constant, reflect, edge or circular", format!("{other:?}"));
        }
    };
    let Some(first) = layer.rank(x).checked_sub(amounts.len()) else {
        return layer.fault(format!("amounts of at most {} axes", layer.rank(x)), amounts.len());
    };
    let mut all = vec![(0, 0); first];
    all.extend(amounts.into_iter().map(|[before, after]| (before, after)));
    layer.draft.pad(x, &all, bounds)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resize {
    /// By how much; or sizes.
    factor: Option<OneOrMany<f64>>,
    size: Option<OneOrMany<usize>>,
    /// nearest, linear or cubic.
    #[serde(default)]
    mode: Option<String>,
    /// Whether first and last places lie on each other.
    #[serde(default)]
    corners: bool,
}

fn upsample(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Resize { factor, size, mode, corners } = layer.options()?;
    let x = layer.alone()?;
    let n = spatial(layer, x)?;
    let shape = layer.shape(x)[2..].to_vec();
    let how = match mode.as_deref() {
        None | Some("nearest") => Interpolation::Nearest,
        Some("linear") => Interpolation::Linear,
        Some("cubic") => Interpolation::Cubic,
        Some(other) => return layer.fault("a mode nearest, linear or cubic", format!("{other:?}")),
    };
    let sizes = match (factor, size) {
        (Some(factor), None) => {
            let factors = layer.each(&factor, n)?;
            shape.iter().zip(factors).map(|(size, factor)| (*size as f64 * factor).floor() as usize).collect()
        }
        (None, Some(size)) => layer.each(&size, n)?,
        _ => return layer.fault("a factor or a size", "both or none"),
    };
    layer.resize(x, how, &sizes, &[], corners)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shuffle {
    factor: usize,
}

/// `[N, C r r, H, W]` to `[N, C, H r, W r]`.
fn pixel_shuffle(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let Shuffle { factor } = layer.options()?;
    let x = layer.alone()?;
    layer.draft.pixel_shuffle(x, factor)
}
