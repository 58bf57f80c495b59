//! One part as it is read: its settings and those of its parents, in the order in which they are laid over each other.

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::when::{Facts, When};
use crate::config::{
    Embedded, blame,
    embedded::{DATA, MODELS, PIECES, SIZES, VARIANTS},
    merge,
    origin::{self, Origin, Trail, Written},
};

/// The parts that stand for the same thing.
pub(super) struct Room {
    /// What messages and options call such a part.
    pub(super) word: &'static str,
    /// Where its files are looked for by name.
    pub(super) lists: &'static [&'static [Embedded]],
    /// Keys that such a file may have beside settings.
    keys: &'static [&'static str],
}

pub(super) const DATA_ROOM: Room = Room { word: "data", lists: &[DATA], keys: &["nets", "symmetry", "task"] };
pub(super) const MODEL_ROOM: Room =
    Room { word: "model", lists: &[MODELS, VARIANTS], keys: &["title", "knows", "tasks"] };
pub(super) const SIZE_ROOM: Room = Room { word: "size", lists: &[SIZES], keys: &["home"] };

/// The settings that a part may have.
const SETTINGS: [&str; 4] = ["data", "pipeline", "model", "train"];

/// A part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    /// What it is.
    pub(super) sentence: String,
    /// Its name and those of all that it inherits from.
    pub(super) lineage: Vec<String>,
    /// Its settings, those of parents first.
    pub(super) layers: Vec<Layer>,
    /// How messages name it.
    label: String,
    /// What it says beside settings, over what its parents say.
    said: Table,
    /// What it says itself.
    own: Table,
}

/// The settings of one file.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The name of its part.
    pub(super) name: String,
    pub(super) settings: Table,
    pub(super) whens: Vec<When>,
}

impl Part {
    /// The part of a name in its room, or in a file (`.toml`).
    ///
    /// # Errors
    /// Unknown name (the known ones are listed), unreadable file, unknown key, unknown parent, parents in a circle.
    pub(super) fn open(room: &Room, name_or_path: &str) -> Result<Self> {
        let origin =
            match Origin::path(name_or_path, None).or_else(|| origin::named(room.lists, name_or_path)) {
                Some(origin) => origin,
                None => bail!(
                    "{}: expected one of {}, or the path of a TOML file, found {name_or_path:?}",
                    room.word,
                    origin::known(room.lists)
                ),
            };
        Self::load(room, &origin, &mut Trail::default()).with_context(|| label(room, &origin))
    }

    /// A part that is in no file.
    pub(super) fn of(name: String, sentence: String, settings: Table) -> Self {
        let layer = Layer { name: name.clone(), settings, whens: Vec::new() };
        let (label, lineage) = (name.clone(), vec![name.clone()]);
        Self { name, sentence, lineage, layers: vec![layer], label, said: Table::new(), own: Table::new() }
    }

    /// What the part or one of its parents says under a key, typed.
    pub(super) fn said<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        typed(&self.said, key).with_context(|| self.label.clone())
    }

    /// What the part itself says.
    pub(super) fn own<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        typed(&self.own, key).with_context(|| self.label.clone())
    }

    fn load(room: &Room, origin: &Origin, trail: &mut Trail) -> Result<Self> {
        trail.enter(&origin.label())?;
        let Written { table, parents, sentence } = origin::read(origin)?;
        let name = origin.name();
        let (layer, own) = Layer::read(room, &name, table)?;
        let mut part = Self {
            name,
            sentence,
            lineage: Vec::new(),
            layers: Vec::new(),
            label: label(room, origin),
            said: Table::new(),
            own: own.clone(),
        };
        for parent in parents {
            let origin = Origin::path(&parent, origin.folder())
                .or_else(|| origin::named(room.lists, &parent))
                .or_else(|| origin::named(&[PIECES], &parent))
                .with_context(|| {
                    let known = [origin::known(room.lists), origin::known(&[PIECES])].join(", ");
                    format!("inherits: expected one of {known}, or the path of a TOML file, found {parent:?}")
                })?;
            let parent = Self::load(room, &origin, trail)?;
            part.lineage.extend(parent.lineage);
            part.layers.extend(parent.layers);
            part.said.extend(parent.said);
        }
        part.lineage.push(part.name.clone());
        part.layers.push(layer);
        part.said.extend(own);
        trail.leave();
        Ok(part)
    }
}

impl Layer {
    /// Takes a file apart: its settings, and what it says beside them.
    fn read(room: &Room, name: &str, mut table: Table) -> Result<(Self, Table)> {
        let mut own = Table::new();
        for key in room.keys {
            own.extend(table.remove(*key).map(|value| ((*key).to_owned(), value)));
        }
        let whens: Vec<When> =
            table.remove("when").map_or(Ok(Vec::new()), |whens| blame::typed("when", whens))?;
        for (place, settings) in
            std::iter::once(("", &table)).chain(whens.iter().map(|when| ("when.set.", &when.set)))
        {
            let keys = match place {
                "" => ["inherits", "when"].iter().chain(room.keys).chain(&SETTINGS).copied().collect(),
                _ => SETTINGS.to_vec(),
            };
            for (key, value) in settings {
                if !SETTINGS.contains(&key.as_str()) {
                    bail!("unknown key `{place}{key}`, expected one of {}", keys.join(", "));
                }
                if !value.is_table() {
                    bail!("{place}{key}: expected a table of settings, found {value}");
                }
            }
        }
        Ok((Self { name: name.to_owned(), settings: table, whens }, own))
    }

    /// The layer of a file that is no part.
    pub(super) fn of(file: &'static Embedded) -> Result<Self> {
        const NO_PART: Room = Room { word: "file", lists: &[], keys: &[] };
        let written = origin::read(&Origin::Embedded(file))?;
        Ok(Self::read(&NO_PART, file.name, written.table)?.0)
    }

    /// Lays the settings that hold over those of earlier layers.
    pub(super) fn lay_over(&self, merged: &mut Table, facts: &Facts<'_>) {
        merge::merge(merged, self.settings.clone());
        for when in self.whens.iter().filter(|when| when.holds(facts)) {
            merge::merge(merged, when.set.clone());
        }
    }
}

fn label(room: &Room, origin: &Origin) -> String {
    format!("{} {}", room.word, origin.label())
}

fn typed<T: DeserializeOwned>(table: &Table, key: &str) -> Result<Option<T>> {
    table.get(key).map(|value: &Value| blame::typed(key, value.clone())).transpose()
}
