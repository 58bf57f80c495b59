//! `[train]`: how the model is trained.

use std::fmt;

use anyhow::{Result, anyhow, bail};
use candle_core::DType;
use clap::ValueEnum;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sgmn_nn::{
    ops::ProductPrecision,
    optim::{OptimizerKind, Schedule},
};

use super::check;

/// The training run: AdamW, linear warm-up, gradients clipped by their global norm, best epoch by validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Root of all randomness of the run: start of the model, order of the nets, dropout, augmentation.
    pub seed: u64,
    /// Nets per step.
    pub batch_size: usize,
    // Exactly one of the two is present; read through `length`.
    #[serde(skip_serializing_if = "Option::is_none")]
    epochs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u64>,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// Decoupled weight decay, per step and unit of learning rate.
    pub weight_decay: f64,
    /// Steps over which the learning rate rises linearly; 0 for none.
    pub warmup_steps: u64,
    /// What follows the gradients; AdamW if left out, and then not written.
    #[serde(default, skip_serializing_if = "is_adamw")]
    pub optimizer: OptimizerKind,
    /// How the learning rate falls after the warm-up; absent: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<Decay>,
    /// Decay a step of the running mean of all variables that is evaluated and kept as the best model; absent: the
    /// variables themselves are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// Training nets that are used, drawn from all; absent: all. Fewer are part of more, and the other parts of the
    /// dataset stay whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_nets: Option<usize>,
    /// Gradients with a larger global norm are scaled down to it; absent: they are not clipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// How often the model is evaluated on the validation nets.
    pub eval_every: EvalEvery,
    /// A checkpoint is written after every so many epochs.
    pub checkpoint_every_epochs: u64,
    /// And after so many minutes without one, in the middle of an epoch too; 10 if left out, and then not written.
    #[serde(default = "ten_minutes", skip_serializing_if = "is_ten_minutes")]
    pub checkpoint_every_minutes: f64,
    /// Number format of the model.
    pub dtype: Precision,
    /// Number format of the factors of its matrix products; those of `dtype` if left out, and then not written.
    #[serde(default, skip_serializing_if = "is_exact")]
    pub precision: ProductPrecision,
    /// Where the model runs.
    pub device: DeviceKind,
    /// MiB that passes on the CPU may keep between forward and backward; absent: 1024, and 0 computes everything again.
    /// Results are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_mib: Option<u32>,
    /// The run ends after this many evaluations without a better one; absent: it runs to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
}

/// How a learning rate falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Along half a cosine, to nothing at the end of training.
    Cosine,
}

/// When a training run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainLength {
    /// After so many passes over the training nets.
    Epochs(u64),
    /// After so many optimizer steps.
    Steps(u64),
}

/// How often the model is evaluated: `"epoch"`, or a number of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalEvery {
    /// After each pass over the training nets.
    Epoch,
    /// After every so many optimizer steps.
    Steps(u64),
}

/// Number format of the model's variables and arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floating point, for training.
    F32,
    /// 64-bit floating point, for checks.
    F64,
}

impl Precision {
    /// The type of tensors.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F64 => DType::F64,
        }
    }
}

/// So much work may be lost to a machine that fails.
fn ten_minutes() -> f64 {
    10.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_ten_minutes(minutes: &f64) -> bool {
    *minutes == ten_minutes()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_adamw(kind: &OptimizerKind) -> bool {
    *kind == OptimizerKind::AdamW
}

/// Whether products are taken in the model's own number type, as in files written before there was a choice.
fn is_exact(precision: &ProductPrecision) -> bool {
    *precision == ProductPrecision::F32
}

/// Where the model runs; `cuda` and `metal` need a build with the feature of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The processor, all cores.
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
    /// The GPU of an Apple machine.
    Metal,
}

impl DeviceKind {
    /// The word in experiment files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }
}

impl Train {
    /// When the run ends.
    pub fn length(&self) -> TrainLength {
        match (self.epochs, self.steps) {
            (Some(epochs), _) => TrainLength::Epochs(epochs),
            (None, steps) => TrainLength::Steps(steps.expect("validate found one of the two")),
        }
    }

    /// The learning rates of a training of `n_steps` steps.
    pub fn schedule(&self, n_steps: u64) -> Schedule {
        let cosine_to = self.decay.map(|Decay::Cosine| n_steps);
        Schedule { learning_rate: self.learning_rate, warmup_steps: self.warmup_steps, cosine_to }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check::at_least("train.batch_size", 1, self.batch_size)?;
        self.n_nets.map_or(Ok(()), |n| check::at_least("train.n_nets", 1, n))?;
        match (self.epochs, self.steps) {
            (Some(epochs), None) => check::at_least("train.epochs", 1, epochs)?,
            (None, Some(steps)) => check::at_least("train.steps", 1, steps)?,
            (Some(_), Some(_)) => bail!("train: expected one of `epochs` and `steps`, found both"),
            (None, None) => bail!("train: expected one of `epochs` and `steps`, found neither"),
        }
        check::positive("train.learning_rate", self.learning_rate)?;
        check::not_negative("train.weight_decay", self.weight_decay)?;
        self.clip_norm.map_or(Ok(()), |norm| check::positive("train.clip_norm", norm))?;
        self.average.map_or(Ok(()), |decay| check::fraction_below_one("train.average", decay))?;
        if let EvalEvery::Steps(n) = self.eval_every {
            check::at_least("train.eval_every", 1, n)?;
        }
        check::at_least("train.checkpoint_every_epochs", 1, self.checkpoint_every_epochs)?;
        check::positive("train.checkpoint_every_minutes", self.checkpoint_every_minutes)?;
        self.precision
            .check(self.dtype.dtype(), self.device == DeviceKind::Cuda)
            .map_err(|error| anyhow!("train.{error}"))?;
        self.patience.map_or(Ok(()), |n| check::at_least("train.patience", 1, n))
    }
}

impl Serialize for EvalEvery {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Epoch => serializer.serialize_str("epoch"),
            Self::Steps(n) => serializer.serialize_u64(*n),
        }
    }
}

impl<'de> Deserialize<'de> for EvalEvery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrNumber;

        impl Visitor<'_> for WordOrNumber {
            type Value = EvalEvery;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"epoch\" or a number of steps for eval_every")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<EvalEvery, E> {
                match word {
                    "epoch" => Ok(EvalEvery::Epoch),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<EvalEvery, E> {
                u64::try_from(n)
                    .map(EvalEvery::Steps)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(n), &self))
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<EvalEvery, E> {
                Ok(EvalEvery::Steps(n))
            }
        }

        deserializer.deserialize_any(WordOrNumber)
    }
}
