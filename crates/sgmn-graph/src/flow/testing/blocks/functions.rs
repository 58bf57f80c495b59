//! Functions of one number and of two.

use crate::flow::{
    Combination, Function,
    testing::draft::{Draft, Stream},
};

/// Functions that take every number and have no jumps.
pub(in crate::flow::testing) const SMOOTH: [Function; 32] = {
    use Function::*;
    [
        Relu,
        LeakyRelu { slope: 0.1 },
        LeakyRelu { slope: -1.0 },
        Tanh,
        Sine,
        Cosine,
        Erf,
        Absolute,
        Negate,
        Sigmoid,
        Silu,
        Gelu,
        GeluTanh,
        QuickGelu,
        Softplus,
        Softsign,
        Mish,
        Elu { alpha: 1.0, gamma: 1.0 },
        Elu { alpha: 1.673_263_2, gamma: 1.050_701 },
        Celu { alpha: 0.7 },
        HardSigmoid { alpha: 0.2, beta: 0.5 },
        HardSwish,
        Clip { low: 0.0, high: 6.0 },
        Clip { low: -1.0, high: 1.0 },
        Clip { low: 0.0, high: f64::INFINITY },
        Clip { low: f64::NEG_INFINITY, high: 0.0 },
        Power { exponent: 2.0 },
        Shrink { bound: 0.2, bias: 0.2 },
        Threshold { bound: 0.0 },
        Threshold { bound: 0.1 },
        Arctangent,
        InverseHyperbolicSine,
    ]
};

/// Functions that take every number and have neither jumps nor kinks.
pub(in crate::flow::testing) const ANALYTIC: [Function; 10] = {
    use Function::*;
    [Tanh, Sine, Cosine, Erf, Sigmoid, Silu, Gelu, GeluTanh, Softplus, Arctangent]
};

/// Any function that takes every number and is nearly smooth.
pub(super) fn activation(draft: &mut Draft, x: Stream) -> Stream {
    let function = if draft.wide { draft.one_of(&ANALYTIC) } else { draft.one_of(&SMOOTH) };
    let y = if draft.chance(0.7) { draft.mix(x, draft.n_units(x)) } else { x };
    Stream { value: draft.point(function, y.value), ..x }
}

/// Functions that do not take every number, or grow too quickly, behind others that keep them in bounds.
pub(super) fn guarded(draft: &mut Draft, x: Stream) -> Stream {
    use Function::*;
    let bounds = [Tangent, Exponential, HyperbolicSine, HyperbolicCosine, Power { exponent: 3.0 }];
    let above_zero = [
        Logarithm,
        Power { exponent: 0.5 },
        Power { exponent: -1.0 },
        Power { exponent: -0.5 },
        Power { exponent: 1.5 },
    ];
    let value = if draft.chance(0.5) {
        let bounded = draft.point(Tanh, x.value);
        let function = draft.one_of(&bounds);
        draft.point(function, bounded)
    } else {
        let before = draft.function_of(&[Softplus, Exponential, Absolute, Power { exponent: 2.0 }]);
        let mut positive = if before == Exponential { draft.point(Tanh, x.value) } else { x.value };
        positive = draft.point(before, positive);
        let small = draft.scalar(0.3);
        positive = draft.add(positive, small);
        let function = draft.one_of(&above_zero);
        draft.point(function, positive)
    };
    Stream { value, ..x }
}

/// x gated by a function that jumps, of a mixture of units that is 0 or whole by accident only.
pub(super) fn steps(draft: &mut Draft, x: Stream) -> Stream {
    use Function::*;
    let mut gate = draft.mix(x, draft.n_units(x)).value;
    let function = draft.one_of(&[Sign, IsNonZero, Not, IsNan, Floor, Ceiling, Round, Truncate]);
    if matches!(function, Floor | Ceiling | Round | Truncate) {
        let shift = draft.scalar(0.377);
        gate = draft.add(gate, shift);
    }
    gate = draft.point(function, gate);
    let by = if matches!(function, Not | IsNan) || draft.chance(0.3) {
        Combination::Add
    } else {
        Combination::Multiply
    };
    Stream { value: draft.combine(by, x.value, gate), ..x }
}

/// PReLU: one slope for each unit, or one for all.
pub(super) fn slope(draft: &mut Draft, x: Stream) -> Stream {
    let n = if draft.chance(0.6) { draft.n_units(x) } else { 1 };
    let y = draft.mix(x, draft.n_units(x));
    let slope = draft.gain(&[n]);
    let slope = draft.along_units(slope, x.form);
    Stream { value: draft.combine(Combination::Slope, y.value, slope), ..x }
}

