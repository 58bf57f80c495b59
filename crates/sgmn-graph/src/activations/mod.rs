//! The activations that nets may have, one file each: words, value, what it is as a flow, what it is on tensors.
//!
//! An activation is one file here and one word in the list; what may be done to its units follows from its functions.

mod words;

use candle_core::Tensor;
use serde::{Deserialize, Deserializer, Serialize, de};

pub use words::ActivationWords;

use crate::flow::{Behaviour, Function, Parity};

/// What an activation's file provides, beside its `NAME` and `WORDS`.
trait Curve {
    /// The value at a number; the same to the bit as that of its parts.
    fn value(&self, x: f64) -> f64;

    /// It, as steps of a flow, one after the other.
    fn parts(&self) -> Vec<Part>;

    /// It, of every number of a tensor and differentiable; no value overflows that needs not.
    fn on_tensor(&self, x: &Tensor) -> candle_core::Result<Tensor>;

    /// About the mean square of its values, from that of what it is taken of.
    fn mean_square(&self, before: f64) -> f64;

    /// What is wrong with its number, if anything.
    fn fault(&self) -> Option<&'static str> {
        None
    }
}

/// One step of an activation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    /// Times a constant.
    Times(f64),
    /// A function.
    Function(Function),
}

impl From<Function> for Part {
    fn from(function: Function) -> Self {
        Self::Function(function)
    }
}

/// A word that stands for an activation, and what it says about its number.
#[derive(Debug, Clone, Copy)]
struct Word {
    text: &'static str,
    number: Number,
}

/// What a word says about the number of its activation.
#[derive(Debug, Clone, Copy)]
enum Number {
    /// The activation has none.
    None,
    /// It has to be said.
    Asked,
    /// This one, unless another is said.
    Usual(f64),
}

impl Word {
    const fn plain(text: &'static str) -> Self {
        Self { text, number: Number::None }
    }

    const fn asking(text: &'static str) -> Self {
        Self { text, number: Number::Asked }
    }

    const fn usually(text: &'static str, number: f64) -> Self {
        Self { text, number: Number::Usual(number) }
    }
}

/// An activation of the list, without its number.
struct Known {
    words: &'static [Word],
    /// Name of its number; none if it has none.
    field: &'static [&'static str],
    make: fn(f64) -> Activation,
}

