//! The words of activations: one language for options, metadata, tables and files.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Activation, KNOWN, Known, Number, Word};
use crate::{Error, Result};

/// Settings that PyTorch prints behind a name and that change no value, or none beyond the ninth digit.
const SAYS_NOTHING: &[&str] =
    &["inplace=true", "inplace=false", "approximate=none", "threshold=20", "threshold=20.0"];

impl FromStr for Activation {
    type Err = Error;

    /// Reads a word: `tanh`, `sine:30`, `LeakyReLU(0.1)`. Upper and lower case are one, and so are `leaky_relu`,
    /// `leaky-relu` and `LeakyReLU`; what PyTorch prints for a module, such as `ELU(alpha=1.0)`, is read too.
    ///
    /// | words | activation | without a number |
    /// | --- | --- | --- |
    /// | `elu:α` | [`Elu`](Self::Elu) | α = 1, as in PyTorch |
    /// | `gaussian`, `gauss` | [`Gaussian`](Self::Gaussian) | |
    /// | `gelu` | [`Gelu`](Self::Gelu) | |
    /// | `hardswish`, `hswish` | [`Hardswish`](Self::Hardswish) | |
    /// | `identity`, `linear`, `none` | [`Identity`](Self::Identity) | |
    /// | `leaky_relu:slope`, `lrelu:slope` | [`LeakyRelu`](Self::LeakyRelu) | 0.01, as in PyTorch |
    /// | `mish` | [`Mish`](Self::Mish) | |
    /// | `relu` | [`Relu`](Self::Relu) | |
    /// | `relu6` | [`Relu6`](Self::Relu6) | |
    /// | `selu` | [`Selu`](Self::Selu) | |
    /// | `sigmoid`, `logistic` | [`Sigmoid`](Self::Sigmoid) | |
    /// | `silu`, `swish` | [`Silu`](Self::Silu) | |
    /// | `sine:ω`, `sin:ω` | [`Sine`](Self::Sine) | an error: the frequency is not certain |
    /// | `siren` | [`Sine`](Self::Sine) | ω = 30 |
    /// | `softplus:β` | [`Softplus`](Self::Softplus) | β = 1, as in PyTorch |
    /// | `tanh` | [`Tanh`](Self::Tanh) | |
    ///
    /// The JSON of an activation, `{"kind": "sine", "omega": 30}`, counts as a word.
    ///
    /// # Errors
    /// [`Error::Word`] if the word is unknown, naming those that are known, or its number is missing, is one too many or
    /// does not fit.
    ///
    /// ```
    /// use sgmn_graph::Activation;
    /// assert_eq!("SIREN".parse::<Activation>()?, Activation::Sine { omega: 30.0 });
    /// assert_eq!("LeakyReLU(0.1)".parse::<Activation>()?, Activation::LeakyRelu { slope: 0.1 });
    /// assert_eq!(Activation::Sine { omega: 1.5 }.to_string(), "sine:1.5");
    /// assert!("sine".parse::<Activation>().unwrap_err().to_string().contains("sine:30"));
    /// # Ok::<(), sgmn_graph::Error>(())
    /// ```
    fn from_str(text: &str) -> Result<Self> {
        let fault = |expected: String| Error::Word { expected, found: shown(text) };
        let text = text.trim();
        if text.starts_with(['{', '"']) {
            return serde_json::from_str(text).map_err(|why| fault(format!("an activation as JSON ({why})")));
        }
        let (name, settings) = parts(text).ok_or_else(|| fault("a closing bracket at the end".to_owned()))?;
        let (known, word) = find(name).ok_or_else(|| fault(format!("one of {}", known_words())))?;
        let mut number = None;
        for setting in settings.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            match read_setting(setting, known, word) {
                Some(Setting::Nothing) => {}
                Some(Setting::Number(value)) if number.is_none() => number = Some(value),
                _ => return Err(fault(usage(known, word))),
            }
        }
        let number = match (word.number, number) {
            (Number::None, _) => 0.0,
            (_, Some(said)) | (Number::Usual(said), None) => said,
            (Number::Asked, None) => return Err(fault(usage(known, word))),
        };
        let activation = (known.make)(number);
        match activation.fault() {
            None => Ok(activation),
            Some(why) => Err(fault(why.to_owned())),
        }
    }
}

impl fmt::Display for Activation {
    /// The word that is read back: `sine:30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.words()[0].text;
        match self.number() {
            Some((_, number)) => f.pad(&format!("{word}:{number}")),
            None => f.pad(word),
        }
    }
}

/// What is said about the activations of a net's hidden layers: one for all, or one for each.
///
/// ```
/// use sgmn_graph::{Activation, ActivationWords};
/// let words: ActivationWords = "sine:30,sine:1".parse()?;
/// assert_eq!(words.for_layers(2)?[1], Activation::Sine { omega: 1.0 });
/// assert!(words.for_layers(3).unwrap_err().to_string().contains("3 words, one for each"));
/// assert_eq!("relu".parse::<ActivationWords>()?.for_layers(3)?, [Activation::Relu; 3]);
/// # Ok::<(), sgmn_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ActivationWords {
    words: Vec<Activation>,
}

