//! Which of several classes does a net belong to?

use anyhow::{Context, Result, bail};
use candle_core::{DType, Tensor};
use sgmn_data::Target;
use sgmn_nn::{loss, models::Output};

use super::{Scores, Task};
use crate::{
    metrics::{Confusion, Criterion, argmax},
    pipeline::PreparedBatch,
};

/// Cross-entropy to learn by, accuracy to judge by.
#[derive(Debug, Clone, Copy)]
pub struct Classify {
    /// Number of classes.
    pub n_classes: usize,
}

impl Task for Classify {
    fn loss(&self, asked: &PreparedBatch, output: &Output) -> Result<Tensor> {
        let logits = logits(output)?;
        let classes = self.classes(&asked.targets)?;
        Ok(loss::cross_entropy(logits, &Tensor::new(classes, logits.device())?)?)
    }

    fn judge_step(&self, loss: f64, output: &Output, targets: &[Target], scores: &mut Scores) -> Result<()> {
        scores.add("loss", loss, targets.len());
        let rows = logits(output)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        let confusion = scores.confusion.get_or_insert_with(|| Confusion::numbered(self.n_classes));
        let mut n_right = 0;
        for (class, logits) in self.classes(targets)?.into_iter().zip(&rows) {
            let predicted = argmax(logits).context("all logits of a net are NaN")?;
            confusion.add(class as usize, predicted);
            n_right += usize::from(class as usize == predicted);
        }
        scores.add(Criterion::Accuracy.name(), n_right as f64 / targets.len().max(1) as f64, targets.len());
        Ok(())
    }
}

impl Classify {
    fn classes(&self, targets: &[Target]) -> Result<Vec<u32>> {
        targets.iter().map(|target| self.class(target)).collect()
    }

    pub(super) fn class(&self, target: &Target) -> Result<u32> {
        let found = match target {
            Target::Class(class) if (*class as usize) < self.n_classes => return Ok(*class),
            Target::Class(class) => class.to_string(),
            Target::Score(score) => format!("the score {score}"),
            Target::None => "none".to_owned(),
        };
        bail!("expected a class below {}, as task.n_classes says, found {found}", self.n_classes)
    }
}

fn logits(output: &Output) -> Result<&Tensor> {
    match output {
        Output::PerGraph(logits) => Ok(logits),
        Output::PerParam(_) => {
            bail!("model.output.kind: expected `per_graph` for a classification, found `per_param`")
        }
    }
}