macro_rules! register {
    ($($(#[$doc:meta])* $module:ident => $name:ident $({ $(#[$field_doc:meta])* $field:ident })?),* $(,)?) => {
        $(mod $module;)*

        /// A pointwise function after a layer's map. It decides which scalings of a unit leave the net's function alone.
        ///
        /// In files it is one of its words, such as `"sine:30"`, or `{"kind": "sine", "omega": 30}`;
        /// [`FromStr`](std::str::FromStr) has the words.
        #[derive(Debug, Clone, Copy, PartialEq, Serialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Activation {
            $($(#[$doc])* $name $({ $(#[$field_doc])* $field: f64 })?,)*
        }

        /// The form with a kind, as it is read.
        #[derive(Deserialize)]
        #[serde(rename = "activation", tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
        enum Written {
            // With braces even if empty: only so are other fields refused.
            $($name { $($field: f64)? },)*
        }

        impl From<Written> for Activation {
            fn from(written: Written) -> Self {
                match written {
                    $(Written::$name { $($field)? } => Self::$name $({ $field })?,)*
                }
            }
        }

        /// Every activation, in the order of the list.
        const KNOWN: &[Known] = &[$(Known {
            words: $module::WORDS,
            field: &[$(stringify!($field))?],
            make: |_number| Activation::$name $({ $field: _number })?,
        }),*];

        impl Activation {
            /// As papers write it, without its number: `leaky ReLU`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $module::NAME,)*
                }
            }

            /// Its number, with its name in files: `("omega", 30.0)`.
            pub fn number(self) -> Option<(&'static str, f64)> {
                let numbers: &[(&'static str, f64)] = match self {
                    $(Self::$name $({ $field })? => &[$((stringify!($field), $field))?],)*
                };
                numbers.first().copied()
            }

            /// The text by which checkpoints know it: what `Debug` prints, whatever becomes of the type.
            pub(crate) fn fingerprint(self) -> String {
                let name = match self {
                    $(Self::$name { .. } => stringify!($name),)*
                };
                match self.number() {
                    // `{:?}` of a number keeps its point: 30.0 is not 30.
                    Some((field, number)) => format!("{name} {{ {field}: {number:?} }}"),
                    None => name.to_owned(),
                }
            }

            fn with<R>(self, f: impl FnOnce(&dyn Curve) -> R) -> R {
                match self {
                    $(Self::$name $({ $field })? => f(&$module::$name $({ $field })?),)*
                }
            }

            fn words(self) -> &'static [Word] {
                match self {
                    $(Self::$name { .. } => $module::WORDS,)*
                }
            }
        }
    };
}

register! {
    /// `x` for positive `x`, `alpha (e^x − 1)` otherwise.
    elu => Elu {
        /// What it tends to, with the other sign.
        alpha
    },
    /// `e^(−x²)`.
    gaussian => Gaussian,
    /// `x · Φ(x)` with the normal distribution function Φ.
    gelu => Gelu,
    /// `x · min(max(x / 6 + ½, 0), 1)`.
    hardswish => Hardswish,
    /// No activation.
    identity => Identity,
    /// `x` for positive `x`, `slope · x` otherwise.
    leaky_relu => LeakyRelu {
        /// Slope for negative input.
        slope
    },
    /// `x · tanh(ln(1 + e^x))`.
    mish => Mish,
    /// `max(x, 0)`.
    relu => Relu,
    /// `min(max(x, 0), 6)`.
    relu6 => Relu6,
    /// `1.0507… x` for positive `x`, `1.0507… · 1.6733… (e^x − 1)` otherwise.
    selu => Selu,
    /// `1 / (1 + e^−x)`.
    sigmoid => Sigmoid,
    /// `x / (1 + e^−x)`.
    silu => Silu,
    /// `sin(omega · x)`, the activation of SIRENs.
    sine => Sine {
        /// Radians per unit of input; 30 in SIRENs.
        omega
    },
    /// `ln(1 + e^(beta x)) / beta`.
    softplus => Softplus {
        /// How sharply it bends.
        beta
    },
    /// Hyperbolic tangent.
    tanh => Tanh,
}

impl Activation {
    /// One of every kind, with its usual number: that of PyTorch, or that of a SIREN.
    pub fn usual() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|known| {
            let usual = known.words.iter().find_map(|word| match word.number {
                Number::Usual(number) => Some(number),
                _ => None,
            });
            (known.make)(usual.unwrap_or(1.0))
        })
    }

    /// The value at a number, in f64.
    pub fn value(self, x: f64) -> f64 {
        self.with(|curve| curve.value(x))
    }

    /// The activation as steps of a flow, one after the other.
    pub(crate) fn parts(self) -> Vec<Part> {
        self.with(|curve| curve.parts())
    }

    /// The activation of every number of a tensor, composed of operations with gradients.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn on_tensor(self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.with(|curve| curve.on_tensor(x))
    }

    /// About the mean square of its values where that of its input is `before`: a guess of sizes, no bound.
    pub fn mean_square(self, before: f64) -> f64 {
        self.with(|curve| curve.mean_square(before))
    }

    /// What is wrong with its number, if anything.
    pub(crate) fn fault(self) -> Option<&'static str> {
        self.with(|curve| curve.fault())
    }

    /// What it does to scalars in front of it, from its parts: this alone decides about scalings and signs.
    ///
    /// ```
    /// use sgmn_graph::{Activation, flow::Parity};
    /// assert_eq!(Activation::Sine { omega: 30.0 }.behaviour().parity, Parity::Odd);
    /// assert_eq!(Activation::Gaussian.behaviour().parity, Parity::Even);
    /// assert_eq!(Activation::Relu.behaviour().degree, Some(1.0));
    /// assert_eq!(Activation::Sigmoid.behaviour().degree, None);
    /// ```
    pub fn behaviour(self) -> Behaviour {
        let start = Behaviour { degree: Some(1.0), parity: Parity::Odd };
        self.parts().into_iter().fold(start, |before, part| match part {
            Part::Times(_) => before,
            Part::Function(function) => {
                let own = function.behaviour();
                Behaviour {
                    degree: before.degree.zip(own.degree).map(|(a, b)| a * b),
                    parity: match before.parity {
                        Parity::Odd => own.parity,
                        unchanged => unchanged,
                    },
                }
            }
        })
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Activation;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an activation, such as \"relu\", \"sine:30\" or { kind = \"sine\", omega = 30 }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Activation, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Activation, A::Error> {
                Written::deserialize(de::value::MapAccessDeserializer::new(map)).map(Into::into)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests;
