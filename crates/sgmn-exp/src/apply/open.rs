//! A trained model from its file, also from one that was written before checkpoints said what they are for.

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{DType, Device};
use sgmn_nn::{
    checkpoint::{About, Checkpoint},
    trained::TrainedModel,
};

use crate::{config::Experiment, run::folder::RunFolder, tasks};

/// The model of a checkpoint, ready to read nets. A checkpoint that does not say what it was trained for is completed
/// by `experiment`, or by the run in whose folder it lies.
///
/// # Errors
/// If the file is no checkpoint, or its parts do not fit each other.
pub fn open(
    path: &Path,
    experiment: Option<&Experiment>,
    dtype: DType,
    device: &Device,
) -> Result<TrainedModel> {
    let mut checkpoint = Checkpoint::read(path, device)?;
    complete(&mut checkpoint, path, experiment)?;
    checkpoint.model(dtype, device).with_context(|| path.display().to_string())
}

/// Says what a checkpoint was trained for, if it does not say so itself and it is certain: by the experiment that is
/// given, or by that of the run in whose folder the checkpoint lies, if the checkpoint names its hash.
///
/// # Errors
/// If the experiment asks for what the checkpoint does not hold, or the run's is damaged.
pub fn complete(checkpoint: &mut Checkpoint, path: &Path, experiment: Option<&Experiment>) -> Result<()> {
    if checkpoint.header.about.is_some() {
        return Ok(());
    }
    let of_run = match experiment {
        Some(_) => None,
        None => of_run(checkpoint, path)?,
    };
    let Some(experiment) = experiment.or(of_run.as_ref()) else { return Ok(()) };
    let progress = &checkpoint.header.progress;
    let standard = match progress.get("standard") {
        None => None,
        Some(standard) => Some(
            serde_json::from_value(standard.clone())
                .with_context(|| format!("{}: progress.standard", path.display()))?,
        ),
    };
    let answers = tasks::answers(experiment.task(), standard, None)
        .with_context(|| format!("{}: experiment {}", path.display(), experiment.name()))?;
    let canonicalize = experiment.pipeline().canonicalize.clone();
    let text = Some(experiment.to_toml());
    checkpoint.header.about = Some(About { canonicalize, experiment: text, ..About::of(answers) });
    Ok(())
}

/// The experiment of the run in whose folder a checkpoint lies, if the checkpoint is that run's.
fn of_run(checkpoint: &Checkpoint, path: &Path) -> Result<Option<Experiment>> {
    let Some(hash) = checkpoint.header.progress.get("experiment").and_then(|hash| hash.as_str()) else {
        return Ok(None);
    };
    let folder = path.parent().and_then(Path::parent);
    let Some(run) = folder.and_then(|folder| RunFolder::open(folder).ok()) else { return Ok(None) };
    Ok(Some(run.experiment()?).filter(|experiment| experiment.hash() == hash))
}
