//! Which change of a net's weights makes it draw the edited image?

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use sgmn_data::Target;
use sgmn_graph::{Bucket, Lowering};
use sgmn_nn::{loss, models::Output, ops::no_grad};

use super::{Scores, Task};
use crate::{
    data::pipeline::PreparedBatch,
    editing::{Easel, deltas},
    metrics::Criterion,
};

/// Name of the error that the nets begin with, in records and summaries.
pub const UNEDITED: &str = "unedited_mse";

/// Mean squared error between what the edited nets draw and the edited image, to learn by and to judge by.
///
/// If the model returns several copies of a net, their drawings are averaged before they are compared.
#[derive(Debug, Clone)]
pub struct EditNets {
    /// Draws nets and targets.
    pub easel: Easel,
}

impl Task for EditNets {
    fn check_nets(&self, lowering: &Lowering) -> Result<()> {
        lowering.topologies().iter().try_for_each(|topology| self.easel.check(topology.spec()?))
    }

    fn loss(&self, asked: &PreparedBatch, output: &Output) -> Result<Tensor> {
        let deltas = deltas(output)?;
        ensure!(
            deltas.len() == asked.batch.buckets.len(),
            "edits: expected those of {} architectures, found {}",
            asked.batch.buckets.len(),
            deltas.len()
        );
        let buckets = asked.batch.buckets.iter().zip(deltas);
        let drawn = buckets.map(|(bucket, copies)| self.easel.after(bucket, copies));
        let drawn = drawn.collect::<Result<Vec<_>>>()?;
        self.error(asked, &drawn)
    }

    fn judge_step(&self, loss: f64, _: &Output, targets: &[Target], scores: &mut Scores) -> Result<()> {
        scores.add("loss", loss, targets.len());
        scores.add(Criterion::Mse.name(), loss, targets.len());
        Ok(())
    }

    fn judge(&self, asked: &PreparedBatch, output: &Output, scores: &mut Scores) -> Result<()> {
        let loss = scalar(&no_grad(|| self.loss(asked, output))?)?;
        self.judge_step(loss, output, &asked.targets, scores)?;
        let drawn = asked.batch.buckets.iter().map(|bucket| self.easel.before(bucket));
        let unedited = self.error(asked, &drawn.collect::<Result<Vec<_>>>()?)?;
        scores.add(UNEDITED, scalar(&unedited)?, asked.targets.len());
        Ok(())
    }
}

impl EditNets {
    /// Mean squared error over the nets of all buckets, for what each bucket draws.
    fn error(&self, asked: &PreparedBatch, drawn: &[Tensor]) -> Result<Tensor> {
        let n_nets = asked.batch.n_nets() as f64;
        let of_bucket = |(bucket, drawn): (&Bucket, &Tensor)| -> Result<Tensor> {
            let target = self.easel.target(bucket, &asked.items)?;
            let share = bucket.positions.len() as f64 / n_nets;
            Ok((loss::mean_squared_error(drawn, &target)? * share)?)
        };
        let parts = asked.batch.buckets.iter().zip(drawn).map(of_bucket).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::stack(&parts, 0)?.sum_all()?)
    }
}

fn scalar(tensor: &Tensor) -> Result<f64> {
    Ok(tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar::<f64>()?)
}
