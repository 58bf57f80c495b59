//! What can be wrong with a file or a request: always the path or the item, what was expected, what was found.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation on a file.
    #[error("{path}: {source}", path = shown(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold what its format demands.
    #[error("{path}: expected {expected}, found {found}", path = shown(path), expected = line(expected), found = line(found))]
    Format {
        /// The file.
        path: PathBuf,
        /// What the format demands.
        expected: String,
        /// What stands there, with its place in the file where that is known.
        found: String,
    },
    /// A file's content differs from its published checksum.
    #[error("{path}: expected sha256 {expected}, found {found}", path = shown(path))]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Digest of the manifest, lower-case hexadecimal.
        expected: String,
        /// Digest of the file.
        found: String,
    },
    /// A net inside a file is not a valid net.
    #[error("{path}: {source}", path = shown(path))]
    Net {
        /// The file, with the item's name or row appended where one file holds many.
        path: PathBuf,
        /// What is wrong with the net.
        source: sgmn_graph::Error,
    },
    /// The net of a file is not a valid flow.
    #[error("{path}: {source}", path = shown(path))]
    Flow {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the node or the tensor.
        source: sgmn_graph::flow::FlowError,
    },
    /// A file is in order but uses something that is not read here.
    #[error("{path}: {what}", path = shown(path), what = line(what))]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The operation and its node, or the kind of tensor and its name.
        what: String,
    },
    /// A file is in order but leaves open what its net computes, and a guess would be another net.
    #[error("{path}: {said}", path = shown(path), said = crate::nets::sentence(unsaid))]
    Unsaid {
        /// The file.
        path: PathBuf,
        /// What it leaves open, with the options that answer.
        unsaid: Vec<crate::nets::Unsaid>,
    },
    /// A field of a request or a manifest has a value that cannot be used.
    #[error("{field}: expected {expected}, found {found}", expected = line(expected), found = line(found))]
    Config {
        /// The field, as the user writes it.
        field: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A place on the network could not be reached.
    #[error("could not reach {what}: {why}; {remedy}")]
    Unreachable {
        /// What was asked for.
        what: String,
        /// The reason, as the network client gives it.
        why: String,
        /// How to place the files by hand.
        remedy: String,
    },
    /// Somebody else is making what was asked for.
    #[error("{path}: expected a journal for this process alone, found one that another process holds", path = shown(path))]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// The caller asked to stop; nothing is damaged.
    #[error("interrupted; the same call completes the work")]
    Interrupted,
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What is wrong, without the file in which it is, for lists that name the file already.
    pub fn without_path(&self) -> String {
        let whole = self.to_string();
        let path = match self {
            Self::Io { path, .. }
            | Self::Format { path, .. }
            | Self::Checksum { path, .. }
            | Self::Net { path, .. }
            | Self::Flow { path, .. }
            | Self::Unsupported { path, .. }
            | Self::Unsaid { path, .. }
            | Self::InUse { path } => path,
            Self::Config { .. } | Self::Unreachable { .. } | Self::Interrupted => return whole,
        };
        whole.strip_prefix(&format!("{}: ", shown(path))).map(str::to_owned).unwrap_or(whole)
    }

    /// A [`Error::Format`] with the three facts as text.
    pub fn format(path: impl Into<PathBuf>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Format { path: path.into(), expected: expected.into(), found: found.into() }
    }

    /// A [`Error::Unsaid`] of one question: what the file does not say, and the option that answers.
    pub fn unsaid(path: impl Into<PathBuf>, what: impl Into<String>, answer: impl Into<String>) -> Self {
        Self::Unsaid { path: path.into(), unsaid: vec![crate::nets::Unsaid::new(what, answer)] }
    }

    /// Wraps an error of a flow with the path it concerns.
    pub fn flow(path: impl Into<PathBuf>) -> impl FnOnce(sgmn_graph::flow::FlowError) -> Self {
        let path = path.into();
        move |source| Self::Flow { path, source }
    }

    /// Wraps an operating-system error with the path it concerns.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Bytes of a text in a message at most: names in it may come from a file.
const MOST: usize = 400;

/// A text as one line: without control characters, and with its end left out if it is long.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if text.len() <= MOST && !text.contains(char::is_control) {
        return text.into();
    }
    let mut line = String::new();
    for letter in text.chars() {
        if line.len() >= MOST {
            return (line + "…").into();
        }
        match letter.is_control() {
            true => line.extend(letter.escape_default()),
            false => line.push(letter),
        }
    }
    line.into()
}

/// A path as one line, with its beginning left out if it is long.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut from = text.len().saturating_sub(MOST / 2);
    if text.len() <= MOST {
        return line(&text).into_owned();
    }
    while !text.is_char_boundary(from) {
        from += 1;
    }
    format!("…{}", line(&text[from..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_files_do_not_break_or_flood_a_message() {
        let message = Error::format("x", format!("a\n{}", "é".repeat(1000)), "b").to_string();
        assert!(
            message.starts_with("x: expected a\\né")
                && message.len() < 500
                && message.ends_with("…, found b")
        );
        let path = PathBuf::from("a/".repeat(10_000) + "b\n.pth");
        let message = Error::format(&path, "a", "b").to_string();
        assert!(message.starts_with('…') && message.ends_with("/b\\n.pth: expected a, found b"), "{message}");
        let config = Error::Config { field: "labels".into(), expected: "a".into(), found: "b\r\n".into() };
        assert_eq!(config.to_string(), "labels: expected a, found b\\r\\n");
    }
}
