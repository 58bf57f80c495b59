//! What a person asks an experiment program for: an experiment by its name or file, or parts to be composed.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result, bail, ensure};

use super::Program;
use crate::{
    config::{Composition, DataPart, DeviceKind, Experiment, ExperimentFile, ModelPart, SizePart, TaskKind},
    data::datasets::{self, OwnNets},
    files::{ReadArgs, format_of},
};

/// An experiment, or parts to be composed, and what is laid over it.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// A whole experiment: the name of one that comes with the program (see --list), or the path of a TOML file
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "data")]
    experiment: Option<String>,
    /// Nets to read: data that come with the program (see --list), the path of a file or folder of nets, or of a part of
    /// one's own (.toml)
    #[arg(long, value_name = "NAME|PATH")]
    data: Option<String>,
    /// The model that reads them, by its name (see --list) or as a part of one's own (.toml) [default: scalegmn]
    #[arg(long, value_name = "NAME|FILE", requires = "data")]
    model: Option<String>,
    /// How much work, by its name (see --list) or as a part of one's own (.toml) [default: quick]
    #[arg(long, value_name = "NAME|FILE", requires = "data")]
    size: Option<String>,
    /// What is asked about the nets [default: the first question of the data that this program asks]
    #[arg(long, value_enum, value_name = "TASK", requires = "data")]
    task: Option<TaskKind>,
    /// Overrides one value, for example train.seed=3; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where the model runs, in place of train.device; cuda and metal need a build with the feature of that name
    #[arg(long, value_enum, value_name = "DEVICE")]
    device: Option<DeviceKind>,
    /// Where datasets are looked for, and nets that are made here are kept [default: data; for --data PATH the folder that
    /// PATH is in]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// An experiment, and where its nets are.
pub(super) struct Found {
    pub(super) experiment: Experiment,
    /// The nets, where they were opened to find out what can be asked about them.
    pub(super) own: Option<OwnNets>,
}

impl Asked {
    /// Whether nothing names an experiment, so that one is to be resumed.
    pub(super) fn is_nothing(&self) -> bool {
        self.experiment.is_none() && self.data.is_none()
    }

    /// Where datasets are looked for.
    pub(super) fn data_dir(&self, own: Option<&OwnNets>) -> PathBuf {
        let given = || self.data_dir.clone().unwrap_or_else(|| PathBuf::from("data"));
        own.map_or_else(given, |own| own.data_dir.clone())
    }

    /// The experiment that is asked for; nothing if one is to be resumed.
    ///
    /// # Errors
    /// If it does not resolve, parts make no sense together, or the program asks something else.
    pub(super) fn find(
        &self,
        program: &Program,
        read: &ReadArgs,
        stop: &AtomicBool,
    ) -> Result<Option<Found>> {
        let own = self.own_nets(read, stop)?;
        if own.is_none() {
            ensure!(
                *read == ReadArgs::default(),
                "options of reading: expected --data PATH beside them, since nets that come with the program say \
                 everything themselves"
            );
        }
        let mut file = match (&self.experiment, &self.data) {
            (Some(experiment), _) => ExperimentFile::open(experiment)?,
            (None, Some(data)) => {
                let data = match &own {
                    Some(own) => own.data.clone(),
                    None => DataPart::open(data)?,
                };
                let task = self.task.map_or_else(|| program.task_of(&data), Ok)?;
                let model = ModelPart::open(self.model.as_deref().unwrap_or(ModelPart::USUAL))?;
                let size = SizePart::open(self.size.as_deref().unwrap_or(SizePart::USUAL))?;
                ExperimentFile::compose(&Composition::new(data, Some(task), model, size)?)
            }
            (None, None) => {
                for (option, is_given) in
                    [("--set", !self.overrides.is_empty()), ("--device", self.device.is_some())]
                {
                    ensure!(
                        !is_given,
                        "{option}: expected --experiment or --data beside it; a resumed run is never changed"
                    );
                }
                return Ok(None);
            }
        };
        if let Some(own) = &own {
            self.check_edit(program, &own.data)?;
        }
        for assignment in &self.overrides {
            file.set(assignment)?;
        }
        if let Some(device) = self.device {
            file.set(&format!("train.device={}", device.name()))?;
        }
        let experiment = file.resolve()?;
        if let Some(own) = &own {
            // Before a folder is made for a run that cannot begin.
            experiment.reads(&own.lowering).with_context(|| format!("experiment {}", experiment.name()))?;
        }
        Ok(Some(Found { experiment, own }))
    }

    /// Asks which edit is wanted, since a person's own nets do not say.
    fn check_edit(&self, program: &Program, data: &DataPart) -> Result<()> {
        let is_edit = TaskKind::Edit.program() == program.name;
        let is_said = |key: &str| self.overrides.iter().any(|assignment| assignment.starts_with(key));
        ensure!(
            !is_edit || is_said("task.edit=") && is_said("task.target="),
            "data {}: expected to be told which edit, --set task.edit=dilate or contrast, and of which picture, \
             --set task.target=drawing --set task.size=[HEIGHT,WIDTH] for what nets draw, or --set task.target=image \
             --set task.images=FOLDER for what they were fitted to, found nothing",
            data.name()
        );
        Ok(())
    }

    /// The nets of a path; nothing where --data is the name of a part, or its file.
    fn own_nets(&self, read: &ReadArgs, stop: &AtomicBool) -> Result<Option<OwnNets>> {
        let Some(data) = &self.data else { return Ok(None) };
        if data.ends_with(".toml") || DataPart::all().any(|part| part.name() == data) {
            return Ok(None);
        }
        let path = Path::new(data);
        if !path.exists() {
            let known: Vec<String> = DataPart::all().map(|part| part.name().to_owned()).collect();
            bail!(
                "data: expected one of {}, or the path of nets or of a part (.toml), found {data:?}",
                known.join(", ")
            );
        }
        let format = format_of(path, read)?;
        datasets::own(path, format, self.data_dir.as_deref(), stop).map(Some)
    }
}

impl Program {
    /// The first question of the data that this program asks.
    fn task_of(&self, data: &DataPart) -> Result<TaskKind> {
        if let Some(task) = data.tasks().find(|task| task.program() == self.name) {
            return Ok(task);
        }
        let asks: Vec<&str> =
            TaskKind::ALL.iter().filter(|task| task.program() == self.name).map(|task| task.name()).collect();
        let others: Vec<String> =
            data.tasks().map(|task| format!("{} ({})", task.name(), task.program())).collect();
        bail!(
            "data {}: expected nets that {} can ask about ({}), found nets for {}",
            data.name(),
            self.name,
            asks.join(", "),
            others.join(", ")
        )
    }
}
