//! Values that are never negative, or never positive, whatever the parameters are.
//!
//! Behind a ReLU an ELU is the identity: where only one side of 0 is met, a function lets through what its half lets
//! through.

use sgmn_graph::flow::{
    Array, Behaviour, Combination, Flow, Function, Op, Origin, Parity, Pool, Reduction, ValueId,
};

/// On which side of 0 all numbers of a value lie, 0 with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// None is negative.
    Above,
    /// None is positive.
    Below,
    /// Nothing is known.
    Any,
}

use Range::{Above, Any, Below};

impl Range {
    fn turned(self) -> Self {
        match self {
            Above => Below,
            Below => Above,
            Any => Any,
        }
    }

    fn times(self, other: Self) -> Self {
        match (self, other) {
            (Any, _) | (_, Any) => Any,
            (a, b) if a == b => Above,
            _ => Below,
        }
    }

    /// What is certain if a number is one of several.
    fn all(ranges: impl IntoIterator<Item = Self>) -> Self {
        ranges.into_iter().reduce(|a, b| if a == b { a } else { Any }).unwrap_or(Any)
    }
}

/// The ranges of all values.
pub(crate) fn ranges(flow: &Flow) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::with_capacity(flow.values().len());
    for value in flow.values() {
        let range = match value.origin {
            Origin::Const(at) => of_constant(&flow.consts()[at]),
            Origin::Step(at) => {
                let step = &flow.steps()[at];
                let from: Vec<Range> = step.from.iter().map(|id| ranges[id.index()]).collect();
                of_step(&step.op, &step.from, &from)
            }
            Origin::Input(_) | Origin::Param(_) => Any,
        };
        ranges.push(range);
    }
    ranges
}

fn of_constant(array: &Array) -> Range {
    if array.data().iter().all(|x| *x >= 0.0) {
        Above
    } else if array.data().iter().all(|x| *x <= 0.0) {
        Below
    } else {
        Any
    }
}

fn of_step(op: &Op, ids: &[ValueId], from: &[Range]) -> Range {
    match op {
        Op::Pointwise(op) => of_function(op.function, from[0]),
        Op::Combine(op) => match op.by {
            Combination::Add => Range::all(from.iter().copied()),
            Combination::Subtract => Range::all([from[0], from[1].turned()]),
            Combination::Multiply if ids[0] == ids[1] => Above,
            Combination::Multiply => from[0].times(from[1]),
            Combination::Maximum if from.contains(&Above) => Above,
            Combination::Minimum if from.contains(&Below) => Below,
            Combination::Maximum | Combination::Minimum => Range::all(from.iter().copied()),
            _ => Any,
        },
        Op::Contract(_) | Op::Convolve(_) => from[0].times(from[1]),
        Op::Softmax(op) => {
            if op.log {
                Below
            } else {
                Above
            }
        }
        Op::Reduce(op) => match op.by {
            Reduction::Sum | Reduction::Mean | Reduction::Maximum | Reduction::Minimum => from[0],
            Reduction::SquareSum | Reduction::Norm | Reduction::AbsoluteSum => Above,
            Reduction::Product if from[0] == Above => Above,
            _ => Any,
        },
        Op::Pad(op) if op.amounts.iter().all(|amount| *amount == (0, 0)) => from[0],
        Op::Pad(op) => Range::all([from[0], of_constant(&Array::full(vec![1], op.value))]),
        // A mean over a window that lies outside altogether has no number; a maximum there is −∞.
        Op::Pool(op) => {
            if is_inside(op) {
                from[0]
            } else {
                Any
            }
        }
        Op::Concat(_) => Range::all(from.iter().copied()),
        Op::Select(_) => Range::all(from[1..].iter().copied()),
        Op::Cumulate(_)
        | Op::Expand(_)
        | Op::Permute(_)
        | Op::Pick(_)
        | Op::Reshape(_)
        | Op::Slice(_)
        | Op::Take(_) => from[0],
        Op::Lookup(_) | Op::Normalize(_) => Any,
    }
}

fn is_inside(op: &Pool) -> bool {
    op.padding.iter().all(|padding| *padding == (0, 0)) && !op.ceil
}

