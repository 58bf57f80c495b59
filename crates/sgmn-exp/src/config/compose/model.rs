//! A model as a part, with what a comparison must know of it.

use anyhow::{Result, bail};
use toml::{Table, Value};

use super::part::{MODEL_ROOM, Part};
use crate::config::{
    Experiment, TaskKind,
    embedded::{MODELS, VARIANTS},
};

/// The model that reads the nets.
#[derive(Debug, Clone)]
pub struct ModelPart {
    pub(super) part: Part,
    title: String,
    knows: String,
    tasks: Vec<TaskKind>,
}

impl ModelPart {
    /// The model that goes without saying.
    pub const USUAL: &str = "scalegmn";

    /// The model of this name, or of a part in a TOML file.
    ///
    /// # Errors
    /// An unknown name lists the known ones; a file that is no part of this kind is explained.
    pub fn open(name_or_path: &str) -> Result<Self> {
        let part = Part::open(&MODEL_ROOM, name_or_path)?;
        let title = part.own("title")?.unwrap_or_else(|| part.name.clone());
        let knows = part.own("knows")?.unwrap_or_else(|| part.sentence.clone());
        let tasks = part.said("tasks")?.unwrap_or_else(|| TaskKind::ALL.to_vec());
        Ok(Self { part, title, knows, tasks })
    }

    /// The models that come with the program and are compared with each other.
    pub fn all() -> impl Iterator<Item = Self> {
        MODELS.iter().map(|file| Self::open(file.name).expect("tests open every part"))
    }

    /// Those models in another setting: what is that setting worth?
    pub fn variants() -> impl Iterator<Item = Self> {
        VARIANTS.iter().map(|file| Self::open(file.name).expect("tests open every part"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.part.name
    }

    /// What it is, in a sentence.
    pub fn sentence(&self) -> &str {
        &self.part.sentence
    }

    /// What it knows about nets, in a few words.
    pub fn knows(&self) -> &str {
        &self.knows
    }

    /// What tables and figures call it in an experiment; a setting in braces, such as `{model.probes.n}`, is filled in.
    pub fn title(&self, experiment: &Experiment) -> String {
        let mut pieces = self.title.split('{');
        let mut title = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (key, after) = piece.split_once('}').unwrap_or((piece, ""));
            title += &setting(experiment, key).unwrap_or_else(|| "?".to_owned());
            title += after;
        }
        title
    }

    /// Whether the model can be asked this.
    ///
    /// # Errors
    /// Says why not.
    pub fn answers(&self, task: TaskKind) -> Result<()> {
        if self.tasks.contains(&task) {
            return Ok(());
        }
        let names = |kinds: &[TaskKind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
        if task == TaskKind::Edit {
            let editors: Vec<String> = Self::all()
                .filter(|model| model.tasks.contains(&task))
                .map(|model| model.part.name)
                .collect();
            bail!(
                "model {}: it says numbers about whole nets and changes no parameter, so it cannot edit; expected one \
                 of {}",
                self.name(),
                editors.join(", ")
            );
        }
        bail!("model {}: expected a task among {}, found {}", self.name(), names(&self.tasks), task.name())
    }
}

/// The value of a setting by its dotted name.
fn setting(experiment: &Experiment, name: &str) -> Option<String> {
    let settings: Table = experiment.to_toml().parse().ok()?;
    let value = name.split('.').try_fold(&Value::Table(settings), |value, key| value.get(key))?.to_string();
    Some(value.trim_matches('"').to_owned())
}
