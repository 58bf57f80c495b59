//! Functions of one number: which there are, and the operation that applies one to every number of an array.

mod behaviour;
mod value;

pub use behaviour::{Behaviour, Parity};

use serde::{Deserialize, Serialize};

use super::{Array, Operation, arrays, operands};
use crate::flow::threads::for_parts;

/// `function(x)` for each number. From: x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointwise {
    /// The function.
    pub function: Function,
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Function {
    /// `max(x, 0)`.
    Relu,
    /// `x` for positive x, `slope · x` otherwise.
    LeakyRelu {
        /// Slope for negative x.
        slope: f64,
    },
    /// Hyperbolic tangent.
    Tanh,
    /// Sine.
    Sine,
    /// Cosine.
    Cosine,
    /// The error function.
    Erf,
    /// `|x|`.
    Absolute,
    /// `−x`.
    Negate,
    /// −1, 0 or 1.
    Sign,
    /// `1 / (1 + e^−x)`.
    Sigmoid,
    /// `x / (1 + e^−x)`.
    Silu,
    /// `x · Φ(x)` with the normal distribution function Φ.
    Gelu,
    /// GELU by its formula with tanh.
    GeluTanh,
    /// `x · sigmoid(1.702 x)`.
    QuickGelu,
    /// `e^x`.
    Exponential,
    /// Natural logarithm.
    Logarithm,
    /// `ln(1 + e^x)`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x · tanh(ln(1 + e^x))`.
    Mish,
    /// `x` for positive x, `alpha (e^x − 1)` otherwise, all times `gamma` (SELU; 1 for ELU).
    Elu {
        /// What it tends to, with the other sign.
        alpha: f64,
        /// Factor of all.
        gamma: f64,
    },
    /// `x` for positive x, `alpha (e^(x/alpha) − 1)` otherwise.
    Celu {
        /// What it tends to, with the other sign.
        alpha: f64,
    },
    /// `alpha x + beta`, kept between 0 and 1.
    HardSigmoid {
        /// Slope.
        alpha: f64,
        /// Value at 0.
        beta: f64,
    },
    /// `x · hard sigmoid(x)` with slope 1/6 and value 1/2.
    HardSwish,
    /// x kept between two bounds.
    Clip {
        /// Lower bound, −∞ if there is none.
        #[serde(with = "crate::flow::parts::number")]
        low: f64,
        /// Upper bound, ∞ if there is none.
        #[serde(with = "crate::flow::parts::number")]
        high: f64,
    },
    /// `x` to a constant power.
    Power {
        /// The exponent.
        exponent: f64,
    },
    /// 0 where |x| is at most a bound; elsewhere x moved towards 0 by `bias`.
    Shrink {
        /// The bound.
        bound: f64,
        /// By how much what is kept moves towards 0.
        bias: f64,
    },
    /// `x` where it is larger than a bound, 0 elsewhere.
    Threshold {
        /// The bound.
        bound: f64,
    },
    /// The largest whole number that is not larger.
    Floor,
    /// The smallest whole number that is not smaller.
    Ceiling,
    /// The nearest whole number, the even one of two.
    Round,
    /// Without what stands behind the point.
    Truncate,
    /// 1 where x is 0, 0 elsewhere.
    Not,
    /// 0 where x is 0, 1 elsewhere.
    IsNonZero,
    /// 1 where x is NaN, 0 elsewhere.
    IsNan,
    /// Tangent.
    Tangent,
    /// Arc tangent.
    Arctangent,
    /// Hyperbolic sine.
    HyperbolicSine,
    /// Hyperbolic cosine.
    HyperbolicCosine,
    /// Inverse hyperbolic sine.
    InverseHyperbolicSine,
}

impl Operation for Pointwise {
    fn name(&self) -> &'static str {
        match self.function {
            Function::Relu => "relu",
            Function::LeakyRelu { .. } => "leaky relu",
            Function::Tanh => "tanh",
            Function::Sine => "sine",
            Function::Cosine => "cosine",
            Function::Erf => "erf",
            Function::Absolute => "absolute",
            Function::Negate => "negate",
            Function::Sign => "sign",
            Function::Sigmoid => "sigmoid",
            Function::Silu => "silu",
            Function::Gelu => "gelu",
            Function::GeluTanh => "gelu (tanh)",
            Function::QuickGelu => "quick gelu",
            Function::Exponential => "exponential",
            Function::Logarithm => "logarithm",
            Function::Softplus => "softplus",
            Function::Softsign => "softsign",
            Function::Mish => "mish",
            Function::Elu { .. } => "elu",
            Function::Celu { .. } => "celu",
            Function::HardSigmoid { .. } => "hard sigmoid",
            Function::HardSwish => "hard swish",
            Function::Clip { .. } => "clip",
            Function::Power { .. } => "power",
            Function::Shrink { .. } => "shrink",
            Function::Threshold { .. } => "threshold",
            Function::Floor => "floor",
            Function::Ceiling => "ceiling",
            Function::Round => "round",
            Function::Truncate => "truncate",
            Function::Not => "not",
            Function::IsNonZero => "is non-zero",
            Function::IsNan => "is NaN",
            Function::Tangent => "tangent",
            Function::Arctangent => "arc tangent",
            Function::HyperbolicSine => "hyperbolic sine",
            Function::HyperbolicCosine => "hyperbolic cosine",
            Function::InverseHyperbolicSine => "inverse hyperbolic sine",
        }
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x] = operands(from)?;
        Ok(x.to_vec())
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x] = arrays(from);
        self.run_over(x.clone(), &[])
    }

    fn run_over(&self, mut x: Array, _rest: &[&Array]) -> Result<Array, String> {
        // Enough numbers to keep a thread busy for longer than it takes to wake up.
        const PART: usize = 1 << 12;
        let work = x.data().len() * self.function.work();
        for_parts(x.data_mut(), PART, work, |_, numbers| self.function.apply(numbers));
        Ok(x)
    }
}
