//! A model in training, and nets for it to read.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use sgmn_graph::{Batch, Lowering, Net, NetSpec, Seed, testing};

use crate::{
    Normalization, Pass, Result, VarStore,
    loss::cross_entropy,
    models::{Model, ModelConfig, Output},
    ops::no_grad,
    optim::{AdamW, AdamWConfig, GradientNorm, Gradients, clip_by_global_norm},
};

/// In which numbers, where and how fast a model learns.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Number type of variables and batches.
    pub dtype: DType,
    /// Where it runs.
    pub device: Device,
    /// AdamW's rate.
    pub learning_rate: f64,
}

impl Default for Setting {
    /// f32 on the CPU, at a rate that leaves a model of any size stable.
    fn default() -> Self {
        Self { dtype: DType::F32, device: Device::Cpu, learning_rate: 1e-4 }
    }
}

/// A model, its variables and its optimizer.
pub struct Running {
    model: Box<dyn Model>,
    vars: VarStore,
    optimizer: AdamW,
    learning_rate: f64,
    n_steps: u64,
}

/// What a step computed, left on the device until somebody asks.
#[derive(Debug, Clone)]
pub struct Stepped {
    /// The loss before the step, the model's own losses included: a scalar.
    pub loss: Tensor,
    /// The norm of the gradients before they were clipped.
    pub norm: GradientNorm,
}

/// A batch and what is asked about its nets.
#[derive(Debug)]
pub struct Task {
    batch: Batch,
    classes: Tensor,
}

impl Task {
    /// Random nets of one architecture.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn random(spec: &Arc<NetSpec>, n_nets: usize, setting: &Setting) -> Result<Self> {
        Self::of(&random_nets(spec, n_nets), setting)
    }

    /// Lowers and collates nets.
    ///
    /// # Errors
    /// If there is no net, or the device refuses.
    pub fn of(nets: &[Net], setting: &Setting) -> Result<Self> {
        let batch = Batch::from_nets(nets, setting.dtype, &setting.device)?;
        Ok(Self { batch, classes: Tensor::zeros(nets.len(), DType::U32, &setting.device)? })
    }

    /// The nets.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }
}

/// Random nets of one architecture, always the same.
pub fn random_nets(spec: &Arc<NetSpec>, n_nets: usize) -> Vec<Net> {
    (0..n_nets as u64).map(|i| testing::random_net(Seed::new(i), spec)).collect()
}

impl Running {
    /// A model for nets of some architectures.
    ///
    /// # Errors
    /// If the configuration does not fit the nets, or the device refuses.
    pub fn new(
        config: &ModelConfig,
        specs: &[Arc<NetSpec>],
        normalization: Normalization,
        setting: &Setting,
    ) -> Result<Self> {
        let lowering = Lowering::new(specs)?;
        let Setting { dtype, device, learning_rate } = setting;
        let (model, vars) = config.build(&lowering, normalization, Seed::new(0), *dtype, device)?;
        let optimizer = AdamW::new(AdamWConfig::new(0.01), &vars)?;
        Ok(Self { model, vars, optimizer, learning_rate: *learning_rate, n_steps: 0 })
    }

    /// Learned numbers.
    pub fn n_params(&self) -> usize {
        self.vars.n_params()
    }

    /// The variables.
    pub fn vars(&self) -> &VarStore {
        &self.vars
    }

    /// The model.
    pub fn model(&self) -> &dyn Model {
        &*self.model
    }

    /// Forward, loss, backward, clipping, update. Nothing is read from the device.
    ///
    /// # Errors
    /// [`crate::Error::NoGradient`] if a variable that should get a gradient gets none; if the device refuses.
    pub fn step(&mut self, task: &Task) -> Result<Stepped> {
        let pass = Pass::train(Seed::new(self.n_steps));
        let output = self.model.forward(&task.batch, &pass)?;
        let own = pass.take_losses();
        let loss = own.iter().try_fold(loss(&output, &task.classes)?, |total, own| total + own)?;
        let mut gradients = Gradients::of(&self.vars, self.model.as_ref(), &loss.backward()?)?;
        let norm = clip_by_global_norm(&mut gradients, 10.0)?;
        self.optimizer.step(&self.vars, &gradients, self.learning_rate)?;
        self.n_steps += 1;
        // Detached: otherwise the graph of the step would live as long as its loss.
        Ok(Stepped { loss: loss.detach(), norm })
    }

    /// Forward, for the output alone.
    ///
    /// # Errors
    /// If the nets do not fit the model, or the device refuses.
    pub fn infer(&self, task: &Task) -> Result<Output> {
        no_grad(|| self.model.forward(&task.batch, &Pass::eval()))
    }
}

/// Cross-entropy of classes, the squared distance of anything else from 1: changes begin near 0, where they have nothing
/// to learn.
fn loss(output: &Output, classes: &Tensor) -> Result<Tensor> {
    if let Output::PerGraph(scores) = output
        && scores.dims()[1] > 1
    {
        return cross_entropy(scores, classes);
    }
    let mut squares = output.tensors().into_iter().map(|tensor| (tensor - 1.0)?.sqr()?.mean_all());
    let first = squares.next().unwrap_or_else(|| Tensor::zeros((), classes.dtype(), classes.device()))?;
    Ok(squares.try_fold(first, |total, square| total + square?)?)
}
