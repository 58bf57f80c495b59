//! Perceptrons with ReLU that were trained on digits, with or without batch norms.

use std::sync::Arc;

use anyhow::{Context, Result};
use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use sgmn_data::fit::Images;
use sgmn_graph::{
    Seed,
    flow::{
        Array, Combination, Combine, Contract, FlowBuilder, FlowNet, Function, InputKind, Pointwise, Role,
    },
    normal,
};

/// What is trained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Training<'a> {
    /// Pixels, hidden units, classes.
    pub(crate) widths: &'a [usize],
    /// Whether a batch norm stands behind each hidden layer.
    pub(crate) norms: bool,
    /// The first images of the set.
    pub(crate) n_images: usize,
    /// Steps of AdamW, each on all images.
    pub(crate) steps: usize,
}

/// Added to variances.
const EPSILON: f64 = 1e-5;

/// One layer: weights, biases, and a gain, a mean and a variance where it has a norm.
struct Layer {
    weight: Var,
    bias: Var,
    gain: Option<Var>,
}

impl Layer {
    fn new(n_in: usize, n_out: usize, norm: bool, rng: &mut impl rand::Rng) -> Result<Self> {
        let by = (2.0 / n_in as f64).sqrt();
        let weight: Vec<f64> = (0..n_in * n_out).map(|_| by * normal(rng)).collect();
        let weight = Var::from_vec(weight, (n_out, n_in), &Device::Cpu)?;
        let bias = Var::zeros(n_out, DType::F64, &Device::Cpu)?;
        let gain = if norm { Some(Var::ones(n_out, DType::F64, &Device::Cpu)?) } else { None };
        Ok(Self { weight, bias, gain })
    }

    fn vars(&self) -> impl Iterator<Item = Var> {
        [self.weight.clone(), self.bias.clone()].into_iter().chain(self.gain.clone())
    }

    /// What the layer makes of a batch, and the statistics of its norm there.
    fn forward(&self, x: &Tensor) -> Result<(Tensor, Option<[Tensor; 2]>)> {
        let y = x.matmul(&self.weight.t()?)?;
        let Some(gain) = &self.gain else { return Ok((y.broadcast_add(&self.bias)?, None)) };
        let mean = y.mean_keepdim(0)?;
        let centred = y.broadcast_sub(&mean)?;
        let variance = centred.sqr()?.mean_keepdim(0)?;
        let normal = centred.broadcast_div(&(&variance + EPSILON)?.sqrt()?)?;
        let y = normal.broadcast_mul(gain)?.broadcast_add(&self.bias)?;
        Ok((y, Some([mean, variance])))
    }
}

/// What layers make of images, and the statistics of each norm there.
type Forward = (Tensor, Vec<Option<[Tensor; 2]>>);

fn forward(layers: &[Layer], images: &Tensor) -> Result<Forward> {
    let (mut y, mut statistics) = (images.clone(), Vec::new());
    for (at, layer) in layers.iter().enumerate() {
        let (next, of_norm) = layer.forward(&y)?;
        y = if at + 1 < layers.len() { next.relu()? } else { next };
        statistics.push(of_norm);
    }
    Ok((y, statistics))
}

/// Trains a net; chance decides its weights.
pub(crate) fn trained(images: &Images, training: &Training<'_>, seed: Seed) -> Result<FlowNet> {
    let Training { widths, norms, n_images, steps } = *training;
    let mut rng = seed.rng();
    let mut layers = Vec::new();
    for (at, pair) in widths.windows(2).enumerate() {
        layers.push(Layer::new(pair[0], pair[1], norms && at + 2 < widths.len(), &mut rng)?);
    }
    let pixels: Vec<f64> =
        (0..n_images).flat_map(|i| images.image(i)).map(|pixel| f64::from(*pixel)).collect();
    let x = Tensor::from_vec(pixels, (n_images, widths[0]), &Device::Cpu)?;
    let labels = (0..n_images).map(|i| images.label(i)).collect::<Option<Vec<u32>>>();
    let labels = Tensor::from_vec(labels.context("images without labels")?, n_images, &Device::Cpu)?;
    let params = ParamsAdamW { lr: 0.01, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(layers.iter().flat_map(Layer::vars).collect(), params)?;
    for _ in 0..steps {
        let logs = candle_nn::ops::log_softmax(&forward(&layers, &x)?.0, D::Minus1)?;
        optimizer.backward_step(&candle_nn::loss::nll(&logs, &labels)?)?;
    }
    as_flow(&layers, &forward(&layers, &x)?.1)
}

/// The net with the statistics that its norms have on all images.
fn as_flow(layers: &[Layer], statistics: &[Option<[Tensor; 2]>]) -> Result<FlowNet> {
    let mut flow = FlowBuilder::new();
    let mut stored = Vec::new();
    let mut param = |flow: &mut FlowBuilder, name: String, tensor: &Tensor, role: Role| {
        let shape = if tensor.dims()[0] == 1 { vec![tensor.elem_count()] } else { tensor.dims().to_vec() };
        stored.push(tensor.flatten_all()?.to_vec1::<f64>()?.into());
        anyhow::Ok(flow.param(&name, shape, role)?)
    };
    let n_in = layers[0].weight.dims()[1];
    let mut x = flow.input("image", vec![1, n_in], InputKind::Real)?;
    let epsilon = flow.constant(Array::scalar(EPSILON))?;
    for (at, (layer, statistics)) in layers.iter().zip(statistics).enumerate() {
        let by = |by| Combine { by };
        let weight = param(&mut flow, format!("{at}.weight"), &layer.weight, Role::Trained)?;
        x = flow.step(Contract { batch: vec![], sum: vec![(1, 1)] }, &[x, weight], "linear")?;
        if let (Some(gain), Some([mean, variance])) = (&layer.gain, statistics) {
            let mean = param(&mut flow, format!("{at}.mean"), mean, Role::Statistic)?;
            let variance = param(&mut flow, format!("{at}.variance"), variance, Role::Statistic)?;
            let gain = param(&mut flow, format!("{at}.gain"), gain, Role::Trained)?;
            x = flow.step(by(Combination::Subtract), &[x, mean], "norm")?;
            let sum = flow.step(by(Combination::Add), &[variance, epsilon], "norm")?;
            let function = Function::Power { exponent: -0.5 };
            let inverse = flow.step(Pointwise { function }, &[sum], "norm")?;
            let factor = flow.step(by(Combination::Multiply), &[gain, inverse], "norm")?;
            x = flow.step(by(Combination::Multiply), &[x, factor], "norm")?;
        }
        let bias = param(&mut flow, format!("{at}.bias"), &layer.bias, Role::Trained)?;
        x = flow.step(by(Combination::Add), &[x, bias], "bias")?;
        if at + 1 < layers.len() {
            x = flow.step(Pointwise { function: Function::Relu }, &[x], "relu")?;
        }
    }
    flow.output("logits", x);
    Ok(FlowNet::new(Arc::new(flow.build()?), stored)?)
}
