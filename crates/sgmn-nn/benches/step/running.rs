//! A model in training, and nets for it to read.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use sgmn_graph::{Batch, Lowering, Net, NetSpec, Seed, testing};
use sgmn_nn::{
    Normalization, Pass, VarStore,
    loss::cross_entropy,
    models::{Model, ModelConfig, Output},
    no_grad,
    optim::{AdamW, AdamWConfig, Gradients, clip_by_global_norm},
};

/// A model, its variables and its optimizer.
pub(crate) struct Running {
    model: Box<dyn Model>,
    vars: VarStore,
    optimizer: AdamW,
    n_steps: u64,
}

/// A batch and what is asked about its nets.
pub(crate) struct Task {
    batch: Batch,
    classes: Tensor,
}

impl Task {
    /// Random nets of one architecture.
    pub(crate) fn random(spec: &Arc<NetSpec>, n_nets: usize) -> Self {
        Self::of(&random_nets(spec, n_nets))
    }

    /// Lowers and collates nets.
    pub(crate) fn of(nets: &[Net]) -> Self {
        let batch = Batch::from_nets(nets, DType::F32, &Device::Cpu).unwrap();
        Self { batch, classes: Tensor::zeros(nets.len(), DType::U32, &Device::Cpu).unwrap() }
    }
}

pub(crate) fn random_nets(spec: &Arc<NetSpec>, n_nets: usize) -> Vec<Net> {
    (0..n_nets as u64).map(|i| testing::random_net(Seed::new(i), spec)).collect()
}

impl Running {
    /// A model for nets of some architectures.
    pub(crate) fn new(config: &ModelConfig, specs: &[Arc<NetSpec>], normalization: Normalization) -> Self {
        let lowering = Lowering::new(specs).unwrap();
        let (model, vars) =
            config.build(&lowering, normalization, Seed::new(0), DType::F32, &Device::Cpu).unwrap();
        let optimizer = AdamW::new(AdamWConfig::new(0.01), &vars).unwrap();
        Self { model, vars, optimizer, n_steps: 0 }
    }

    pub(crate) fn n_params(&self) -> usize {
        self.vars.n_params()
    }

    /// Forward, loss, backward, clipping, update.
    pub(crate) fn step(&mut self, task: &Task) {
        let pass = Pass::train(Seed::new(self.n_steps));
        let output = self.model.forward(&task.batch, &pass).unwrap();
        let own = pass.take_losses();
        let total = own.iter().fold(loss(&output, &task.classes), |total, own| (total + own).unwrap());
        let grads = total.backward().unwrap();
        let mut gradients = Gradients::of(&self.vars, self.model.as_ref(), &grads).unwrap();
        clip_by_global_norm(&mut gradients, 10.0).unwrap();
        self.optimizer.step(&self.vars, &gradients, 1e-4).unwrap();
        self.n_steps += 1;
    }

    /// Forward, for the output alone.
    pub(crate) fn infer(&self, task: &Task) {
        drop(no_grad(|| self.model.forward(&task.batch, &Pass::eval()).unwrap()));
    }
}

/// Cross-entropy of classes, the square of anything else.
fn loss(output: &Output, classes: &Tensor) -> Tensor {
    let square = |tensor: &Tensor| tensor.sqr().unwrap().mean_all().unwrap();
    match output {
        Output::PerGraph(scores) if scores.dims()[1] > 1 => cross_entropy(scores, classes).unwrap(),
        Output::PerGraph(score) => square(score),
        Output::PerParam(deltas) => deltas
            .iter()
            .flatten()
            .flat_map(|delta| delta.weights.iter().chain(&delta.biases))
            .map(square)
            .reduce(|a, b| (a + b).unwrap())
            .unwrap(),
    }
}
