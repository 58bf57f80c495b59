//! A run that left the range of numbers: the same settings will do so again, which is a result too.

use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};

/// Why a run cannot go on: what is no finite number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diverged {
    /// What was found, and where.
    pub what: String,
}

impl Diverged {
    /// A run in which this was found.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; a smaller train.learning_rate may help", self.what)
    }
}

impl Error for Diverged {}
