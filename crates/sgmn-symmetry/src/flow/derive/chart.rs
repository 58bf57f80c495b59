//! What of a parameter scalars multiply: itself, the sum with a constant, or its exponential.

/// What scalars act on, beside a parameter that one step reads before anything else does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::flow) enum Chart {
    /// The parameter and a constant that is added to it: 0 for the parameter itself, the ε beside a running variance.
    Plus(f64),
    /// The exponential of the parameter: a positive scalar there adds its logarithm here.
    Exponential,
}

impl Chart {
    /// The parameter itself.
    pub(in crate::flow) const PLAIN: Self = Self::Plus(0.0);

    /// The number that scalars act on.
    pub(in crate::flow) fn seen(self, number: f64) -> f64 {
        match self {
            Self::Plus(plus) => number + plus,
            Self::Exponential => number.exp(),
        }
    }

    /// The number of the parameter after a scalar.
    pub(in crate::flow) fn times(self, number: f64, scalar: f64) -> f64 {
        match self {
            Self::Plus(plus) => (number + plus) * scalar - plus,
            Self::Exponential => number + scalar.abs().ln(),
        }
    }
}
