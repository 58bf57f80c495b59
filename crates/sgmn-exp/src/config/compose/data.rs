//! Data as a part: which nets are read, what they are, and what can be asked about them.

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

use super::part::{DATA_ROOM, Part};
use crate::config::{Files, TaskKind, embedded::DATA};

/// What nets are made of, as far as models have other sizes for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetKind {
    /// Fully connected layers only; INRs are such nets.
    Perceptrons,
    /// Some nets have convolutions.
    Cnns,
    /// Nets of any architecture, chains of layers or not.
    Any,
}

/// What hidden units of all nets may be scaled by, in the words of `model.symmetry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scalings {
    /// Signs.
    Sign,
    /// Positive numbers.
    Scale,
    /// What each layer's activation allows; always right, and the rule where nothing is said.
    #[default]
    Own,
}

/// Which nets a model reads, and what can be asked about them.
#[derive(Debug, Clone)]
pub struct DataPart {
    pub(super) part: Part,
    pub(super) nets: NetKind,
    pub(super) symmetry: Scalings,
    /// The tasks as they are written in `[task]`, the one that goes without saying first.
    pub(super) tasks: Vec<(TaskKind, Table)>,
}

impl DataPart {
    /// The data of this name, or of a part in a TOML file.
    ///
    /// # Errors
    /// An unknown name lists the known ones; a file that is no part of this kind is explained.
    pub fn open(name_or_path: &str) -> Result<Self> {
        let part = Part::open(&DATA_ROOM, name_or_path)?;
        let Some(nets) = part.said("nets")? else {
            bail!("data {}: expected `nets`, one of perceptrons, cnns and any, found nothing", part.name)
        };
        let tables: Vec<Table> = part.said("task")?.unwrap_or_default();
        let kinded = |table: Table| -> Result<(TaskKind, Table)> {
            let Some(kind) = table.get("kind") else {
                bail!("data {}: task: expected a `kind`, found none", part.name)
            };
            Ok((crate::config::blame::typed("task.kind", kind.clone())?, table))
        };
        let tasks = tables.into_iter().map(kinded).collect::<Result<Vec<_>>>()?;
        ensure!(!tasks.is_empty(), "data {}: expected one [[task]] at least, found none", part.name);
        let symmetry = part.said("symmetry")?.unwrap_or_default();
        Ok(Self { part, nets, symmetry, tasks })
    }

    /// Nets of a person's own: their files, and what was found in them.
    pub fn own(name: String, files: &Files, nets: NetKind, tasks: Vec<(TaskKind, Table)>) -> Self {
        let data = Table::try_from(files).expect("files were read from words and numbers");
        let mut settings = Table::from_iter([("data".to_owned(), Value::Table(data))]);
        if nets == NetKind::Any {
            // Their numbers are scaled by the shapes of their layers.
            let pipeline = Table::from_iter([("normalize".to_owned(), Value::from("none"))]);
            settings.insert("pipeline".to_owned(), Value::Table(pipeline));
        }
        let part = Part::of(name, format!("the nets of {}", files.path), settings);
        Self { part, nets, symmetry: Scalings::Own, tasks }
    }

    /// Those that come with the program.
    pub fn all() -> impl Iterator<Item = Self> {
        DATA.iter().map(|file| Self::open(file.name).expect("tests open every part"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.part.name
    }

    /// What it is, in a sentence.
    pub fn sentence(&self) -> &str {
        &self.part.sentence
    }

    /// What can be asked about the nets; the first is asked where nothing is said.
    pub fn tasks(&self) -> impl Iterator<Item = TaskKind> {
        self.tasks.iter().map(|(kind, _)| *kind)
    }
}
