//! Questions about nets: the loss to learn by and the metrics to judge by.

mod answers;
mod before;
mod classify;
mod edit;
mod number;
mod predict;
mod regress;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use sgmn_data::Target;
use sgmn_graph::Lowering;
use sgmn_nn::models::Output;

pub use answers::answers;
pub use before::before;
pub use classify::Classify;
pub use edit::{EditNets, UNEDITED};
pub use predict::Predict;
pub use regress::{Regress, Standard};

use crate::{
    config::Task as TaskConfig,
    data::pipeline::PreparedBatch,
    editing::{Easel, Pictures},
    metrics::{Confusion, Criterion, kendall_tau, mean_absolute_error, r_squared},
};

/// A question about nets.
pub trait Task {
    /// Whether the question can be asked about nets of these architectures.
    ///
    /// # Errors
    /// What was expected and what was found, naming the widths of the nets.
    fn check_nets(&self, _lowering: &Lowering) -> Result<()> {
        Ok(())
    }

    /// How the numbers of the training nets were standardized, for tasks that do so; kept in checkpoints.
    fn standard(&self) -> Option<Standard> {
        None
    }

    /// The loss of a batch, a scalar with gradient, on the device of the output.
    ///
    /// # Errors
    /// If the output or a target does not fit the question.
    fn loss(&self, asked: &PreparedBatch, output: &Output) -> Result<Tensor>;

    /// Collects what a step of training tells beside its loss: the metric `loss`, and the criterion.
    ///
    /// Training goes on meanwhile, so the batch is gone; the output lies on the CPU.
    ///
    /// # Errors
    /// As [`Task::loss`].
    fn judge_step(&self, loss: f64, output: &Output, targets: &[Target], scores: &mut Scores) -> Result<()>;

    /// Collects the answers of a batch, which are measured and not learned from.
    ///
    /// # Errors
    /// As [`Task::loss`].
    fn judge(&self, asked: &PreparedBatch, output: &Output, scores: &mut Scores) -> Result<()> {
        let loss =
            self.loss(asked, output)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        self.judge_step(loss, &output.to_device(&Device::Cpu)?, &asked.targets, scores)
    }
}

/// Answers collected over batches.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    /// Mean metrics by name with the number of nets behind them.
    pub means: BTreeMap<&'static str, crate::metrics::Mean>,
    /// What was taken for what, for classifications.
    pub confusion: Option<Confusion>,
    /// Predicted and true number of each net, for predictions.
    pub pairs: Vec<[f64; 2]>,
}

impl Scores {
    /// Adds a mean over some nets to a metric.
    pub fn add(&mut self, name: &'static str, value: f64, n_nets: usize) {
        self.means.entry(name).or_default().add(value, n_nets as f64);
    }

    /// The metrics by name; those that are not defined are absent, such as τ where all predictions are equal.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let means = self.means.iter().map(|(name, mean)| (*name, mean.value()));
        let of_pairs = [
            (Criterion::Tau.name(), kendall_tau(&self.pairs)),
            (Criterion::R2.name(), r_squared(&self.pairs)),
            ("mae", mean_absolute_error(&self.pairs)),
        ];
        means.chain(of_pairs).filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// Whether a question can be asked about a net with this target.
///
/// # Errors
/// What was expected and what was found.
pub fn check(config: &TaskConfig, target: &Target) -> Result<()> {
    match config {
        TaskConfig::Classify { n_classes } => classify::class(*n_classes, target).map(drop),
        TaskConfig::Predict {} => predict::score(target).map(drop),
        TaskConfig::Regress {} => regress::finite(target).map(drop),
        TaskConfig::Edit(_) => Ok(()),
    }
}

/// The metric by which the best epoch of a question's models is chosen, and by which they are compared.
pub fn criterion(config: &TaskConfig) -> Criterion {
    match config {
        TaskConfig::Classify { .. } => Criterion::Accuracy,
        TaskConfig::Predict {} => Criterion::Tau,
        TaskConfig::Regress {} => Criterion::R2,
        TaskConfig::Edit(_) => Criterion::Mse,
    }
}

/// The task that an experiment names; `pictures` are the images of the nets, where the task is about them, `classes` the
/// names of their classes, if these have any, and `train` what is asked about the nets that are learned from, checked
/// before.
///
/// # Errors
/// If images are missing, or numbers to be predicted are all equal.
pub fn of(
    config: &TaskConfig,
    pictures: Option<Arc<Pictures>>,
    classes: Option<&[String]>,
    train: &[Target],
) -> Result<Box<dyn Task>> {
    Ok(match config {
        TaskConfig::Classify { n_classes } => Box::new(Classify::new(*n_classes, classes)),
        TaskConfig::Predict {} => Box::new(Predict),
        TaskConfig::Regress {} => Box::new(Regress { standard: Standard::of(train)? }),
        TaskConfig::Edit(task) => Box::new(EditNets { easel: Easel::new(task, pictures)? }),
    })
}
