//! What each function makes of a number, in f64.

use libm::erf;

use super::Function;

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
    pub(super) fn work(self) -> usize {
        match self {
            Self::Relu | Self::LeakyRelu { .. } | Self::Absolute | Self::Negate | Self::Clip { .. } => 1,
            _ => 16,
        }
    }

    /// Puts the value in the place of each number.
    pub(super) fn apply(self, numbers: &mut [f64]) {
        match self {
            // Known before the loop, so that the compiler takes several numbers at once.
            Self::Relu => numbers.iter_mut().for_each(|x| *x = x.max(0.0)),
            function => numbers.iter_mut().for_each(|x| *x = function.value(*x)),
        }
    }
}

#[cfg(test)]
mod tests {
    use Function::*;

    use super::{
        super::{Array, Operation, Pointwise},
        *,
    };

    #[test]
    fn functions_have_their_values() {
        let cases = [
            (Relu, -1.0, 0.0),
            (LeakyRelu { slope: 0.1 }, -2.0, -0.2),
            (Tanh, 1.0, 0.761_594_155_955_764_9),
            (Sine, 1.0, 0.841_470_984_807_896_5),
            (Cosine, 1.0, 0.540_302_305_868_139_8),
            // Abramowitz and Stegun, table 7.1.
            (Erf, 0.5, 0.520_499_877_813_046_5),
            (Erf, -1.0, -0.842_700_792_949_714_9),
            (Erf, 3.0, 0.999_977_909_503_001_4),
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
}
