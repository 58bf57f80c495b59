//! Names of layers as people read them: numbers by their value, and words that say what comes first and what last.

use std::cmp::Ordering;

/// A piece of a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(u64),
    Text(String),
}

/// A name, ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pieces: Vec<Piece>,
}

/// Words of layers that read a net's input, or stand in its first half.
const FIRST: [&str; 9] = ["first", "in", "inp", "input", "stem", "embed", "embedding", "enc", "encoder"];
/// Words of layers that write a net's output, or stand in its second half.
const LAST: [&str; 11] =
    ["last", "final", "out", "output", "head", "classifier", "readout", "logits", "top", "dec", "decoder"];
/// Words of parts that may add their input to their output, which no tensor tells.
const SKIPS: [&str; 11] = [
    "block",
    "blocks",
    "res",
    "resnet",
    "resblock",
    "resblocks",
    "residual",
    "residuals",
    "skip",
    "shortcut",
    "highway",
];

impl Name {
    pub(super) fn new(name: &str) -> Self {
        let piece = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.parse().map_or_else(|_| Piece::Text(text.into_owned()), Piece::Number)
        };
        let runs = name.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
        Self { pieces: runs.map(piece).collect() }
    }

    /// The order of two layers, if their names first differ in a number: `net.2.linear` comes before `net.12`, and
    /// Keras's `dense` before `dense_1`.
    pub(super) fn by_number(&self, other: &Self) -> Option<Ordering> {
        let at = self.pieces.iter().zip(&other.pieces).position(|(a, b)| a != b)?;
        match (&self.pieces[at..], &other.pieces[at..]) {
            ([Piece::Number(a), ..], [Piece::Number(b), ..]) => Some(a.cmp(b)),
            ([Piece::Text(a)], [Piece::Text(b), Piece::Number(_)]) if b.strip_suffix('_') == Some(a) => {
                Some(Ordering::Less)
            }
            ([Piece::Text(a), Piece::Number(_)], [Piece::Text(b)]) if a.strip_suffix('_') == Some(b) => {
                Some(Ordering::Greater)
            }
            _ => None,
        }
    }
}

/// The order of two layers by the words in the first part in which their names differ: `enc` comes before `mid_a`, and
/// `last_layer` after `net.0`.
pub(super) fn by_word(a: &str, b: &str) -> Option<Ordering> {
    let differing = a.split('.').zip(b.split('.')).find(|(a, b)| a != b)?;
    match rank(differing.0).cmp(&rank(differing.1)) {
        Ordering::Equal => None,
        order => Some(order),
    }
}

/// Whether a name speaks of a part whose input may be added to its output.
pub(super) fn may_skip(name: &str) -> bool {
    words(name).any(|word| SKIPS.contains(&word.as_str()))
}

/// −1 for what comes first, 1 for what comes last.
fn rank(part: &str) -> i8 {
    let has = |known: &[&str]| words(part).any(|word| known.contains(&word.as_str()));
    i8::from(has(&LAST)) - i8::from(has(&FIRST))
}

/// The words of a name in small letters: `fc_out`, `fcOut` and `fc.out2` all have the word `out`.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before_is_small = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && before_is_small) {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        before_is_small = c.is_lowercase();
    }
    words.into_iter().filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_where_names_first_differ() {
        let order = |a: &str, b: &str| Name::new(a).by_number(&Name::new(b));
        assert_eq!(order("net.2.linear", "net.12"), Some(Ordering::Less));
        assert_eq!(order("layer2.0.conv1", "layer1.3.conv2"), Some(Ordering::Greater));
        assert_eq!(order("fc10", "fc9"), Some(Ordering::Greater));
        assert_eq!(order("layers.dense_1", "layers.dense"), Some(Ordering::Greater));
        assert_eq!(order("encoder.0", "decoder.1"), None, "texts differ first");
        assert_eq!(order("net.0", "net.0"), None);
    }

    #[test]
    fn words_tell_first_and_last() {
        assert_eq!(by_word("last_layer", "net.0"), Some(Ordering::Greater));
        assert_eq!(by_word("enc", "mid_a"), Some(Ordering::Less));
        assert_eq!(by_word("final", "hidden.0"), Some(Ordering::Greater));
        assert_eq!(by_word("fcIn", "fcOut"), Some(Ordering::Less));
        assert_eq!(by_word("mid_a", "mid_b"), None);
        assert_eq!(by_word("model.head", "model.body"), Some(Ordering::Greater), "shared parts say nothing");
    }

    #[test]
    fn words_of_residual_parts_are_known() {
        assert!(may_skip("blocks.0") && may_skip("net.resBlock1.fc") && may_skip("layer.shortcut"));
        assert!(!may_skip("seq.0") && !may_skip("resolution") && !may_skip("net.1"));
    }
}
