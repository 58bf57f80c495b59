//! Where a file of an experiment stands, how it is read, and the way through its parents.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use toml::{Table, Value};

use super::{Embedded, embedded};

/// A file longer than this is not an experiment file; the bound keeps a wrong path from filling the memory.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A chain of parents longer than this is a mistake.
const MAX_PARENTS: usize = 16;

/// More files in one experiment are a mistake too: a parent that several children have is read for each of them.
const MAX_FILES: usize = 256;

/// Where a file stands.
pub(super) enum Origin {
    Embedded(&'static Embedded),
    Path(PathBuf),
    Text { name: String, text: String },
}

impl Origin {
    /// The file at a path, taken from `folder` on; nothing for a name, which has no slash and does not end in `.toml`.
    pub(super) fn path(reference: &str, folder: Option<&Path>) -> Option<Self> {
        let is_path = reference.contains(['/', '\\']) || reference.ends_with(".toml");
        is_path.then(|| Self::Path(folder.unwrap_or(Path::new("")).join(reference)))
    }

    /// How messages name it; equal for equal places, so that circles are found.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Embedded(embedded) => embedded.name.to_owned(),
            Self::Path(path) => {
                path.canonicalize().unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()
            }
            Self::Text { name, .. } => name.clone(),
        }
    }

    /// The name of what the file says, unless it says another.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Embedded(embedded) => embedded.name.to_owned(),
            Self::Path(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Text { name, .. } => name.clone(),
        }
    }

    /// The folder from which the paths of its parents count.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => path.parent(),
            Self::Embedded(_) | Self::Text { .. } => None,
        }
    }

    fn read(&self) -> Result<String> {
        match self {
            Self::Embedded(embedded) => Ok(embedded.text.to_owned()),
            Self::Text { text, .. } => Ok(text.clone()),
            Self::Path(path) => {
                let n_bytes = std::fs::metadata(path)?.len();
                if n_bytes > MAX_FILE_BYTES {
                    bail!("expected at most {MAX_FILE_BYTES} bytes, found {n_bytes}");
                }
                Ok(std::fs::read_to_string(path)?)
            }
        }
    }
}

/// The files on the way from an experiment to the parent that is being read.
#[derive(Default)]
pub(super) struct Trail {
    above: Vec<String>,
    n_files: usize,
}

impl Trail {
    /// Goes on to a parent.
    ///
    /// # Errors
    /// If the way leads in a circle, is too long, or has too many branches.
    pub(super) fn enter(&mut self, label: &str) -> Result<()> {
        self.n_files += 1;
        let circles = self.above.iter().any(|above| above == label);
        self.above.push(label.to_owned());
        if circles || self.above.len() > MAX_PARENTS {
            bail!("inherits: expected a chain of parents that ends, found {}", self.above.join(" -> "));
        }
        if self.n_files > MAX_FILES {
            bail!("inherits: expected at most {MAX_FILES} parents all together, found more at {label}");
        }
        Ok(())
    }

    /// Comes back from it.
    pub(super) fn leave(&mut self) {
        self.above.pop();
    }
}

/// What stands in a file.
pub(super) struct Written {
    /// All but its parents.
    pub(super) table: Table,
    /// Names or paths of its parents: `inherits` is one, or a list of them.
    pub(super) parents: Vec<String>,
    /// The first sentence of its comment.
    pub(super) sentence: String,
}

/// Reads a file.
pub(super) fn read(origin: &Origin) -> Result<Written> {
    let written = origin.read()?;
    let mut table: Table = written.parse().map_err(one_line)?;
    let text = |value: Value| match value {
        Value::String(parent) => Ok(parent),
        other => bail!("inherits: expected a name or a path, found {other}"),
    };
    let parents = match table.remove("inherits") {
        None => Vec::new(),
        Some(Value::Array(parents)) => parents.into_iter().map(text).collect::<Result<_>>()?,
        Some(one) => vec![text(one)?],
    };
    Ok(Written { table, parents, sentence: embedded::sentence(&written) })
}

/// The embedded file of a name in one of several lists.
pub(super) fn named(lists: &[&'static [Embedded]], name: &str) -> Option<Origin> {
    lists.iter().copied().flatten().find(|file| file.name == name).map(Origin::Embedded)
}

/// The names in several lists, as messages list what is known.
pub(super) fn known(lists: &[&'static [Embedded]]) -> String {
    lists.iter().copied().flatten().map(|file| file.name).collect::<Vec<_>>().join(", ")
}

/// TOML errors draw the line they complain about; a message of ours is one line.
fn one_line(error: toml::de::Error) -> anyhow::Error {
    let message = error.to_string();
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    anyhow::anyhow!("{}", lines.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_one_or_several() {
        let parents = |text: &str| {
            read(&Origin::Text { name: "one".to_owned(), text: text.to_owned() })
                .map(|written| written.parents)
        };
        assert!(parents("a = 1").unwrap().is_empty());
        assert_eq!(parents("inherits = \"a\"").unwrap(), ["a"]);
        assert_eq!(parents("inherits = [\"a\", \"b.toml\"]").unwrap(), ["a", "b.toml"]);
        let message = parents("inherits = [1]").unwrap_err().to_string();
        assert_eq!(message, "inherits: expected a name or a path, found 1");
    }

    #[test]
    fn a_way_that_branches_without_end_is_an_error() {
        let mut trail = Trail::default();
        let mut walk = || -> Result<()> {
            loop {
                trail.enter("one")?;
                trail.leave();
            }
        };
        let message = walk().unwrap_err().to_string();
        assert_eq!(message, "inherits: expected at most 256 parents all together, found more at one");
    }
}
