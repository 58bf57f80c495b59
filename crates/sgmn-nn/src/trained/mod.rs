//! A model that has learned, ready to read nets: its variables, the way of a net to it, and what its answers mean.

mod answers;
mod intake;

use candle_core::Tensor;
use sgmn_graph::{Batch, Net};

pub use self::{answers::Answers, intake::Intake};
use crate::{
    Error, Pass, Result, VarStore,
    models::{Model, ModelConfig, Output},
    ops::no_grad,
};

/// A model with learned variables, as [`Checkpoint::model`](crate::checkpoint::Checkpoint::model) makes it.
///
/// ```no_run
/// use std::path::Path;
/// use candle_core::{DType, Device};
/// use sgmn_nn::{checkpoint::Checkpoint, trained::Answers};
///
/// # fn nets() -> Vec<sgmn_graph::Net> { Vec::new() }
/// let checkpoint = Checkpoint::read(Path::new("runs/quick-seed0/checkpoints/best.safetensors"), &Device::Cpu)?;
/// let trained = checkpoint.model(DType::F32, &Device::Cpu)?;
/// for answer in trained.predict(&nets())? {
///     if let (Answers::Classes { names }, Some(class)) = (&trained.answers, trained.answers.class(&answer)) {
///         println!("{}: {:.0} %", names[class], 100.0 * answer[class]);
///     }
/// }
/// # Ok::<(), sgmn_nn::Error>(())
/// ```
pub struct TrainedModel {
    /// The model; it divides parameters as in training.
    pub model: Box<dyn Model>,
    /// Its variables.
    pub vars: VarStore,
    /// Its configuration.
    pub config: ModelConfig,
    /// How nets come to it.
    pub intake: Intake,
    /// What its answers mean.
    pub answers: Answers,
}

impl TrainedModel {
    /// What the model returns for a batch, without a graph behind it.
    ///
    /// # Errors
    /// If the nets do not fit the model, or the device refuses.
    pub fn output(&self, batch: &Batch) -> Result<Output> {
        no_grad(|| self.model.forward(batch, &Pass::eval()))
    }

    /// The features of each net that the model's head reads, `[B, d]`.
    ///
    /// # Errors
    /// [`Error::Config`] if the model has no head of whole nets; otherwise as [`TrainedModel::output`].
    pub fn features(&self, batch: &Batch) -> Result<Tensor> {
        let features = no_grad(|| self.model.features(batch, &Pass::eval()))?;
        features.ok_or_else(|| {
            let found = match self.answers {
                Answers::Changes {} => "one that changes nets",
                _ => self.config.kind(),
            };
            Error::config("model", "a model with features of whole nets before a head", found)
        })
    }

    /// The answer for each net: the probability of each class, the score, the number, or the output; see [`Answers`].
    ///
    /// All nets are read at once: of many, hand over some hundred at a time.
    ///
    /// # Errors
    /// If the model changes nets, or does not read one of these.
    pub fn predict(&self, nets: &[Net]) -> Result<Vec<Vec<f64>>> {
        match self.output(&self.intake.batch(nets)?)? {
            Output::PerGraph(rows) => self.answers.of_rows(&rows),
            Output::PerParam(_) => {
                Err(Error::config("model", "a model that answers about whole nets", "one that changes nets"))
            }
        }
    }

    /// The changed copies of each net.
    ///
    /// # Errors
    /// If the model answers about whole nets, or does not read one of these.
    pub fn edit(&self, nets: &[Net]) -> Result<Vec<Vec<Net>>> {
        let batch = self.intake.batch(nets)?;
        self.output(&batch)?.edited(&batch)?.into_iter().collect()
    }
}
