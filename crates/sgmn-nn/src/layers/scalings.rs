//! Which scalings the layers of a model ignore, and what they make of a feature so that it ignores them.

use serde::{Deserialize, Serialize};
use sgmn_symmetry::{ScaleGroup, Scaling, Symmetry};

use super::MlpConfig;

/// Which scalings of hidden units a model ignores, besides their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scalings {
    /// What each layer's own activation allows; `hetero` in files of earlier versions.
    #[default]
    #[serde(alias = "hetero")]
    Own,
    /// ±1 everywhere: tanh and sine.
    Sign,
    /// Positive numbers everywhere: the ReLU family.
    Scale,
    /// No scaling.
    Permutation,
}

impl Scalings {
    /// The symmetries of nets that a model with this setting respects exactly.
    ///
    /// Phase shifts of a sine are not among them: take the canonical form of the nets first.
    pub fn respected(self) -> &'static [Symmetry] {
        use Symmetry::{NonZero, Permutation, Positive, Sign};
        match self {
            Self::Sign => &[Permutation, Sign],
            Self::Scale => &[Permutation, Positive],
            Self::Own => &[Permutation, Sign, Positive, NonZero],
            Self::Permutation => &[Permutation],
        }
    }

    /// The scalings that are ignored at units of any activation.
    pub fn scaling(self) -> Scaling {
        match self {
            Self::Own => Scaling::Own,
            Self::Sign => Scaling::Only(ScaleGroup::Sign),
            Self::Scale => Scaling::Only(ScaleGroup::Positive),
            Self::Permutation => Scaling::Only(ScaleGroup::Trivial),
        }
    }

    /// The word in experiment files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Sign => "sign",
            Self::Scale => "scale",
            Self::Permutation => "permutation",
        }
    }

    /// Whether signs may occur.
    pub fn has_signs(self) -> bool {
        matches!(self, Self::Sign | Self::Own)
    }
}

/// The invariant of a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInvariant {
    /// `ρ(x) + ρ(−x)` with a learned ρ.
    Symmetrize,
    /// `|x|`.
    Absolute,
}

/// How all layers of a model make features invariant.
#[derive(Debug, Clone, PartialEq)]
pub struct InvariantConfig {
    /// The scalings that features may have.
    pub scalings: Scalings,
    /// The invariant of signs.
    pub sign_invariant: SignInvariant,
    /// The form of perceptrons.
    pub mlp: MlpConfig,
    /// Whether norms are guarded as in the published program.
    pub guard: NormGuard,
}

/// What is added to a norm before a vector is divided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormGuard {
    /// Nothing: a zero vector stays zero, and all others are exact.
    None,
    /// 1e-10, as the published program adds.
    Published,
}
