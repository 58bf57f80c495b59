//! Attention with its linear layers.

use serde::Deserialize;
use sgmn_graph::flow::{FlowResult, ValueId};

use super::{Words, linear};
use crate::any_net::{
    architecture::layer::{Layer, OneOrMany},
    compose::Attention,
};

pub(super) const WORDS: Words = &[("attention", attention)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Heads of queries.
    heads: usize,
    /// Heads of keys and values, if fewer.
    kv_heads: Option<usize>,
    /// Names of the linear layers of queries, keys and values behind the layer's own: one that makes all three, or
    /// three. Without, the value itself is queries, keys and values side by side.
    qkv: Option<OneOrMany<String>>,
    /// Name of the linear layer of the result.
    output: Option<String>,
    /// Whether weights are `[in, out]`.
    #[serde(default)]
    transposed: bool,
    /// Whether a place sees itself and those before it only.
    #[serde(default)]
    causal: bool,
    /// Of a causal attention: how many places each sees, itself included.
    window: Option<usize>,
    /// Factor of the scores; one over the root of the width of a head if absent.
    scale: Option<f64>,
    /// The value that says which keys count (not 0): `[batch, keys]`.
    mask: Option<String>,
    /// The rotary code of queries and keys.
    rotary: Option<Rotary>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotary {
    /// Base of the angles.
    #[serde(default = "base")]
    base: f64,
    /// Channels of a head that turn; all if absent.
    width: Option<usize>,
    /// Angles by which pairs turn from place to place, instead of a base and a width.
    frequencies: Option<Vec<f64>>,
    /// Whether pairs are neighbours (2i, 2i + 1) and not (i, i + width/2).
    #[serde(default)]
    neighbours: bool,
}

fn base() -> f64 {
    10_000.0
}

fn attention(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let options: Options = layer.options()?;
    let kv_heads = options.kv_heads.unwrap_or(options.heads);
    let x = layer.x;
    let (from, n) = match layer.with[..] {
        [] => (x, 1),
        [other] => (other, 2),
        _ => return layer.fault("one value under `with` at most, for keys and values", layer.with.len()),
    };
    let [q, k, v] = match &options.qkv {
        Some(OneOrMany::Many(names)) => {
            let [q, k, v] = &names[..] else {
                return layer.fault("three names under qkv", format!("{names:?}"));
            };
            let q = projected(layer, x, q, options.transposed)?;
            let k = projected(layer, from, k, options.transposed)?;
            [q, k, projected(layer, from, v, options.transposed)?]
        }
        _ if n == 2 => return layer.fault("three names under qkv for keys of another value", "fewer"),
        Some(OneOrMany::One(name)) => {
            let all = projected(layer, x, name, options.transposed)?;
            parts(layer, all, options.heads, kv_heads)?
        }
        None => parts(layer, x, options.heads, kv_heads)?,
    };
    let mut q = layer.split_heads(q, options.heads)?;
    let mut k = layer.split_heads(k, kv_heads)?;
    let v = layer.split_heads(v, kv_heads)?;
    if let Some(rotary) = &options.rotary {
        for heads in [&mut q, &mut k] {
            let frequencies = frequencies(layer, rotary, *heads)?;
            *heads = layer.rotary(*heads, &frequencies, rotary.neighbours)?;
        }
    }
    let mask = match &options.mask {
        None => None,
        Some(name) => {
            let Some(mask) = layer.values.get(name).copied() else {
                return layer.fault("the name of an earlier value under mask", format!("{name:?}"));
            };
            let shape = layer.shape(mask);
            let [batch, keys] = shape[..] else {
                return layer.fault("a mask [batch, keys]", format!("{shape:?}"));
            };
            Some(layer.reshape(mask, vec![batch, 1, 1, keys])?)
        }
    };
    if options.window == Some(0) || options.window.is_some() && !options.causal {
        return layer.fault("a window of 1 or more, of a causal attention", format!("{:?}", options.window));
    }
    let how =
        Attention { scale: options.scale, causal: options.causal, window: options.window, bias: None, mask };
    let mixed = layer.attention(q, k, v, how)?;
    let out = layer.join_heads(mixed)?;
    match &options.output {
        Some(name) => projected(layer, out, name, options.transposed),
        None => Ok(out),
    }
}

/// By which angle each pair of channels turns from one place to the next: `base^(−2i/width)`, or as they are given.
fn frequencies(layer: &Layer<'_>, rotary: &Rotary, heads: ValueId) -> FlowResult<Vec<f64>> {
    if let Some(given) = &rotary.frequencies {
        return Ok(given.clone());
    }
    let all = layer.shape(heads).last().copied().unwrap_or(0);
    let width = rotary.width.unwrap_or(all);
    if !width.is_multiple_of(2) || width > all {
        return layer.fault(format!("an even width of the rotary code of at most {all}"), width);
    }
    Ok((0..width / 2).map(|pair| rotary.base.powf(-2.0 * pair as f64 / width as f64)).collect())
}

/// A linear layer by its name behind the attention's; `in_proj` has an underscore before its ending in PyTorch.
fn projected(layer: &mut Layer<'_>, x: ValueId, name: &str, transposed: bool) -> FlowResult<ValueId> {
    let point = if layer.tensors.contains_key(&format!("{name}_weight")) { '_' } else { '.' };
    let weight = layer.tensor(&format!("{name}{point}weight"))?;
    let bias = layer.tensor_or_none(&format!("{name}{point}bias"));
    linear::apply(layer, x, weight, bias, transposed)
}

/// Queries, keys and values that stand side by side.
fn parts(layer: &mut Layer<'_>, all: ValueId, heads: usize, kv_heads: usize) -> FlowResult<[ValueId; 3]> {
    let shape = layer.shape(all);
    let (rank, width) = (shape.len(), shape.last().copied().unwrap_or(0));
    let n = kv_heads.checked_mul(2).and_then(|n| n.checked_add(heads)).unwrap_or(0);
    if n == 0 || !width.is_multiple_of(n) {
        return layer.fault(format!("channels in {heads} heads of queries and 2 · {kv_heads} others"), width);
    }
    let (of_q, of_k) = (width / n * heads, width / n * kv_heads);
    Ok([
        layer.slice(all, rank - 1, 0, of_q)?,
        layer.slice(all, rank - 1, of_q, of_k)?,
        layer.slice(all, rank - 1, of_q + of_k, of_k)?,
    ])
}
