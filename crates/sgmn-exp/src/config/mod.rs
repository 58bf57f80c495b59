//! Experiment files: what a person writes in TOML, checked and completed into what is run.
//!
//! `ExperimentFile::open("mnist")` finds the file and its parents, [`ExperimentFile::compose`] lays the parts of a
//! [`Composition`] over each other, [`ExperimentFile::set`] lays command line overrides over that, and
//! [`ExperimentFile::resolve`] turns the result into an [`Experiment`]: every value present, every part checked, nothing to
//! be changed any more.
//! The resolved experiment is written first into the run folder; reading that file gives an equal experiment.

mod blame;
mod check;
mod compose;
mod data;
mod embedded;
mod expect;
mod file;
mod merge;
mod origin;
mod pipeline;
mod task;
mod train;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sgmn_graph::{Lowering, Seed};
use sgmn_nn::{
    Normalization, layers,
    models::{ModelConfig, Returns},
};
use sha2::{Digest, Sha256};
use toml::Table;

pub use compose::{Composition, DataPart, ModelPart, NetKind, Scalings, SizePart};
pub use data::{Data, Files, Fitted, Trained, Wild};
pub use embedded::{Embedded, PUBLISHED};
pub use expect::Expect;
pub use file::ExperimentFile;
pub use pipeline::{Augment, Normalize, Pipeline};
pub use task::{Edit, EditTarget, EditTask, PROGRAMS, Task, TaskKind};
pub use train::{Decay, DeviceKind, EvalEvery, Precision, Train, TrainLength};

/// One complete, checked experiment: the run is a function of this value and of the data files it names.
///
/// Made by [`ExperimentFile::resolve`] only, and never changed afterwards.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    name: String,
    data: Data,
    pipeline: Pipeline,
    model: ModelConfig,
    task: Task,
    train: Train,
    #[serde(skip_serializing_if = "Option::is_none")]
    expect: Option<Expect>,
}

impl Experiment {
    /// Name under which the run is reported.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which nets are read, and what is asked about them.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// What happens to a net between its file and the model.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The model that reads the nets.
    pub fn model(&self) -> &ModelConfig {
        &self.model
    }

    /// The question.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// How the model is trained.
    pub fn train(&self) -> &Train {
        &self.train
    }

    /// What the paper reports for this experiment, where it does.
    pub fn expect(&self) -> Option<&Expect> {
        self.expect.as_ref()
    }

    /// Whether the model can read nets of these architectures, all in one dataset.
    ///
    /// # Errors
    /// Says what the model reads instead.
    pub fn reads(&self, lowering: &Lowering) -> Result<()> {
        let seed = Seed::new(self.train.seed);
        self.model.build(lowering, Normalization::none(), seed, DType::F32, &Device::Cpu)?;
        Ok(())
    }

    /// The experiment as a TOML file that resolves to an equal experiment.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every part came from TOML, so every part fits into TOML")
    }

    /// SHA-256 of [`Experiment::to_toml`] as 64 lower-case hexadecimal digits: equal exactly for equal experiments.
    ///
    /// Words that were renamed count as what they were, so that runs of earlier versions are still known.
    pub fn hash(&self) -> String {
        let mut text = self.to_toml();
        if matches!(&self.model, ModelConfig::ScaleGmn(model) if model.scalings == layers::Scalings::Own) {
            text = text.replacen("\nsymmetry = \"own\"\n", "\nsymmetry = \"hetero\"\n", 1);
        }
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The parts of an experiment file, in the order in which they are written.
const PARTS: [&str; 7] = ["name", "data", "pipeline", "model", "task", "train", "expect"];

/// Types and checks a merged file.
fn resolve(mut table: Table) -> Result<Experiment> {
    if let Some(unknown) = table.keys().find(|key| !PARTS.contains(&key.as_str())) {
        bail!("unknown key `{unknown}`, expected one of inherits, {}", PARTS.join(", "));
    }
    let experiment = Experiment {
        name: part(&mut table, "name")?,
        data: part(&mut table, "data")?,
        pipeline: part(&mut table, "pipeline")?,
        model: part(&mut table, "model")?,
        task: part(&mut table, "task")?,
        train: part(&mut table, "train")?,
        expect: if table.contains_key("expect") { Some(part(&mut table, "expect")?) } else { None },
    };
    check::name("name", &experiment.name)?;
    experiment.data.validate()?;
    experiment.pipeline.validate()?;
    experiment.model.validate()?;
    experiment.task.validate()?;
    fits_task(&experiment.model, &experiment.task)?;
    fits_targets(&experiment.pipeline, &experiment.task)?;
    experiment.train.validate()?;
    if let Some(expect) = &experiment.expect {
        expect.validate()?;
    }
    Ok(experiment)
}

/// A model for a classification returns one number a class, one for a prediction a single number, one for an edit a
/// change of every parameter.
fn fits_task(model: &ModelConfig, task: &Task) -> Result<()> {
    let (n_expected, meaning) = match task {
        Task::Edit(_) => (None, "the task changes every parameter"),
        Task::Classify { n_classes } => (Some(*n_classes), "the number of classes of the task"),
        Task::Predict {} => (Some(1), "the predicted score"),
        Task::Regress {} => (Some(1), "the predicted number"),
    };
    match (model.blueprint().returns(), n_expected) {
        (Returns::PerParam { .. }, None) => Ok(()),
        (Returns::PerGraph { field: "model.output.d_out", .. }, None) => {
            bail!("model.output.kind: expected `per_param`, since {meaning}, found `per_graph`")
        }
        (Returns::PerGraph { .. }, None) => {
            bail!("model.kind: expected a model with an output `per_param`, since {meaning}")
        }
        (Returns::PerParam { .. }, Some(_)) => {
            bail!(
                "model.output.kind: expected `per_graph`, since the task asks about whole nets, found `per_param`"
            )
        }
        (Returns::PerGraph { d_out, field }, Some(expected)) if d_out != expected => {
            bail!("{field}: expected {expected}, {meaning}, found {d_out}")
        }
        (Returns::PerGraph { .. }, Some(_)) => Ok(()),
    }
}

/// An image that a net was fitted to does not move along with the net; what the net draws does.
fn fits_targets(pipeline: &Pipeline, task: &Task) -> Result<()> {
    match (pipeline.moves(), task) {
        (Some(change), Task::Edit(EditTask { target: EditTarget::Image, .. })) => bail!(
            "pipeline.augment: expected no {change}, since the images of task.target = \"image\" do not change along; \
             task.target = \"drawing\" does"
        ),
        _ => Ok(()),
    }
}

fn part<T: DeserializeOwned>(table: &mut Table, key: &str) -> Result<T> {
    blame::typed(key, table.remove(key).with_context(|| format!("expected a part [{key}], found none"))?)
}
