//! An experiment composed of parts: data × task × model × size.
//!
//! ```text
//! experiments/models/gmn.toml      ─┐
//! experiments/sizes/quick.toml      ├─► Composition ──► ExperimentFile ──► Experiment
//! experiments/data/zoo-tanh.toml    │
//! experiments/rates.toml           ─┘   the later ones win; settings below [[when]] hold beside some parts only
//! ```
//!
//! Where a part inherits from others, their settings come before its own; pieces are what several parts share.
//! Data are laid over models because they know what nets read; learning rates come last because each was found for one
//! model on one kind of nets. What the model returns follows from the task.

mod data;
mod model;
mod names;
mod part;
mod size;
mod when;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

pub use data::{DataPart, NetKind, Scalings};
pub use model::ModelPart;
pub use size::SizePart;

use self::{
    part::{DATA_ROOM, Layer, MODEL_ROOM, SIZE_ROOM},
    when::Facts,
};
use super::{
    TaskKind,
    embedded::{PIECES, RATES},
};

/// Parts that make sense together.
///
/// ```
/// use sgmn_exp::config::{Composition, DataPart, ExperimentFile, ModelPart, SizePart};
///
/// let data = DataPart::open("zoo-tanh")?;
/// let composition = Composition::new(data, None, ModelPart::open("gmn")?, SizePart::open("quick")?)?;
/// assert_eq!(composition.name(), "quick-zoo-tanh-gmn");
/// let experiment = ExperimentFile::compose(&composition).resolve()?;
/// assert_eq!(experiment, ExperimentFile::open("quick-zoo-tanh-gmn")?.resolve()?);
/// # anyhow::Ok(())
/// ```
#[derive(Debug, Clone)]
pub struct Composition {
    data: DataPart,
    task: TaskKind,
    model: ModelPart,
    size: SizePart,
}

impl Composition {
    /// Composes parts; without a task, what the data are asked first.
    ///
    /// # Errors
    /// If the task cannot be asked about the data, the model cannot answer it, or a part has settings beside parts that
    /// are not known; each says what was expected. Whether the model can read the architectures of the nets is
    /// [`super::Experiment::reads`].
    pub fn new(data: DataPart, task: Option<TaskKind>, model: ModelPart, size: SizePart) -> Result<Self> {
        let known: Vec<TaskKind> = data.tasks().collect();
        let Some(task) = task.or(known.first().copied()).filter(|task| known.contains(task)) else {
            let names: Vec<&str> = known.iter().map(|task| task.name()).collect();
            bail!(
                "data {}: expected a task among {}, found {}",
                data.name(),
                names.join(", "),
                task.map_or("none", TaskKind::name)
            );
        };
        model.answers(task)?;
        let composition = Self { data, task, model, size };
        composition.check_conditions()?;
        Ok(composition)
    }

    /// Data with what goes without saying: their first task, the usual model and size.
    ///
    /// # Errors
    /// As [`Composition::new`].
    pub fn usual(data: DataPart) -> Result<Self> {
        Self::new(data, None, ModelPart::open(ModelPart::USUAL)?, SizePart::open(SizePart::USUAL)?)
    }

    /// The composition of a name, such as `quick-zoo-tanh-gmn`; nothing if it does not begin with a size.
    ///
    /// Names are `SIZE[-DATA][-TASK][-MODEL]` without what goes without saying: the data that the size is usually read on
    /// (`home` in its file), the first task of the data, the model `scalegmn`.
    ///
    /// # Errors
    /// If what follows the size is no part, or parts make no sense together.
    pub fn named(name: &str) -> Result<Option<Self>> {
        names::named(name)
    }

    /// Its name, by the same rule.
    pub fn name(&self) -> String {
        names::name(self)
    }

    /// Which nets are read.
    pub fn data(&self) -> &DataPart {
        &self.data
    }

    /// What is asked.
    pub fn task(&self) -> TaskKind {
        self.task
    }

    /// The model that reads them.
    pub fn model(&self) -> &ModelPart {
        &self.model
    }

    /// How much work it is.
    pub fn size(&self) -> &SizePart {
        &self.size
    }

    /// The settings, not yet typed.
    pub(super) fn table(&self) -> Table {
        let mut merged = Table::new();
        for layer in self.layers().chain([&rates()]) {
            layer.lay_over(&mut merged, &self.facts());
        }
        let task = self.data.tasks.iter().find(|(kind, _)| *kind == self.task);
        let task = task.map(|(_, table)| table.clone()).unwrap_or_default();
        let d_out = match self.task {
            TaskKind::Classify => task.get("n_classes").cloned(),
            TaskKind::Predict | TaskKind::Regress => Some(Value::Integer(1)),
            TaskKind::Edit => None,
        };
        if let (Some(d_out), Some(Value::Table(model))) = (d_out, merged.get_mut("model")) {
            // Models that have a choice of answers say the number there.
            match model.get_mut("output") {
                Some(Value::Table(output)) => output.insert("d_out".to_owned(), d_out),
                _ => model.insert("d_out".to_owned(), d_out),
            };
        }
        merged.insert("task".to_owned(), Value::Table(task));
        merged
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        [&self.model.part, &self.size.part, &self.data.part].into_iter().flat_map(|part| &part.layers)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            data: &self.data.part.lineage,
            nets: self.data.nets,
            symmetry: self.data.symmetry,
            task: self.task,
            model: &self.model.part.lineage,
            size: &self.size.part.lineage,
        }
    }

    fn check_conditions(&self) -> Result<()> {
        let facts = self.facts();
        let is_known = |word: &str, name: &str| {
            let (room, composed) = match word {
                "data" => (DATA_ROOM, facts.data),
                "model" => (MODEL_ROOM, facts.model),
                _ => (SIZE_ROOM, facts.size),
            };
            let mut embedded = room.lists.iter().copied().flatten().chain(PIECES);
            embedded.any(|file| file.name == name) || composed.iter().any(|part| part == name)
        };
        for layer in self.layers() {
            for when in &layer.whens {
                when.check_names(is_known).with_context(|| layer.name.clone())?;
            }
        }
        Ok(())
    }
}

/// The learning rates of all compositions.
fn rates() -> Layer {
    Layer::of(&RATES).expect("tests read it")
}
