//! The words of pooling: `max:2:after`, and lists of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{LayerPool, PoolAt, PoolKind};
use crate::{Error, Result};

impl FromStr for LayerPool {
    type Err = Error;

    /// Reads `KIND:WINDOW:STRIDE:PADDING:WHERE`, upper and lower case alike.
    ///
    /// | part | words |
    /// | --- | --- |
    /// | kind | `max`; `mean`, `average`, `avg` |
    /// | window, stride, padding | a number for rows and columns, or both: `2`, `3x2`; the stride is the window and the padding 0 if left out |
    /// | where | `before` or `after` the activation |
    ///
    /// # Errors
    /// [`Error::Pooling`] if a part is missing, unknown or does not fit.
    ///
    /// ```
    /// use sgmn_graph::{LayerPool, PoolAt, PoolKind};
    /// let pool = LayerPool::side_by_side(PoolKind::Max, [2, 2], PoolAt::AfterActivation);
    /// assert_eq!("max:2:after".parse::<LayerPool>()?, pool);
    /// assert_eq!("mean:3:2:1:before".parse::<LayerPool>()?.padding, [1, 1]);
    /// assert!("max:2".parse::<LayerPool>().unwrap_err().to_string().contains("max:2:before or max:2:after"));
    /// # Ok::<(), sgmn_graph::Error>(())
    /// ```
    fn from_str(text: &str) -> Result<Self> {
        let fault = |expected: String| Error::Pooling { expected, found: format!("{text:?}") };
        let lower = text.trim().to_lowercase();
        let parts: Vec<&str> = lower.split(':').map(str::trim).collect();
        let (kind, numbers, at) = match parts[..] {
            [kind, ref numbers @ .., "before"] => (kind, numbers, Some(PoolAt::BeforeActivation)),
            [kind, ref numbers @ .., "after"] => (kind, numbers, Some(PoolAt::AfterActivation)),
            [kind, ref numbers @ ..] => (kind, numbers, None),
            [] => ("", &[][..], None),
        };
        let kind = match kind {
            "max" => PoolKind::Max,
            "mean" | "average" | "avg" => PoolKind::Mean,
            _ => return Err(fault(USAGE.to_owned())),
        };
        let sizes: Option<Vec<[usize; 2]>> = numbers.iter().map(|text| pair(text)).collect();
        let (window, stride, padding) = match sizes.as_deref() {
            Some([window]) => (*window, *window, [0, 0]),
            Some([window, stride]) => (*window, *stride, [0, 0]),
            Some([window, stride, padding]) => (*window, *stride, *padding),
            _ => return Err(fault(USAGE.to_owned())),
        };
        let Some(at) = at else {
            let expected =
                format!("where it stands, before or after the activation: {lower}:before or {lower}:after");
            return Err(fault(expected));
        };
        let pool = Self { kind, window, stride, padding, at };
        match pool.contradiction() {
            None => Ok(pool),
            Some(why) => Err(fault(format!("a window that can be moved ({why})"))),
        }
    }
}

const USAGE: &str = "none, or max or mean with its window, stride and padding, and where it stands: max:2:after, mean:3:2:1:before";

/// `2` or `3x2`.
fn pair(text: &str) -> Option<[usize; 2]> {
    let (rows, columns) = text.split_once('x').unwrap_or((text, text));
    Some([rows.parse().ok()?, columns.parse().ok()?])
}

impl fmt::Display for LayerPool {
    /// The word that is read back: `max:2:after`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = |[a, b]: [usize; 2]| if a == b { a.to_string() } else { format!("{a}x{b}") };
        let kind = if self.kind == PoolKind::Max { "max" } else { "mean" };
        let at = if self.at == PoolAt::BeforeActivation { "before" } else { "after" };
        let mut sizes = pair(self.window);
        if self.stride != self.window || self.padding != [0, 0] {
            sizes += &format!(":{}", pair(self.stride));
        }
        if self.padding != [0, 0] {
            sizes += &format!(":{}", pair(self.padding));
        }
        f.pad(&format!("{kind}:{sizes}:{at}"))
    }
}

/// What is said about the pooling of a net's convolutions: one word for all, or one for each; `none` where there is none.
///
/// ```
/// use sgmn_graph::PoolWords;
/// let words: PoolWords = "max:2:after,none".parse()?;
/// assert_eq!(words.for_convolutions(2)?[1], None);
/// assert!(words.for_convolutions(3).unwrap_err().to_string().contains("3 words, one for each convolution"));
/// assert_eq!("none".parse::<PoolWords>()?.for_convolutions(3)?, [None; 3]);
/// # Ok::<(), sgmn_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolWords {
    words: Vec<Option<LayerPool>>,
}

impl PoolWords {
    /// The pooling of `n` convolutions, first to last.
    ///
    /// # Errors
    /// [`Error::Pooling`] if there are several words, and not one for each convolution.
    pub fn for_convolutions(&self, n: usize) -> Result<Vec<Option<LayerPool>>> {
        match self.words[..] {
            [one] => Ok(vec![one; n]),
            _ if self.words.len() == n => Ok(self.words.clone()),
            _ => Err(Error::Pooling {
                expected: match n {
                    0 | 1 => "one word, for one convolution at most".to_owned(),
                    _ => format!("{n} words, one for each convolution, or one for all"),
                },
                found: format!("{} ({self})", self.words.len()),
            }),
        }
    }
}

impl FromStr for PoolWords {
    type Err = Error;

    /// Reads words with commas between them.
    ///
    /// # Errors
    /// As a [`LayerPool`]'s.
    fn from_str(text: &str) -> Result<Self> {
        let word = |word: &str| match word.trim() {
            none if none.eq_ignore_ascii_case("none") => Ok(None),
            word => word.parse().map(Some),
        };
        Ok(Self { words: text.split(',').map(word).collect::<Result<_>>()? })
    }
}

impl fmt::Display for PoolWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |word: &Option<LayerPool>| word.map_or("none".to_owned(), |pool| pool.to_string());
        f.pad(&self.words.iter().map(word).collect::<Vec<_>>().join(","))
    }
}

impl Serialize for PoolWords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PoolWords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for text in
            ["max:2:after", "mean:3x2:before", "max:3:2:after", "max:2:2:1:before", "mean:3x1:1x2:1x0:after"]
        {
            assert_eq!(text.parse::<LayerPool>().unwrap().to_string(), text);
        }
        assert_eq!("AVG:2:Before".parse::<LayerPool>().unwrap().to_string(), "mean:2:before");
        for text in ["none", "max:2:after,none,mean:2:before"] {
            assert_eq!(text.parse::<PoolWords>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn words_that_say_too_little_or_nonsense_are_refused() {
        for text in [
            "",
            "max",
            "max:after",
            "2:after",
            "max:two:after",
            "max:2:2:0:1:after",
            "max:0:after",
            "max:2:2:2:after",
        ] {
            let message = text.parse::<PoolWords>().unwrap_err().to_string();
            assert!(
                message.starts_with("pooling: expected") && message.ends_with(&format!("{text:?}")),
                "{message}"
            );
        }
    }
}
