//! The models of a comparison as experiments in files of their own, and those that cannot read the nets.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Comparison, Row};
use crate::{
    config::{Composition, Experiment, ExperimentFile, ModelPart},
    show::save::write_atomic,
};

/// A model that takes part.
#[derive(Debug, Clone)]
pub struct Entrant {
    /// The model.
    pub model: ModelPart,
    /// Its experiment, with the rate that it has of itself.
    pub experiment: Experiment,
}

/// A model that is left out: its name, and the reason.
pub(in crate::reproduction) type Excluded = (String, String);

/// The models that can read the nets, and the others.
///
/// # Errors
/// If an assignment of the comparison does not fit any experiment.
pub(super) fn entrants(comparison: &Comparison) -> Result<(Vec<Entrant>, Vec<Excluded>)> {
    let (mut entrants, mut excluded) = (Vec::new(), Vec::new());
    for model in &comparison.models {
        let composition = Composition::new(
            comparison.data.clone(),
            Some(comparison.task),
            model.clone(),
            comparison.size.clone(),
        );
        let composition = match composition {
            Ok(composition) => composition,
            Err(reason) => {
                excluded.push((model.name().to_owned(), format!("{reason:#}")));
                continue;
            }
        };
        let mut file = ExperimentFile::compose(&composition);
        comparison.overrides.iter().try_for_each(|assignment| file.set(assignment))?;
        let read = file.resolve().and_then(|experiment| {
            experiment.reads(&comparison.lowering)?;
            Ok(experiment)
        });
        match read {
            Ok(experiment) => entrants.push(Entrant { model: model.clone(), experiment }),
            Err(reason) => excluded.push((model.name().to_owned(), format!("{reason:#}"))),
        }
    }
    Ok((entrants, excluded))
}

impl Entrant {
    /// What tables call it.
    pub fn title(&self) -> String {
        self.model.title(&self.experiment)
    }

    /// The model at one learning rate, written down as an experiment.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn at(&self, comparison: &Comparison, rate: f64) -> Result<Row> {
        let assignment = format!("train.learning_rate={rate:e}");
        self.row(comparison, &format!("{}-{rate:e}", self.model.name()), Some(&assignment))
    }

    /// The model at the rate that it has of itself.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn as_it_is(&self, comparison: &Comparison) -> Result<Row> {
        self.row(comparison, self.model.name(), None)
    }

    fn row(&self, comparison: &Comparison, name: &str, assignment: Option<&str>) -> Result<Row> {
        let mut file = ExperimentFile::parse(name, &self.experiment.to_toml())?;
        assignment.into_iter().try_for_each(|assignment| file.set(assignment))?;
        let text = file.resolve()?.to_toml();
        let folder = comparison.out.join("experiments");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let path = folder.join(format!("{name}.toml"));
        write_atomic(&path, text.as_bytes())?;
        Ok(Row {
            method: self.title(),
            experiment: text_of(path)?,
            knows: self.model.knows().to_owned(),
            published: None,
        })
    }
}

fn text_of(path: PathBuf) -> Result<String> {
    path.into_os_string()
        .into_string()
        .map_err(|path| anyhow::anyhow!("{}: expected a path in UTF-8", PathBuf::from(path).display()))
}
