//! Perceptrons with ReLU that were trained on digits, with or without batch norms.

use std::sync::Arc;

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
pub struct Training<'a> {
    /// Pixels, hidden units, classes.
    pub widths: &'a [usize],
    /// Whether a batch norm stands behind each hidden layer.
    pub norms: bool,
    /// The first images of the set.
    pub n_images: usize,
    /// Steps of AdamW, each on all images.
    pub steps: usize,
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
    fn new(n_in: usize, n_out: usize, norm: bool, rng: &mut impl rand::Rng) -> Self {
        let by = (2.0 / n_in as f64).sqrt();
        let weight: Vec<f64> = (0..n_in * n_out).map(|_| by * normal(rng)).collect();
        let weight = Tensor::from_vec(weight, (n_out, n_in), &Device::Cpu);
        let bias = Tensor::zeros(n_out, DType::F64, &Device::Cpu);
        let gain = norm.then(|| Var::from_tensor(&Tensor::ones(n_out, DType::F64, &Device::Cpu).unwrap()));
        let [weight, bias] = [weight, bias].map(|tensor| Var::from_tensor(&tensor.unwrap()).unwrap());
        Self { weight, bias, gain: gain.map(Result::unwrap) }
    }

    fn vars(&self) -> impl Iterator<Item = Var> {
        [self.weight.clone(), self.bias.clone()].into_iter().chain(self.gain.clone())
    }

    /// What the layer makes of a batch, and the statistics of its norm there.
    fn forward(&self, x: &Tensor) -> (Tensor, Option<[Tensor; 2]>) {
        let y = x.matmul(&self.weight.t().unwrap()).unwrap();
        let Some(gain) = &self.gain else { return (y.broadcast_add(&self.bias).unwrap(), None) };
        let mean = y.mean_keepdim(0).unwrap();
        let centred = y.broadcast_sub(&mean).unwrap();
        let variance = centred.sqr().unwrap().mean_keepdim(0).unwrap();
        let root = (&variance + EPSILON).unwrap().sqrt().unwrap();
        let normal = centred.broadcast_div(&root).unwrap();
        let y = normal.broadcast_mul(gain).unwrap().broadcast_add(&self.bias).unwrap();
        (y, Some([mean, variance]))
    }
}

/// Trains a net; chance decides its weights.
pub fn trained(images: &Images, training: &Training<'_>, seed: Seed) -> FlowNet {
    let Training { widths, norms, n_images, steps } = *training;
    let mut rng = seed.rng();
    let n_layers = widths.len() - 1;
    let layer =
        |(at, pair): (usize, &[usize])| Layer::new(pair[0], pair[1], norms && at + 1 < n_layers, &mut rng);
    let layers: Vec<Layer> = widths.windows(2).enumerate().map(layer).collect();
    let pixels: Vec<f64> =
        (0..n_images).flat_map(|i| images.image(i)).map(|pixel| f64::from(*pixel)).collect();
    let x = Tensor::from_vec(pixels, (n_images, widths[0]), &Device::Cpu).unwrap();
    let labels: Vec<u32> = (0..n_images).map(|i| images.label(i).unwrap()).collect();
    let labels = Tensor::from_vec(labels, n_images, &Device::Cpu).unwrap();
    let forward = || {
        let (mut y, mut statistics) = (x.clone(), Vec::new());
        for (at, layer) in layers.iter().enumerate() {
            let (next, of_norm) = layer.forward(&y);
            y = if at + 1 < n_layers { next.relu().unwrap() } else { next };
            statistics.push(of_norm);
        }
        (y, statistics)
    };
    let params = ParamsAdamW { lr: 0.01, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(layers.iter().flat_map(Layer::vars).collect(), params).unwrap();
    for _ in 0..steps {
        let logs = candle_nn::ops::log_softmax(&forward().0, D::Minus1).unwrap();
        optimizer.backward_step(&candle_nn::loss::nll(&logs, &labels).unwrap()).unwrap();
    }
    as_flow(&layers, &forward().1)
}

/// The net with the statistics that its norms have on all images.
fn as_flow(layers: &[Layer], statistics: &[Option<[Tensor; 2]>]) -> FlowNet {
    let mut flow = FlowBuilder::new();
    let mut stored = Vec::new();
    let mut param = |flow: &mut FlowBuilder, name: String, tensor: &Tensor, role: Role| {
        let shape = if tensor.dims()[0] == 1 { vec![tensor.elem_count()] } else { tensor.dims().to_vec() };
        stored.push(tensor.flatten_all().unwrap().to_vec1::<f64>().unwrap().into());
        flow.param(&name, shape, role).unwrap()
    };
    let n_in = layers[0].weight.dims()[1];
    let mut x = flow.input("image", vec![1, n_in], InputKind::Real).unwrap();
    let epsilon = flow.constant(Array::scalar(EPSILON)).unwrap();
    for (at, (layer, statistics)) in layers.iter().zip(statistics).enumerate() {
        let by = |by| Combine { by };
        let weight = param(&mut flow, format!("{at}.weight"), &layer.weight, Role::Trained);
        x = flow.step(Contract { batch: vec![], sum: vec![(1, 1)] }, &[x, weight], "linear").unwrap();
        if let (Some(gain), Some([mean, variance])) = (&layer.gain, statistics) {
            let mean = param(&mut flow, format!("{at}.mean"), mean, Role::Statistic);
            let variance = param(&mut flow, format!("{at}.variance"), variance, Role::Statistic);
            let gain = param(&mut flow, format!("{at}.gain"), gain, Role::Trained);
            x = flow.step(by(Combination::Subtract), &[x, mean], "norm").unwrap();
            let sum = flow.step(by(Combination::Add), &[variance, epsilon], "norm").unwrap();
            let function = Function::Power { exponent: -0.5 };
            let inverse = flow.step(Pointwise { function }, &[sum], "norm").unwrap();
            let factor = flow.step(by(Combination::Multiply), &[gain, inverse], "norm").unwrap();
            x = flow.step(by(Combination::Multiply), &[x, factor], "norm").unwrap();
        }
        let bias = param(&mut flow, format!("{at}.bias"), &layer.bias, Role::Trained);
        x = flow.step(by(Combination::Add), &[x, bias], "bias").unwrap();
        if at + 1 < layers.len() {
            x = flow.step(Pointwise { function: Function::Relu }, &[x], "relu").unwrap();
        }
    }
    flow.output("logits", x);
    FlowNet::new(Arc::new(flow.build().unwrap()), stored).unwrap()
}
