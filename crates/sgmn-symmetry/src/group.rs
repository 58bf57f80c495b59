//! The scalings that a unit's activation allows.

use std::fmt;

use serde::{Deserialize, Serialize};
use sgmn_graph::{
    Nonlinearity,
    flow::{Behaviour, Parity},
};

/// The scalars by which a hidden unit's incoming weights and bias may be multiplied, its outgoing weights divided by
/// the same, without changing the net's function.
///
/// Matched in full by everything that has a law, so that no new group is taken for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleGroup {
    /// Only 1: inputs, outputs, and units with an activation, or pooling, that commutes with no scaling.
    Trivial,
    /// ±1: odd activations.
    Sign,
    /// Every positive number: the ReLU family.
    Positive,
    /// Every number except 0: units without activation.
    NonZero,
}

impl ScaleGroup {
    /// The scalings that commute with an activation, `σ(q x) = q σ(x)`, or with it and pooling, from degree and parity.
    ///
    /// | activation | group |
    /// | --- | --- |
    /// | sine, tanh | [`Sign`](Self::Sign): odd |
    /// | ReLU, leaky ReLU | [`Positive`](Self::Positive): of degree 1 |
    /// | identity | [`NonZero`](Self::NonZero): both |
    /// | SiLU, GELU, sigmoid, softplus, ELU, SELU, Mish, Hardswish, ReLU6 | [`Trivial`](Self::Trivial): permutations only |
    /// | Gaussian | [`Trivial`](Self::Trivial): even, so no scaling but a [mirror](crate::Symmetry::Mirror) |
    /// | any with a mean over windows | that of the activation |
    /// | any with a maximum over windows | the positive numbers of it: `max(−x) ≠ −max(x)` |
    ///
    /// # Source
    /// ScaleGMN, section 3 and proposition 4.1; Godfrey et al. 2022 for the table.
    pub fn of(units: impl Into<Nonlinearity>) -> Self {
        Self::before(units.into().behaviour())
    }

    /// The scalings that commute with a function, from its degree and parity.
    pub fn before(Behaviour { degree, parity }: Behaviour) -> Self {
        match (degree == Some(1.0), parity == Parity::Odd) {
            (true, true) => Self::NonZero,
            (true, false) => Self::Positive,
            (false, true) => Self::Sign,
            (false, false) => Self::Trivial,
        }
    }

    /// Whether a scalar is an element of the group.
    pub fn admits(self, scalar: f64) -> bool {
        match self {
            Self::Trivial => scalar == 1.0,
            Self::Sign => scalar.abs() == 1.0,
            Self::Positive => scalar > 0.0 && scalar.is_finite(),
            Self::NonZero => scalar != 0.0 && scalar.is_finite(),
        }
    }

    /// Whether every element of `other` is one of `self`.
    pub fn contains(self, other: Self) -> bool {
        self == other || self == Self::NonZero || other == Self::Trivial
    }

    /// The exponent that acts like `exponent` and is simplest: q⁰ and q² are equal for signs, all are for the
    /// trivial group.
    pub fn reduce(self, exponent: i32) -> i32 {
        match self {
            Self::Trivial => 0,
            Self::Sign => exponent.rem_euclid(2),
            Self::Positive | Self::NonZero => exponent,
        }
    }
}

impl fmt::Display for ScaleGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trivial => "no number but 1",
            Self::Sign => "signs",
            Self::Positive => "positive numbers",
            Self::NonZero => "all numbers but 0",
        })
    }
}
