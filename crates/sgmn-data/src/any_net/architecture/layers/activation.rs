//! Functions of one number.

use serde::{Deserialize, de::DeserializeOwned};
use sgmn_graph::flow::{Combination, FlowResult, Function, Softmax, ValueId};

use super::Words;
use crate::any_net::architecture::layer::Layer;

pub(super) const WORDS: Words = &[
    ("relu", |layer| plain(layer, Function::Relu)),
    ("relu6", |layer| plain(layer, Function::Clip { low: 0.0, high: 6.0 })),
    ("tanh", |layer| plain(layer, Function::Tanh)),
    ("sigmoid", |layer| plain(layer, Function::Sigmoid)),
    ("silu", |layer| plain(layer, Function::Silu)),
    ("mish", |layer| plain(layer, Function::Mish)),
    ("quick_gelu", |layer| plain(layer, Function::QuickGelu)),
    ("hard_swish", |layer| plain(layer, Function::HardSwish)),
    ("hard_sigmoid", |layer| plain(layer, Function::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 })),
    ("softplus", |layer| plain(layer, Function::Softplus)),
    ("softsign", |layer| plain(layer, Function::Softsign)),
    ("selu", |layer| plain(layer, Function::Elu { alpha: SELU.0, gamma: SELU.1 })),
    ("exp", |layer| plain(layer, Function::Exponential)),
    ("log", |layer| plain(layer, Function::Logarithm)),
    ("abs", |layer| plain(layer, Function::Absolute)),
    ("cosine", |layer| plain(layer, Function::Cosine)),
    ("sine", sine),
    ("gelu", gelu),
    ("leaky_relu", leaky_relu),
    ("elu", elu),
    ("clip", clip),
    ("power", power),
    ("scale", |layer| number(layer, Combination::Multiply)),
    ("shift", |layer| number(layer, Combination::Add)),
    ("prelu", prelu),
    ("softmax", |layer| softmax(layer, false)),
    ("log_softmax", |layer| softmax(layer, true)),
    ("glu", glu),
];

/// Bound and factor of SELU (Klambauer et al. 2017).
const SELU: (f64, f64) = (1.673_263_242_354_377_2, 1.050_700_987_355_480_5);

fn plain(layer: &mut Layer<'_>, function: Function) -> FlowResult<ValueId> {
    layer.no_options()?;
    let x = layer.alone()?;
    layer.apply(function, x)
}

/// A function with options.
fn with<T: DeserializeOwned>(layer: &mut Layer<'_>, function: fn(T) -> Function) -> FlowResult<ValueId> {
    let options = layer.options()?;
    let x = layer.alone()?;
    layer.apply(function(options), x)
}

fn unit() -> f64 {
    1.0
}

/// `sin(omega x)`.
fn sine(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        #[serde(default = "unit")]
        omega: f64,
    }
    let Options { omega } = layer.options()?;
    let x = layer.alone()?;
    let x = layer.draft.scale(x, omega)?;
    layer.apply(Function::Sine, x)
}

fn gelu(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        /// Whether the formula with tanh is meant, as GPT-2 has it.
        #[serde(default)]
        tanh: bool,
    }
    with(layer, |Options { tanh }| if tanh { Function::GeluTanh } else { Function::Gelu })
}

fn leaky_relu(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    fn hundredth() -> f64 {
        0.01
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        #[serde(default = "hundredth")]
        slope: f64,
    }
    with(layer, |Options { slope }| Function::LeakyRelu { slope })
}

fn elu(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        #[serde(default = "unit")]
        alpha: f64,
    }
    with(layer, |Options { alpha }| Function::Elu { alpha, gamma: 1.0 })
}

fn clip(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    fn lowest() -> f64 {
        f64::NEG_INFINITY
    }
    fn highest() -> f64 {
        f64::INFINITY
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        #[serde(default = "lowest")]
        low: f64,
        #[serde(default = "highest")]
        high: f64,
    }
    with(layer, |Options { low, high }| Function::Clip { low, high })
}

fn power(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        exponent: f64,
    }
    with(layer, |Options { exponent }| Function::Power { exponent })
}

/// The value and a constant number.
fn number(layer: &mut Layer<'_>, by: Combination) -> FlowResult<ValueId> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Options {
        by: f64,
    }
    let Options { by: number } = layer.options()?;
    let x = layer.alone()?;
    let number = layer.draft.number(number)?;
    layer.combine(by, x, number)
}

/// A slope for all or for each channel of axis 1.
fn prelu(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    layer.no_options()?;
    let (x, mut slope) = (layer.alone()?, layer.tensor("weight")?);
    let rank = layer.rank(x);
    if layer.rank(slope) == 1 && rank > 2 {
        slope = layer.along(slope, 1, rank)?;
    }
    layer.combine(Combination::Slope, x, slope)
}

fn last() -> i64 {
    -1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnAxis {
    #[serde(default = "last")]
    axis: i64,
}

fn softmax(layer: &mut Layer<'_>, log: bool) -> FlowResult<ValueId> {
    let OnAxis { axis } = layer.options()?;
    let x = layer.alone()?;
    let axis = layer.axis(axis, layer.rank(x))?;
    layer.step(Softmax { axis, log }, &[x])
}

/// One half of an axis times the sigmoid of the other.
fn glu(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    let OnAxis { axis } = layer.options()?;
    let x = layer.alone()?;
    let axis = layer.axis(axis, layer.rank(x))?;
    let size = layer.shape(x)[axis];
    if !size.is_multiple_of(2) {
        return layer.fault("an axis of even size", size);
    }
    let a = layer.slice(x, axis, 0, size / 2)?;
    let gate = layer.slice(x, axis, size / 2, size / 2)?;
    let gate = layer.apply(Function::Sigmoid, gate)?;
    layer.multiply(a, gate)
}
