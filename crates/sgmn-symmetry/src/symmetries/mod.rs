//! The symmetries, one file each: where they act, how an element is drawn, which member of an orbit is canonical.
//!
//! A symmetry is one file here and one line in the list; tests, names in files and canonical forms follow by themselves.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sgmn_graph::{Nonlinearity, Seed};

use crate::{Error, LayerElement, Ranges, Repairs, Result, ScaleGroup, sites::Units};

/// What a symmetry's file provides. All of it concerns the units of one hidden layer.
pub(crate) trait Rule {
    /// When its canonical form is taken.
    fn stage(&self) -> Stage;

    /// The scalings among which its scalars are.
    fn group(&self) -> ScaleGroup {
        ScaleGroup::Trivial
    }

    /// Whether units with this activation and pooling admit it.
    fn applies(&self, units: Nonlinearity) -> bool {
        ScaleGroup::of(units).contains(self.group())
    }

    /// Whether it changes biases other than by a factor, so that units without a bias do not admit it.
    fn needs_bias(&self) -> bool {
        false
    }

    /// A random element.
    fn sample(&self, seed: Seed, n_units: usize, ranges: &Ranges) -> Result<LayerElement>;

    /// The element that carries the units to their canonical form, the layers before being canonical already.
    fn canonical(&self, units: &Units<'_>, repairs: &mut Repairs) -> Result<LayerElement>;
}

/// The order of canonical forms within a layer: none undoes what an earlier one fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Fixes the magnitude of each unit's incoming row.
    Magnitude,
    /// Fixes the sign of each unit, reading only what a phase shift leaves alone.
    Sign,
    /// Fixes the phase, with the sign settled.
    Phase,
    /// Orders the finished units.
    Order,
}

macro_rules! register {
    ($($(#[$doc:meta])* $module:ident => $name:ident),* $(,)?) => {
        $(mod $module;)*

        /// The known symmetries of hidden units.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Symmetry {
            $($(#[$doc])* $name,)*
        }

        impl Symmetry {
            /// Every symmetry.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word that names it in files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($module),)*
                }
            }

            pub(crate) fn rule(self) -> &'static dyn Rule {
                match self {
                    $(Self::$name => &$module::$name,)*
                }
            }
        }
    };
}

register! {
    /// Units with an even activation may be mirrored: what enters them is negated, what leaves them stays.
    mirror => Mirror,
    /// Units without activation may be scaled by any number except 0.
    non_zero => NonZero,
    /// Units of a layer may be reordered.
    permutation => Permutation,
    /// The bias of a sine unit may be shifted by multiples of π/ω, odd ones negating the unit.
    phase => Phase,
    /// Units of the ReLU family, and those without activation, may be scaled by any positive number.
    positive => Positive,
    /// Units with an odd activation may be negated.
    sign => Sign,
}

impl Symmetry {
    /// Whether units with this activation, and pooling if it is said, and a bias admit the symmetry; without a bias they
    /// do not admit the phase.
    ///
    /// ```
    /// use sgmn_graph::Activation;
    /// use sgmn_symmetry::Symmetry;
    /// let of = |activation| -> Vec<_> {
    ///     Symmetry::ALL.iter().filter(|s| s.applies(activation)).map(|s| s.name()).collect()
    /// };
    /// assert_eq!(of(Activation::Sine { omega: 30.0 }), ["permutation", "phase", "sign"]);
    /// assert_eq!(of(Activation::Relu), ["permutation", "positive"]);
    /// assert_eq!(of(Activation::Gelu), ["permutation"]);
    /// assert_eq!(of(Activation::Gaussian), ["mirror", "permutation"]);
    /// ```
    pub fn applies(self, units: impl Into<Nonlinearity>) -> bool {
        self.rule().applies(units.into())
    }

    /// The scalings this symmetry is made of; trivial for reordering and shifting.
    pub fn group(self) -> ScaleGroup {
        self.rule().group()
    }

    /// What a model that respects a scale group respects: reordering, and that group's scalings.
    pub fn of_group(group: ScaleGroup) -> Vec<Self> {
        let scaling = match group {
            ScaleGroup::Trivial => None,
            ScaleGroup::Sign => Some(Self::Sign),
            ScaleGroup::Positive => Some(Self::Positive),
            ScaleGroup::NonZero => Some(Self::NonZero),
        };
        [Self::Permutation].into_iter().chain(scaling).collect()
    }
}

impl fmt::Display for Symmetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Symmetry {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let known = || Self::ALL.iter().map(|symmetry| symmetry.name()).collect::<Vec<_>>().join(", ");
        let named = Self::ALL.iter().find(|symmetry| symmetry.name() == word);
        named.copied().ok_or_else(|| Error::Unknown { found: word.to_owned(), known: known() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_its_words_are_read_back() {
        assert!(Symmetry::ALL.windows(2).all(|pair| pair[0].name() < pair[1].name()));
        for symmetry in Symmetry::ALL {
            assert_eq!(symmetry.name().parse::<Symmetry>().unwrap(), *symmetry);
        }
        let message = "twist".parse::<Symmetry>().unwrap_err().to_string();
        let known = "mirror, non_zero, permutation, phase, positive, sign";
        assert_eq!(message, format!("symmetry: expected one of {known}, found \"twist\""));
    }
}
