//! The index of a packed file of flows: what is known of its nets, in columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Architecture;
use crate::split::Split;

/// The index, as JSON at the end of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    /// Free text by key.
    pub(super) provenance: BTreeMap<String, String>,
    pub(super) architectures: Vec<Architecture>,
    /// For each net the place of its architecture.
    pub(super) architecture_of: Vec<u32>,
    /// For each net the CRC-32 of its row and the padding behind it.
    pub(super) checksums: Vec<u32>,
    /// For each net its split, if it is in one.
    pub(super) splits: Vec<Option<Split>>,
    /// Numbers by name, one a net.
    pub(super) numbers: BTreeMap<String, Vec<f64>>,
    /// Words by name, one a net.
    pub(super) words: BTreeMap<String, Words>,
}

/// A word a net.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The words there are, in the order in which they first appear.
    pub all: Vec<String>,
    /// For each net the place of its word.
    pub of: Vec<u32>,
}

impl Words {
    /// The word of net `i`.
    pub(super) fn word(&self, i: usize) -> &str {
        &self.all[self.of[i] as usize]
    }

    /// Adds a net with this word.
    pub(super) fn push(&mut self, word: &str) {
        let known = self.all.iter().position(|known| known == word);
        let place = known.unwrap_or_else(|| {
            self.all.push(word.to_owned());
            self.all.len() - 1
        });
        self.of.push(place as u32);
    }
}
