//! Finding an experiment file and its parents, before anything is typed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use super::{EMBEDDED, EmbeddedExperiment, Experiment, merge, resolve};

/// A file longer than this is not an experiment file; the bound keeps a wrong path from filling the memory.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A chain of parents longer than this is a mistake.
const MAX_PARENTS: usize = 16;

/// One experiment as written: parents merged in, overrides laid over it, types not yet checked.
#[derive(Debug, Clone)]
pub struct ExperimentFile {
    origin: String,
    table: Table,
}

impl ExperimentFile {
    /// Opens an experiment by the name of an embedded file (`mnist`) or by the path of a TOML file (`./my.toml`).
    ///
    /// # Errors
    /// Unknown name (the known ones are listed), unreadable file, invalid TOML, unknown parent, parents in a circle.
    pub fn open(name_or_path: &str) -> Result<Self> {
        Self::load(&Origin::find(name_or_path, None)?, &mut Vec::new())
    }

    /// Reads an experiment from text; `name` is used where the text has no `name` key.
    ///
    /// # Errors
    /// As [`ExperimentFile::open`]; a parent must be an embedded experiment.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        Self::load(&Origin::Text { name: name.to_owned(), text: text.to_owned() }, &mut Vec::new())
    }

    /// Lays one command line override over the file: `train.batch_size=32`.
    ///
    /// The value is read as TOML; what is not TOML is taken as a plain string, so that quotes may be left out.
    ///
    /// # Errors
    /// No `=`, an empty key, or a key that leads through something that is not a table.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        merge::set(&mut self.table, assignment)
    }

    /// Checks types, keys and values, and completes what may be left out.
    ///
    /// # Errors
    /// Names the file and the key, what was expected and what was found.
    pub fn resolve(self) -> Result<Experiment> {
        let Self { origin, table } = self;
        resolve(table).with_context(|| format!("experiment {origin}"))
    }

    fn load(origin: &Origin, chain: &mut Vec<String>) -> Result<Self> {
        let label = origin.label();
        if chain.contains(&label) || chain.len() == MAX_PARENTS {
            chain.push(label);
            bail!("inherits: expected a chain of parents that ends, found {}", chain.join(" -> "));
        }
        chain.push(label.clone());
        let text = origin.read().with_context(|| format!("experiment {label}"))?;
        let mut table: Table =
            text.parse().map_err(one_line).with_context(|| format!("experiment {label}"))?;
        let name = match table.remove("name") {
            None => origin.name(),
            Some(Value::String(name)) => name,
            Some(other) => bail!("experiment {label}: name: expected a string, found {other}"),
        };
        let mut merged = match table.remove("inherits") {
            None => Table::new(),
            Some(Value::String(parent)) => {
                let parent = Origin::find(&parent, origin.folder())
                    .with_context(|| format!("experiment {label}: inherits"))?;
                Self::load(&parent, chain)?.table
            }
            Some(other) => bail!("experiment {label}: inherits: expected one name, found {other}"),
        };
        merge::merge(&mut merged, table);
        merged.insert("name".to_owned(), Value::String(name));
        Ok(Self { origin: label, table: merged })
    }
}

/// Where an experiment file stands.
enum Origin {
    Embedded(&'static EmbeddedExperiment),
    Path(PathBuf),
    Text { name: String, text: String },
}

impl Origin {
    /// A reference with a slash or the ending `.toml` is a path, taken from `folder` on; all else is a name.
    fn find(reference: &str, folder: Option<&Path>) -> Result<Self> {
        if reference.contains(['/', '\\']) || reference.ends_with(".toml") {
            return Ok(Self::Path(folder.unwrap_or(Path::new("")).join(reference)));
        }
        EMBEDDED.iter().find(|embedded| embedded.name == reference).map(Self::Embedded).with_context(|| {
            let known: Vec<&str> = EMBEDDED.iter().map(|embedded| embedded.name).collect();
            format!("expected one of {} or the path of a TOML file, found {reference:?}", known.join(", "))
        })
    }

    /// How messages name it; equal for equal places, so that circles are found.
    fn label(&self) -> String {
        match self {
            Self::Embedded(embedded) => embedded.name.to_owned(),
            Self::Path(path) => {
                path.canonicalize().unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()
            }
            Self::Text { name, .. } => name.clone(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Embedded(embedded) => embedded.name.to_owned(),
            Self::Path(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Text { name, .. } => name.clone(),
        }
    }

    fn folder(&self) -> Option<&Path> {
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

/// TOML errors draw the line they complain about; a message of ours is one line.
fn one_line(error: toml::de::Error) -> anyhow::Error {
    let message = error.to_string();
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    anyhow::anyhow!("{}", lines.join(" "))
}