fn of_function(function: Function, x: Range) -> Range {
    use Function::*;
    match function {
        Negate => x.turned(),
        Relu
        | Absolute
        | Sigmoid
        | Exponential
        | Softplus
        | HardSigmoid { .. }
        | HyperbolicCosine
        | Not
        | IsNonZero
        | IsNan => Above,
        Power { exponent } if exponent % 2.0 == 0.0 => Above,
        // A root of a negative number is none.
        Power { exponent } if exponent.fract() != 0.0 => Above,
        LeakyRelu { slope } if slope <= 0.0 => Above,
        Clip { low, high } if low >= 0.0 && high >= 0.0 => Above,
        Clip { high, .. } if high <= 0.0 => Below,
        // Functions that keep the side on which a number lies. A power below 0 makes −∞ of a 0 with a sign.
        Power { exponent } if exponent > 0.0 => x,
        LeakyRelu { .. }
        | Tanh
        | Erf
        | Sign
        | Silu
        | Gelu
        | GeluTanh
        | QuickGelu
        | Softsign
        | Mish
        | HardSwish
        | Arctangent
        | HyperbolicSine
        | InverseHyperbolicSine
        | Truncate
        | Round => x,
        Elu { alpha, gamma } if alpha >= 0.0 && gamma >= 0.0 => x,
        Celu { alpha } if alpha > 0.0 => x,
        Shrink { bound, bias } if bound >= 0.0 && bias <= bound => x,
        Clip { low, high } if low <= 0.0 && high >= 0.0 => x,
        Floor if x == Below => Below,
        Ceiling if x == Above => Above,
        Threshold { bound } if bound >= 0.0 => Above,
        _ => Any,
    }
}

/// What a function does to scalars in front of it, where all that comes lies in a range.
pub(crate) fn behaviour(function: Function, range: Range) -> Behaviour {
    use Function::*;
    let is_linear = match (range, function) {
        (Any, _) => false,
        (Above, Elu { .. } | Celu { .. } | LeakyRelu { .. } | Relu | Absolute) => true,
        (Above, Clip { low, high }) => low <= 0.0 && high == f64::INFINITY,
        (Below, Absolute | LeakyRelu { .. }) => true,
        (Below, Clip { low, high }) => low == f64::NEG_INFINITY && high >= 0.0,
        _ => false,
    };
    let usual = function.behaviour();
    if is_linear && usual.degree.is_none() {
        return Behaviour { degree: Some(1.0), parity: Parity::Neither };
    }
    usual
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTIONS: &[Function] = {
        use Function::*;
        &[
            Relu,
            LeakyRelu { slope: 0.1 },
            LeakyRelu { slope: -1.0 },
            Tanh,
            Sine,
            Cosine,
            Erf,
            Absolute,
            Negate,
            Sign,
            Sigmoid,
            Silu,
            Gelu,
            GeluTanh,
            QuickGelu,
            Exponential,
            Logarithm,
            Softplus,
            Softsign,
            Mish,
            Elu { alpha: 1.7, gamma: 1.1 },
            Elu { alpha: -1.0, gamma: 1.0 },
            Celu { alpha: 0.7 },
            HardSigmoid { alpha: 0.2, beta: 0.5 },
            HardSwish,
            Clip { low: 0.0, high: 6.0 },
            Clip { low: -1.0, high: f64::INFINITY },
            Clip { low: f64::NEG_INFINITY, high: 0.5 },
            Clip { low: 1.0, high: -1.0 },
            Power { exponent: 2.0 },
            Power { exponent: 3.0 },
            Power { exponent: -1.0 },
            Power { exponent: 0.5 },
            Power { exponent: 1.5 },
            Shrink { bound: 0.2, bias: 0.2 },
            Shrink { bound: 0.1, bias: 0.5 },
            Threshold { bound: 0.1 },
            Threshold { bound: -1.0 },
            Floor,
            Ceiling,
            Round,
            Truncate,
            Not,
            IsNonZero,
            IsNan,
            Tangent,
            Arctangent,
            HyperbolicSine,
            HyperbolicCosine,
            InverseHyperbolicSine,
        ]
    };

    #[test]
    fn numbers_lie_where_ranges_say_and_functions_are_linear_there() {
        for function in FUNCTIONS {
            for range in [Above, Below, Any] {
                let out = of_function(*function, range);
                let Behaviour { degree, .. } = behaviour(*function, range);
                let sizes = [0.0, 0.03, 0.15, 0.4, 1.0, 1.7, 3.2, 9.0];
                let numbers = sizes.iter().flat_map(|x| [*x, -*x]);
                let fits = |x: &f64| range == Any || (*x >= 0.0) == (range == Above) || *x == 0.0;
                for x in numbers.filter(fits) {
                    let y = function.value(x);
                    assert!(out != Above || y >= 0.0 || y.is_nan(), "{function:?} at {x} of {range:?}: {y}");
                    assert!(out != Below || y <= 0.0 || y.is_nan(), "{function:?} at {x} of {range:?}: {y}");
                    if let Some(degree) = degree.filter(|_| y.is_finite()) {
                        let off = function.value(4.0 * x) - 4f64.powf(degree) * y;
                        assert!(off.abs() < 1e-12, "{function:?} at {x} of {range:?}");
                    }
                }
            }
        }
    }
}
