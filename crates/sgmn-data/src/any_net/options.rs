//! What the user may say about a file that the file does not say itself.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a net is read. Names that the file does not have are errors that list what it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Sizes that the file leaves open, by their names in the file. A size that is not named is 1.
    pub sizes: BTreeMap<String, usize>,
    /// Whole shapes of inputs, by name, where the file leaves them open.
    pub inputs: BTreeMap<String, Vec<usize>>,
    /// Inputs that are no inputs but one known number everywhere, by name: a sampling rate by which a net branches.
    pub values: BTreeMap<String, f64>,
    /// Tensors that are part of the architecture and stay; `name*` means all that begin so.
    pub fixed: Vec<String>,
    /// Tensors that may change whatever they look like; `name*` means all that begin so.
    pub trained: Vec<String>,
    /// For files that hold tensors only: the description of the net.
    pub architecture: Option<PathBuf>,
}

impl ReadOptions {
    /// Whether a name is in a list of names and beginnings.
    pub(crate) fn lists(list: &[String], name: &str) -> bool {
        list.iter().any(|pattern| fits(pattern, name))
    }

    /// Refuses `fixed` and `trained` that name no tensor or one tensor twice.
    pub(crate) fn check_tensors(&self, known: &[&str]) -> Result<()> {
        for (field, list) in [("fixed", &self.fixed), ("trained", &self.trained)] {
            for pattern in list {
                if !known.iter().any(|name| fits(pattern, name)) {
                    return Err(unknown(field, pattern, known.iter().copied()));
                }
            }
        }
        let both = |name: &&&str| Self::lists(&self.fixed, name) && Self::lists(&self.trained, name);
        match known.iter().find(both) {
            Some(name) => Err(Error::Config {
                field: "fixed".to_owned(),
                expected: "no tensor that is named by `trained` too".to_owned(),
                found: format!("{name:?}"),
            }),
            None => Ok(()),
        }
    }

    /// Refuses `sizes`, `inputs` and `values` that name nothing.
    pub(crate) fn check_inputs(&self, sizes: &[&str], inputs: &[&str]) -> Result<()> {
        if let Some(name) = self.sizes.keys().find(|name| !sizes.contains(&name.as_str())) {
            return Err(unknown("sizes", name, sizes.iter().copied()));
        }
        for (field, names) in
            [("inputs", self.inputs.keys().collect::<Vec<_>>()), ("values", self.values.keys().collect())]
        {
            if let Some(name) = names.into_iter().find(|name| !inputs.contains(&name.as_str())) {
                return Err(unknown(field, name, inputs.iter().copied()));
            }
        }
        Ok(())
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// Names listed in a message at most.
const MOST_LISTED: usize = 12;

fn unknown<'a>(field: &str, name: &str, known: impl ExactSizeIterator<Item = &'a str>) -> Error {
    let n = known.len();
    let mut listed = known.take(MOST_LISTED).collect::<Vec<_>>().join(", ");
    if n > MOST_LISTED {
        listed += &format!(" and {} more", n - MOST_LISTED);
    }
    let expected =
        if n == 0 { "nothing, for the file has none".to_owned() } else { format!("one of {listed}") };
    Error::Config { field: field.to_owned(), expected, found: format!("{name:?}") }
}
