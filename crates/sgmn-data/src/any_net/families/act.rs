//! Activations by the words of published settings.

use super::{config::Config, sketch::Sketch};
use crate::Result;

/// A function of one number: its word in architecture files, and its option if it has one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act(&'static str, Option<&'static str>);

/// Published words; several may mean one function.
const WORDS: &[(&str, Act)] = &[
    ("gelu", Act("gelu", None)),
    ("gelu_fast", Act("gelu", Some("tanh"))),
    ("gelu_new", Act("gelu", Some("tanh"))),
    ("gelu_pytorch_tanh", Act("gelu", Some("tanh"))),
    ("quick_gelu", Act("quick_gelu", None)),
    ("relu", Act("relu", None)),
    ("sigmoid", Act("sigmoid", None)),
    ("silu", Act("silu", None)),
    ("swish", Act("silu", None)),
    ("tanh", Act("tanh", None)),
];

/// The function that a key names, or the one that the family takes where the key is absent.
///
/// # Errors
/// A word that is not known.
pub(super) fn of(config: &Config, key: &str, absent: &str) -> Result<Act> {
    let word = config.word_or(key, absent)?;
    match WORDS.iter().find(|(known, _)| *known == word) {
        Some((_, act)) => Ok(*act),
        None => {
            let known: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
            config.fault(key, format!("one of {}", known.join(", ")))
        }
    }
}

impl Act {
    /// Applies it to the value of the layer before.
    pub(super) fn write(self, sketch: &mut Sketch<'_>) {
        let Self(op, option) = self;
        let layer = sketch.layer(op, "");
        if let Some(option) = option {
            layer.option(option, true);
        }
    }
}