/// Sine and cosine of one phase, read by maps of their own or side by side.
pub(super) fn learned_phase(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.n_units(x);
    let phase = draft.mix(x, n);
    let [sine, cosine] = [Function::Sine, Function::Cosine].map(|f| draft.point(f, phase.value));
    if draft.chance(0.5) {
        return Stream { value: draft.concat(x.form.units(), &[sine, cosine]), ..x };
    }
    let [a, b] = [sine, cosine].map(|value| draft.mix(Stream { value, ..x }, n).value);
    Stream { value: draft.add(a, b), ..x }
}

/// Fixed frequencies of each unit.
pub(super) fn fourier(draft: &mut Draft, x: Stream) -> Stream {
    let (n, last) = (draft.n_units(x), x.form.units());
    let frequencies = draft.constant(&[2, n], |i| 0.7 + (i as f64 * 0.618).fract() * 2.0);
    let angle = draft.contract(x.value, frequencies, &[], &[(last, 1)]);
    let [sine, cosine] = [Function::Sine, Function::Cosine].map(|f| draft.point(f, angle));
    Stream { value: draft.concat(last, &[sine, cosine]), ..x }
}

/// Kept below or above a parameter, a constant or another unit.
pub(super) fn limits(draft: &mut Draft, x: Stream) -> Stream {
    let by = draft.one_of(&[Combination::Maximum, Combination::Minimum]);
    let bound = match draft.number(0, 2) {
        0 => draft.scalar(0.0),
        1 => {
            let bound = draft.bias(&[draft.flow.shape(x.value)[x.form.units()]]);
            draft.along_units(bound, x.form)
        }
        _ => draft.mix(x, draft.n_units(x)).value,
    };
    Stream { value: draft.combine(by, x.value, bound), ..x }
}

/// Every function of two numbers, of two mixtures, one of them kept where the function needs it.
pub(super) fn two_numbers(draft: &mut Draft, x: Stream) -> Stream {
    use Combination::*;
    let n = draft.n_units(x);
    let [a, b] = [(); 2].map(|()| draft.mix(x, n).value);
    let by = draft.one_of(&[
        Add,
        Subtract,
        Multiply,
        Divide,
        Power,
        Maximum,
        Minimum,
        Slope,
        Modulo,
        Remainder,
        WholeQuotient,
    ]);
    let positive = |draft: &mut Draft, x| {
        let positive = draft.point(Function::Softplus, x);
        let some = draft.scalar(0.4);
        draft.add(positive, some)
    };
    let value = match by {
        Divide => {
            let b = positive(draft, b);
            draft.combine(by, a, b)
        }
        Power => {
            let (a, b) = (positive(draft, a), draft.point(Function::Tanh, b));
            draft.combine(by, a, b)
        }
        Modulo | Remainder | WholeQuotient => {
            let period = draft.scalar(0.77);
            let rest = draft.combine(by, a, period);
            draft.multiply(rest, b)
        }
        _ => draft.combine(by, a, b),
    };
    Stream { value, ..x }
}

/// x where a comparison holds.
pub(super) fn comparison(draft: &mut Draft, x: Stream) -> Stream {
    let truth = compared(draft, x);
    let value = if draft.chance(0.5) {
        draft.multiply(x.value, truth)
    } else {
        let other = draft.mix(x, draft.n_units(x)).value;
        draft.select(truth, x.value, other)
    };
    Stream { value, ..x }
}

/// x where two comparisons hold together, or one of them.
pub(super) fn logic(draft: &mut Draft, x: Stream) -> Stream {
    let by = draft.one_of(&[Combination::And, Combination::Or, Combination::ExclusiveOr]);
    let (a, b) = (compared(draft, x), compared(draft, x));
    let truth = draft.combine(by, a, b);
    Stream { value: draft.multiply(x.value, truth), ..x }
}

fn compared(draft: &mut Draft, x: Stream) -> crate::flow::ValueId {
    use Combination::*;
    let n = draft.n_units(x);
    let a = draft.mix(x, n).value;
    let b = if draft.chance(0.5) { draft.mix(x, n).value } else { draft.scalar(0.0) };
    let by = draft.one_of(&[Less, LessOrEqual, Greater, GreaterOrEqual, Equal]);
    draft.combine(by, a, b)
}
