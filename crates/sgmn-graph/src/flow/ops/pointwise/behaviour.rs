//! The facts about a function that decide what may change before it.

use serde::{Deserialize, Serialize};

use super::Function;

/// What a function f does to scalars in front of it; nothing else about it matters to symmetries of scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// p if `f(q x) = q^p f(x)` for every q > 0, absent if there is no such p.
    pub degree: Option<f64>,
    /// How a sign in front of it comes out.
    pub parity: Parity,
}

/// How a sign in front of a function comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

#[cfg(test)]
mod tests {
    use Function::*;

    use super::*;

    #[test]
    fn the_facts_about_scalars_hold() {
        let functions = [
            Relu, LeakyRelu { slope: 0.1 }, Tanh, Sine, Cosine, Erf, Absolute, Negate, Sign, Sigmoid, Silu, Gelu,
            Power { exponent: 2.0 }, Power { exponent: 3.0 }, Power { exponent: -1.0 }, Softsign, Mish,
            Clip { low: -1.0, high: 1.0 }, Clip { low: 0.0, high: f64::INFINITY }, Shrink { bound: 0.3, bias: 0.1 },
            Threshold { bound: 0.0 }, Round, Truncate, Not, IsNonZero, Arctangent, HyperbolicCosine,
        ];
        for function in functions {
            let Behaviour { degree, parity } = function.behaviour();
            for x in [-1.75, -0.4, 0.0, 0.6, 2.25] {
                let value = function.value(x);
                if let Some(degree) = degree.filter(|_| value.is_finite()) {
                    assert!((function.value(4.0 * x) - 4f64.powf(degree) * value).abs() < 1e-12, "{function:?} at {x}");
                }
                match parity {
                    Parity::Odd => assert_eq!(function.value(-x), -value, "{function:?} at {x}"),
                    Parity::Even => assert_eq!(function.value(-x), value, "{function:?} at {x}"),
                    Parity::Neither => {}
                }
            }
        }
    }
}
