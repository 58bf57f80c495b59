//! Which of several classes does a net belong to?

use anyhow::{Context, Result, bail};
use candle_core::{DType, Tensor};
use sgmn_data::Target;
use sgmn_nn::{loss, models::Output};

use super::{Scores, Task};
use crate::{
    data::pipeline::PreparedBatch,
    metrics::{Confusion, Criterion, argmax},
};

/// Cross-entropy to learn by, accuracy to judge by.
#[derive(Debug, Clone)]
pub struct Classify {
    /// Names of the classes, by number.
    names: Vec<String>,
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
        let confusion = scores.confusion.get_or_insert_with(|| Confusion::new(self.names.clone()));
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
    /// Classes with these names; a class without one is called by its number.
    pub fn new(n_classes: usize, names: Option<&[String]>) -> Self {
        Self { names: (0..n_classes).map(|class| name(class, names)).collect() }
    }

    fn classes(&self, targets: &[Target]) -> Result<Vec<u32>> {
        targets.iter().map(|target| self.class(target)).collect()
    }

    fn class(&self, target: &Target) -> Result<u32> {
        class(self.names.len(), target)
    }
}

/// The class of a net, below the number of classes.
pub(super) fn class(n_classes: usize, target: &Target) -> Result<u32> {
    let found = match target {
        Target::Class(class) if (*class as usize) < n_classes => return Ok(*class),
        Target::Class(class) => class.to_string(),
        Target::Score(score) => format!("the score {score}"),
        Target::None => "none".to_owned(),
    };
    bail!("expected a class below {n_classes}, as task.n_classes says, found {found}")
}

/// What a class is called: by its name, or its number.
pub(super) fn name(class: usize, names: Option<&[String]>) -> String {
    names.and_then(|names| names.get(class).cloned()).unwrap_or_else(|| class.to_string())
}

fn logits(output: &Output) -> Result<&Tensor> {
    match output {
        Output::PerGraph(logits) => Ok(logits),
        Output::PerParam(_) => {
            bail!("model.output.kind: expected `per_graph` for a classification, found `per_param`")
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn answers_are_counted_by_the_names_of_classes() {
        let task = Classify::new(3, Some(&["cat".to_owned(), "dog".to_owned()]));
        let logits = Tensor::new(&[[0f32, 1.0, 0.0], [0.0, 0.0, 1.0]], &Device::Cpu).unwrap();
        let mut scores = Scores::default();
        let targets = [Target::Class(0), Target::Class(2)];
        task.judge_step(0.5, &Output::PerGraph(logits), &targets, &mut scores).unwrap();
        let confusion = scores.confusion.unwrap();
        assert_eq!(confusion.labels(), ["cat", "dog", "2"]);
        assert_eq!((confusion.row(0), confusion.row(2)), (&[0, 1, 0][..], &[0, 0, 1][..]));
    }
}
