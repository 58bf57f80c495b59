//! An experiment as written: its parents merged in, before anything is typed.

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use super::{
    Composition, Experiment, PUBLISHED, merge,
    origin::{self, Origin, Trail, Written},
    resolve,
};

/// One experiment as written: parents merged in, overrides laid over it, types not yet checked.
#[derive(Debug, Clone)]
pub struct ExperimentFile {
    origin: String,
    table: Table,
}

impl ExperimentFile {
    /// Opens an experiment: a published one (`mnist`), a composition by its name (`quick-zoo-tanh-gmn`, see
    /// [`Composition::named`]), or the path of a TOML file (`./my.toml`).
    ///
    /// # Errors
    /// Unknown name (the known ones are listed), unreadable file, invalid TOML, unknown parent, parents in a circle.
    pub fn open(name_or_path: &str) -> Result<Self> {
        Self::load(Found::find(name_or_path, None)?, &mut Trail::default())
    }

    /// Reads an experiment from text; `name` is used where the text has no `name` key.
    ///
    /// # Errors
    /// As [`ExperimentFile::open`].
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let origin = Origin::Text { name: name.to_owned(), text: text.to_owned() };
        Self::load(Found::File(origin), &mut Trail::default())
    }

    /// What parts are composed into, under the name of the composition.
    pub fn compose(composition: &Composition) -> Self {
        Self::composed(composition.name(), composition)
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

    fn load(found: Found, trail: &mut Trail) -> Result<Self> {
        let origin = match found {
            Found::File(origin) => origin,
            Found::Composed(name, composition) => return Ok(Self::composed(name, &composition)),
        };
        let label = origin.label();
        trail.enter(&label)?;
        let Written { mut table, parents, .. } =
            origin::read(&origin).with_context(|| format!("experiment {label}"))?;
        let name = match table.remove("name") {
            None => origin.name(),
            Some(Value::String(name)) => name,
            Some(other) => bail!("experiment {label}: name: expected a string, found {other}"),
        };
        let mut merged = Table::new();
        for parent in parents {
            let parent = Found::find(&parent, origin.folder())
                .with_context(|| format!("experiment {label}: inherits"))?;
            merge::merge(&mut merged, Self::load(parent, trail)?.table);
        }
        merge::merge(&mut merged, table);
        merged.insert("name".to_owned(), Value::String(name));
        trail.leave();
        Ok(Self { origin: label, table: merged })
    }

    fn composed(name: String, composition: &Composition) -> Self {
        let mut table = composition.table();
        table.insert("name".to_owned(), Value::String(name.clone()));
        Self { origin: name, table }
    }
}

/// What a reference to an experiment means.
enum Found {
    File(Origin),
    Composed(String, Box<Composition>),
}

impl Found {
    /// A reference with a slash or the ending `.toml` is a path, taken from `folder` on; all else is a name.
    fn find(reference: &str, folder: Option<&std::path::Path>) -> Result<Self> {
        if let Some(file) = Origin::path(reference, folder).or_else(|| origin::named(&[PUBLISHED], reference))
        {
            return Ok(Self::File(file));
        }
        match Composition::named(reference)? {
            Some(composition) => Ok(Self::Composed(reference.to_owned(), Box::new(composition))),
            None => bail!(
                "expected one of {}, a composition by its name such as quick-zoo-tanh-gmn (`sgmn list` has the \
                 parts), or the path of a TOML file, found {reference:?}",
                origin::known(&[PUBLISHED])
            ),
        }
    }
}