impl ActivationWords {
    /// The activations of `n_layers` layers, first to last.
    ///
    /// # Errors
    /// [`Error::Word`] if there are several words, and not one for each layer.
    pub fn for_layers(&self, n_layers: usize) -> Result<Vec<Activation>> {
        match self.words[..] {
            [one] => Ok(vec![one; n_layers]),
            _ if self.words.len() == n_layers => Ok(self.words.clone()),
            _ => Err(Error::Word {
                expected: match n_layers {
                    0 | 1 => "one word, for one hidden layer at most".to_owned(),
                    _ => format!("{n_layers} words, one for each hidden layer, or one for all"),
                },
                found: format!("{} ({self})", self.words.len()),
            }),
        }
    }

    /// The words, one or several.
    pub fn words(&self) -> &[Activation] {
        &self.words
    }

    fn of(words: Vec<Activation>) -> Result<Self> {
        if words.is_empty() {
            let expected = "an activation, or one for each hidden layer".to_owned();
            return Err(Error::Word { expected, found: "none".to_owned() });
        }
        Ok(Self { words })
    }
}

impl From<Activation> for ActivationWords {
    fn from(activation: Activation) -> Self {
        Self { words: vec![activation] }
    }
}

impl FromStr for ActivationWords {
    type Err = Error;

    /// Reads words with commas between them, or a JSON list of activations.
    ///
    /// # Errors
    /// As an [`Activation`]'s; and if there is no word.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.starts_with('[') {
            let words = serde_json::from_str(text).map_err(|why| Error::Word {
                expected: format!("a list of activations as JSON ({why})"),
                found: shown(text),
            })?;
            return Self::of(words);
        }
        let mut depth = 0usize;
        let words = text.split(|letter| {
            match letter {
                '(' | '{' => depth += 1,
                ')' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            letter == ',' && depth == 0
        });
        Self::of(words.map(str::parse).collect::<Result<_>>()?)
    }
}

impl fmt::Display for ActivationWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.words.iter().map(Activation::to_string).collect();
        f.pad(&words.join(","))
    }
}

impl Serialize for ActivationWords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ActivationWords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "activations: words with commas between them, or a list")]
        enum Either {
            Text(String),
            List(Vec<serde_json::Value>),
            One(serde_json::Map<String, serde_json::Value>),
        }
        let activation = |value| serde_json::from_value::<Activation>(value).map_err(de::Error::custom);
        let words = match Either::deserialize(deserializer)? {
            Either::Text(text) => return text.parse().map_err(de::Error::custom),
            Either::List(values) => values.into_iter().map(activation).collect::<Result<_, _>>()?,
            Either::One(value) => vec![activation(value.into())?],
        };
        Self::of(words).map_err(de::Error::custom)
    }
}

/// Name and settings of `NAME`, `NAME:SETTINGS` or `NAME(SETTINGS)`; none if a bracket is not closed.
fn parts(text: &str) -> Option<(&str, &str)> {
    let Some(at) = text.find([':', '(']) else { return Some((text, "")) };
    let (name, rest) = (&text[..at], &text[at + 1..]);
    if text[at..].starts_with(':') { Some((name, rest)) } else { Some((name, rest.strip_suffix(')')?)) }
}

/// The activation of a name. What stands before a point is where PyTorch has it, `torch.nn.ReLU`.
fn find(name: &str) -> Option<(&'static Known, &'static Word)> {
    let bare = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
    };
    let name = bare(name.rsplit('.').next().unwrap_or(name));
    KNOWN.iter().find_map(|known| Some((known, known.words.iter().find(|word| bare(word.text) == name)?)))
}

/// What stands behind a name.
enum Setting {
    Number(f64),
    Nothing,
}

/// A number, alone or with its name (`alpha=1.0`; PyTorch's `negative_slope` is a slope), or what says nothing.
fn read_setting(setting: &str, known: &Known, word: &Word) -> Option<Setting> {
    let plain: String = setting.to_lowercase().replace([' ', '\'', '"'], "");
    if SAYS_NOTHING.contains(&plain.as_str()) {
        return Some(Setting::Nothing);
    }
    if matches!(word.number, Number::None) {
        return None;
    }
    let text = match plain.split_once('=') {
        Some((name, value)) => known.field.iter().any(|field| name.ends_with(field)).then_some(value)?,
        None => &plain,
    };
    text.parse().ok().map(Setting::Number)
}

/// How an activation is written.
fn usage(known: &Known, word: &Word) -> String {
    let (text, field) = (word.text, known.field.first().copied().unwrap_or("number"));
    match word.number {
        Number::None => format!("{text}, without a number"),
        Number::Usual(usual) => format!("{text} or {text}:{usual}, with one number, its {field}"),
        Number::Asked => {
            format!("{text}:30 or another {field}; a SIREN's is 30, in some nets other layers have 1")
        }
    }
}

/// All words, those of one activation side by side.
fn known_words() -> String {
    let word = |word: &Word| match word.number {
        Number::None => word.text.to_owned(),
        Number::Asked => format!("{}:30", word.text),
        Number::Usual(_) if word.text == "siren" => word.text.to_owned(),
        Number::Usual(usual) => format!("{}:{usual}", word.text),
    };
    let all: Vec<String> = KNOWN.iter().flat_map(|known| known.words.iter().map(word)).collect();
    all.join(", ")
}

/// A text of a file, not longer than a line of an error.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
