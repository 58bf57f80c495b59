//! Functions of one number, each with the facts that decide what may change before it.

use super::{Array, Operation, arrays, operands};
use crate::{eval::erf, flow::threads::for_parts};

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

impl Function {
    /// The value at one number.
    pub fn value(self, x: f64) -> f64 {
        let truth = |holds: bool| f64::from(u8::from(holds));
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        match self {
            Self::Relu => x.max(0.0),
            Self::LeakyRelu { slope } => if x > 0.0 { x } else { slope * x },
            Self::Tanh => x.tanh(),
            Self::Sine => x.sin(),
            Self::Cosine => x.cos(),
            Self::Erf => erf(x),
            Self::Absolute => x.abs(),
            Self::Negate => -x,
            Self::Sign => if x == 0.0 { 0.0 } else { x.signum() },
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            Self::GeluTanh => {
                const ROOT: f64 = 0.797_884_560_802_865_4; // √(2/π)
                0.5 * x * (1.0 + (ROOT * (x + 0.044_715 * x * x * x)).tanh())
            }
            Self::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Self::Exponential => x.exp(),
            Self::Logarithm => x.ln(),
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Mish => x * softplus(x).tanh(),
            Self::Elu { alpha, gamma } => gamma * if x > 0.0 { x } else { alpha * x.exp_m1() },
            Self::Celu { alpha } => if x > 0.0 { x } else { alpha * (x / alpha).exp_m1() },
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            // Not `clamp`, which panics where the bounds are in the wrong order; the upper one then wins.
            Self::Clip { low, high } => x.max(low).min(high),
            Self::Power { exponent: 0.5 } => x.sqrt(),
            Self::Power { exponent: -1.0 } => 1.0 / x,
            Self::Power { exponent: -0.5 } => 1.0 / x.sqrt(),
            Self::Power { exponent: 2.0 } => x * x,
            Self::Power { exponent } => x.powf(exponent),
            Self::Shrink { bound, bias } => {
                if x > bound {
                    x - bias
                } else if x < -bound {
                    x + bias
                } else {
                    0.0
                }
            }
            Self::Threshold { bound } => if x > bound { x } else { 0.0 },
            Self::Floor => x.floor(),
            Self::Ceiling => x.ceil(),
            Self::Round => x.round_ties_even(),
            Self::Truncate => x.trunc(),
            Self::Not => truth(x == 0.0),
            Self::IsNonZero => truth(x != 0.0),
            Self::IsNan => truth(x.is_nan()),
            Self::Tangent => x.tan(),
            Self::Arctangent => x.atan(),
            Self::HyperbolicSine => x.sinh(),
            Self::HyperbolicCosine => x.cosh(),
            Self::InverseHyperbolicSine => x.asinh(),
        }
    }

    /// About how many multiplications take as long.
    fn work(self) -> usize {
        match self {
            Self::Relu | Self::LeakyRelu { .. } | Self::Absolute | Self::Negate | Self::Clip { .. } => 1,
            _ => 16,
        }
    }

    /// Puts the value in the place of each number.
    fn apply(self, numbers: &mut [f64]) {
        match self {
            // Known before the loop, so that the compiler takes several numbers at once.
            Self::Relu => numbers.iter_mut().for_each(|x| *x = x.max(0.0)),
            function => numbers.iter_mut().for_each(|x| *x = function.value(*x)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Function::*;

    #[test]
    fn functions_have_their_values() {
        let cases = [
            (Relu, -1.0, 0.0),
            (LeakyRelu { slope: 0.1 }, -2.0, -0.2),
            (Tanh, 1.0, 0.761_594_155_955_764_9),
            (Sine, 1.0, 0.841_470_984_807_896_5),
            (Cosine, 1.0, 0.540_302_305_868_139_8),
            (Erf, 0.5, 0.520_499_877_813_046_5),
            (Absolute, -3.0, 3.0),
            (Negate, 2.0, -2.0),
            (Sign, -0.5, -1.0),
            (Sign, 0.0, 0.0),
            (Sigmoid, 1.0, 0.731_058_578_630_004_9),
            (Silu, 1.0, 0.731_058_578_630_004_9),
            (Gelu, 1.0, 0.841_344_746_068_542_9),
            (GeluTanh, 1.0, 0.841_191_990_608_276_8),
            (QuickGelu, 1.0, 0.845_795_765_932_821_2),
            (Exponential, 1.0, std::f64::consts::E),
            (Logarithm, std::f64::consts::E, 1.0),
            (Softplus, 0.0, std::f64::consts::LN_2),
            (Softplus, 800.0, 800.0),
            (Softsign, -3.0, -0.75),
            (Mish, 1.0, 0.865_098_388_267_310_3),
            (Elu { alpha: 2.0, gamma: 3.0 }, -1.0, -3.792_723_352_971_347),
            (Celu { alpha: 2.0 }, -2.0, -1.264_241_117_657_115_3),
            (HardSigmoid { alpha: 0.2, beta: 0.5 }, 1.0, 0.7),
            (HardSwish, 1.0, 2.0 / 3.0),
            (HardSwish, -4.0, 0.0),
            (Clip { low: 0.0, high: 6.0 }, 7.0, 6.0),
            (Power { exponent: 0.5 }, 9.0, 3.0),
            (Power { exponent: 3.0 }, -2.0, -8.0),
            (Power { exponent: -1.0 }, 4.0, 0.25),
            (Power { exponent: -0.5 }, 4.0, 0.5),
            (Shrink { bound: 1.0, bias: 0.5 }, -2.0, -1.5),
            (Shrink { bound: 1.0, bias: 0.5 }, 0.9, 0.0),
            (Threshold { bound: 1.0 }, 1.0, 0.0),
            (Floor, -1.5, -2.0),
            (Ceiling, -1.5, -1.0),
            (Round, 2.5, 2.0),
            (Truncate, -1.5, -1.0),
            (Not, 0.0, 1.0),
            (IsNonZero, -3.0, 1.0),
            (IsNan, f64::NAN, 1.0),
            (Tangent, 1.0, 1.557_407_724_654_902_3),
            (Arctangent, 1.0, std::f64::consts::FRAC_PI_4),
            (HyperbolicSine, 1.0, 1.175_201_193_643_801_4),
            (HyperbolicCosine, 1.0, 1.543_080_634_815_243_7),
            (InverseHyperbolicSine, 1.0, 0.881_373_587_019_543),
        ];
        for (function, x, expected) in cases {
            assert!((function.value(x) - expected).abs() < 1e-14, "{function:?} at {x}: {}", function.value(x));
            let out = Pointwise { function }.run(&[&Array::full(vec![2], x)]).unwrap();
            assert_eq!(out.data(), [function.value(x); 2]);
        }
    }

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
