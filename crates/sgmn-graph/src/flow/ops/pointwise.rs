//! Functions of one number, each with the facts that decide what may change before it.

use super::{Array, Operation, operands};

/// `function(x)` for each number. From: x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pointwise {
    /// The function.
    pub function: Function,
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
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
        low: f64,
        /// Upper bound, ∞ if there is none.
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

/// What a function f does to scalars in front of it; nothing else about it matters to symmetries of scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behaviour {
    /// p if `f(q x) = q^p f(x)` for every q > 0, absent if there is no such p.
    pub degree: Option<f64>,
    /// How a sign in front of it comes out.
    pub parity: Parity,
}

/// How a sign in front of a function comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// `f(−x) = −f(x)`.
    Odd,
    /// `f(−x) = f(x)`.
    Even,
    /// Neither.
    Neither,
}

impl Function {
    /// The facts about scalars.
    pub fn behaviour(self) -> Behaviour {
        use Parity::{Even, Neither, Odd};
        let of = |degree, parity| Behaviour { degree, parity };
        match self {
            Self::Negate => of(Some(1.0), Odd),
            Self::Relu => of(Some(1.0), Neither),
            Self::LeakyRelu { slope } => {
                of(Some(1.0), if slope == 1.0 { Odd } else if slope == -1.0 { Even } else { Neither })
            }
            Self::Absolute => of(Some(1.0), Even),
            Self::Sign => of(Some(0.0), Odd),
            Self::Not | Self::IsNonZero | Self::IsNan => of(Some(0.0), Even),
            Self::Power { exponent } => {
                let whole = exponent.fract() == 0.0;
                let parity = if !whole {
                    Neither
                } else if exponent % 2.0 == 0.0 {
                    Even
                } else {
                    Odd
                };
                of(Some(exponent), parity)
            }
            Self::Clip { low, high } if low == f64::NEG_INFINITY && high == f64::INFINITY => of(Some(1.0), Odd),
            Self::Clip { low, high } if low == 0.0 && high == f64::INFINITY => of(Some(1.0), Neither),
            Self::Clip { low, high } if low == f64::NEG_INFINITY && high == 0.0 => of(Some(1.0), Neither),
            Self::Clip { low, high } if low == -high => of(None, Odd),
            Self::Threshold { bound: 0.0 } => of(Some(1.0), Neither),
            Self::Tanh
            | Self::Sine
            | Self::Erf
            | Self::Softsign
            | Self::Tangent
            | Self::Arctangent
            | Self::HyperbolicSine
            | Self::InverseHyperbolicSine
            | Self::Truncate
            | Self::Round
            | Self::Shrink { .. } => of(None, Odd),
            Self::Cosine | Self::HyperbolicCosine => of(None, Even),
            Self::Sigmoid
            | Self::Silu
            | Self::Gelu
            | Self::GeluTanh
            | Self::QuickGelu
            | Self::Exponential
            | Self::Logarithm
            | Self::Softplus
            | Self::Mish
            | Self::Elu { .. }
            | Self::Celu { .. }
            | Self::HardSigmoid { .. }
            | Self::HardSwish
            | Self::Clip { .. }
            | Self::Threshold { .. }
            | Self::Floor
            | Self::Ceiling => of(None, Neither),
        }
    }
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

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
