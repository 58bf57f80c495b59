//! Convolutions over any number of axes; the weight says how many.

use serde::Deserialize;
use sgmn_graph::flow::{Convolve, FlowResult, ValueId};

use super::Words;
use crate::any_net::architecture::layer::{Layer, OneOrMany};

pub(super) const WORDS: Words =
    &[("conv", |layer| convolve(layer, false)), ("conv_transposed", |layer| convolve(layer, true))];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default = "one")]
    stride: OneOrMany<usize>,
    #[serde(default)]
    padding: Padding,
    #[serde(default = "one")]
    dilation: OneOrMany<usize>,
    #[serde(default = "single")]
    groups: usize,
    /// Rows added after the result of a transposed convolution.
    #[serde(default)]
    output_padding: Option<OneOrMany<usize>>,
}

fn one() -> OneOrMany<usize> {
    OneOrMany::One(1)
}

fn single() -> usize {
    1
}

/// Zeros around the input.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Padding {
    /// On both sides of all axes.
    All(usize),
    /// On both sides of each axis, or before and after each.
    Each(Vec<OneOrMany<usize>>),
    /// `"same"`: as many rows as the input has, at stride 1.
    Word(String),
    #[default]
    None,
}

fn convolve(layer: &mut Layer<'_>, transposed: bool) -> FlowResult<ValueId> {
    let Options { stride, padding, dilation, groups, output_padding } = layer.options()?;
    let x = layer.alone()?;
    let weight = layer.tensor("weight")?;
    let bias = layer.tensor_or_none("bias");
    let of_weight = layer.shape(weight);
    let Some(n) = of_weight.len().checked_sub(2).filter(|n| *n > 0) else {
        return layer.fault("a weight of three axes or more", format!("{of_weight:?}"));
    };
    let stride = layer.each(&stride, n)?;
    let dilation = layer.each(&dilation, n)?;
    let padding = match padding {
        Padding::None => vec![(0, 0); n],
        Padding::All(amount) => vec![(amount, amount); n],
        Padding::Word(word) if word == "same" => (0..n)
            .map(|axis| {
                let all = of_weight[axis + 2].saturating_sub(1).saturating_mul(dilation[axis]);
                (all / 2, all - all / 2)
            })
            .collect(),
        Padding::Word(word) => return layer.fault("padding by numbers or \"same\"", format!("{word:?}")),
        Padding::Each(amounts) if amounts.len() == n => {
            let pair = |amount: &OneOrMany<usize>| match amount {
                OneOrMany::One(amount) => Ok((*amount, *amount)),
                OneOrMany::Many(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
                OneOrMany::Many(other) => layer.fault("padding before and after", format!("{other:?}")),
            };
            amounts.iter().map(pair).collect::<FlowResult<_>>()?
        }
        Padding::Each(amounts) => return layer.fault(format!("padding of {n} axes"), format!("{amounts:?}")),
    };
    let more = match output_padding {
        Some(_) if !transposed => {
            return layer.fault("output_padding of a transposed convolution only", "a plain one");
        }
        Some(more) => layer.each(&more, n)?,
        None => vec![0; n],
    };
    let op = Convolve { stride, padding, dilation, groups, transposed: transposed.then_some(more) };
    layer.convolve(x, weight, bias, op)
}
