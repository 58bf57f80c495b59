//! What the words of an architecture file mean: a list of peers, each a file with a few layers of a kind.

mod activation;
mod attention;
mod combine;
mod convolution;
mod linear;
mod norm;
mod pool;
mod recurrent;
mod reduce;
mod shape;
mod table;

use sgmn_graph::flow::{FlowResult, ValueId};

use super::layer::Layer;

/// How a layer is lowered.
type Rule = fn(&mut Layer<'_>) -> FlowResult<ValueId>;

/// The words of a peer.
type Words = &'static [(&'static str, Rule)];

/// All peers, sorted by name.
const PEERS: &[Words] = &[
    activation::WORDS,
    attention::WORDS,
    combine::WORDS,
    convolution::WORDS,
    linear::WORDS,
    norm::WORDS,
    pool::WORDS,
    recurrent::WORDS,
    reduce::WORDS,
    shape::WORDS,
    table::WORDS,
];

fn find(word: &str) -> Option<Rule> {
    PEERS.iter().copied().flatten().find(|(known, _)| *known == word).map(|(_, rule)| *rule)
}

/// Whether a word is known.
pub(super) fn is_known(word: &str) -> bool {
    find(word).is_some()
}

/// All words, sorted.
pub(super) fn words() -> Vec<&'static str> {
    let mut words: Vec<&str> = PEERS.iter().copied().flatten().map(|(word, _)| *word).collect();
    words.sort_unstable();
    words
}

/// Writes the steps of a layer.
pub(super) fn lower(layer: &mut Layer<'_>) -> FlowResult<ValueId> {
    match find(&layer.spec.op) {
        Some(rule) => rule(layer),
        None => layer.fault("a known op", &layer.spec.op),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_one_meaning_and_stands_in_the_documentation() {
        let words = words();
        assert_eq!(words.windows(2).find(|pair| pair[0] == pair[1]), None);
        let page = include_str!("../../../../../../docs/architecture-files.md");
        for word in words {
            assert!(page.contains(&format!("`{word}`")), "{word} is missing in docs/architecture-files.md");
        }
    }
}
