//! What a file leaves open, and what a person can say about it.

use std::fmt;

use crate::error::line;

/// One thing that nobody can know from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsaid {
    /// What is not said, as the end of "the file does not say …".
    pub what: String,
    /// The options that answer it.
    pub answer: String,
}

impl Unsaid {
    pub(crate) fn new(what: impl Into<String>, answer: impl Into<String>) -> Self {
        Self { what: what.into(), answer: answer.into() }
    }
}

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", line(&self.what), self.answer)
    }
}

/// All that is not said, in one sentence; much of one kind, such as norms without a map, is cut short.
pub(crate) fn sentence(unsaid: &[Unsaid]) -> String {
    /// Things that are named.
    const MOST: usize = 4;
    let mut all: Vec<String> = unsaid.iter().take(MOST).map(Unsaid::to_string).collect();
    if unsaid.len() > MOST {
        all.push(format!("{} things more", unsaid.len() - MOST));
    }
    format!("the file does not say {}", all.join("; nor "))
}
