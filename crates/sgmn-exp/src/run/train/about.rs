//! What the checkpoints of a run say about it, so that they are understood elsewhere.

use anyhow::Result;
use sgmn_nn::checkpoint::{About, Checkpoint, DataFacts, Reached};

use super::{Run, begin::n_nets};
use crate::{
    config::Experiment,
    data::pipeline::Pipeline,
    tasks::{self, Scores, Task},
};

/// What is known of a run's models before they have learned.
pub(super) fn of_run(experiment: &Experiment, task: &dyn Task, pipeline: &Pipeline) -> Result<About> {
    let classes = pipeline.dataset().classes.as_deref();
    Ok(About {
        answers: tasks::answers(experiment.task(), task.standard(), classes)?,
        canonicalize: experiment.pipeline().canonicalize.clone(),
        experiment: Some(experiment.to_toml()),
        data: Some(DataFacts { n_nets: n_nets(pipeline), sha256: pipeline.sha256().to_owned() }),
        reached: None,
    })
}

impl Run<'_> {
    /// The same of the best model so far, with what it reached.
    pub(super) fn about_best(&self) -> About {
        let finite = self.standing.best_val.filter(|value| value.is_finite());
        let reached = finite.map(|validation| Reached {
            criterion: self.criterion.name().to_owned(),
            epoch: self.standing.best_epoch,
            validation,
            test: None,
        });
        About { reached, ..self.about.clone() }
    }

    /// Adds what the best model reached on the test nets to its checkpoint.
    pub(super) fn tell_test<'a>(&self, best: &'a mut Checkpoint, scores: &Scores) -> &'a Checkpoint {
        if let Some(reached) = best.header.about.as_mut().and_then(|about| about.reached.as_mut()) {
            let test = scores.metrics().get(self.criterion.name()).copied();
            reached.test = test.filter(|value| value.is_finite());
        }
        best
    }
}
