//! One net that learns: its numbers, an update, an evaluation, and how files have its numbers.

use std::ops::Range;

use candle_core::{Device, Tensor, Var};
use sgmn_graph::Seed;

use super::{
    Training,
    images::Small,
    network::{Moments, Network, Norms, Slot, moments},
    steps::{Map, Part, Step},
};
use crate::{
    fit::simd::{LANES, Level},
    zoo::{
        Evaluation,
        architecture::{N_CLASSES, Row},
        start::kernel,
        update::{Penalty, Updates},
    },
};

/// Images that are answered at once: with more, candle would cut its operations among threads of its own.
const BLOCK: usize = 64;
/// Batches from which the statistics of batch norms are gathered at the end.
const MOST_GATHERED: usize = 8;

/// A net that learns.
pub(super) struct Learner<'a> {
    network: &'a Network,
    /// Rows of each slot.
    ranges: Vec<Range<usize>>,
    params: Vec<Row>,
    gradient: Vec<Row>,
    updates: Updates,
    penalty: Penalty,
}

impl<'a> Learner<'a> {
    /// A net that has learned nothing.
    pub(super) fn start(network: &'a Network, training: &Training, seed: &Seed) -> Self {
        let (mut ranges, mut params, mut kernels): (Vec<Range<usize>>, Vec<Row>, _) = Default::default();
        for (number, slot) in network.slots.iter().enumerate() {
            let values = start(network, slot, training, &seed.index(number as u64));
            let begin = params.len();
            params.extend(values.chunks(LANES).map(|chunk| {
                let mut row = Row::ZERO;
                row.0[..chunk.len()].copy_from_slice(chunk);
                row
            }));
            ranges.push(begin..params.len());
            if slot.part == Part::Weight {
                Vec::push(&mut kernels, begin..params.len());
            }
        }
        let penalty = Penalty { l2: training.l2, kernels };
        let Training { optimizer, learning_rate, .. } = *training;
        let updates = Updates::new(Level::detect(), optimizer, learning_rate, penalty.clone(), params.len());
        let gradient = vec![Row::ZERO; params.len()];
        Self { network, ranges, params, gradient, updates, penalty }
    }

    /// The numbers of slot `s`.
    fn values(&self, s: usize) -> Vec<f32> {
        let len = self.network.slots[s].shape.iter().product();
        self.params[self.ranges[s].clone()].iter().flat_map(|row| row.0).take(len).collect()
    }

    /// The numbers of all slots.
    pub(super) fn tensors(&self) -> candle_core::Result<Vec<Tensor>> {
        let tensor =
            |(s, slot): (usize, &Slot)| Tensor::from_vec(self.values(s), slot.shape.as_slice(), &Device::Cpu);
        self.network.slots.iter().enumerate().map(tensor).collect()
    }

    /// One update; the mean cross-entropy of the batch before it.
    pub(super) fn learn(
        &mut self,
        images: &Tensor,
        classes: impl ExactSizeIterator<Item = u32>,
    ) -> candle_core::Result<f64> {
        let loss = self.differentiate(images, classes)?;
        self.updates.update(&mut self.params, &mut self.gradient);
        Ok(loss)
    }

    /// The mean cross-entropy of a batch; leaves its gradient.
    fn differentiate(
        &mut self,
        images: &Tensor,
        classes: impl ExactSizeIterator<Item = u32>,
    ) -> candle_core::Result<f64> {
        let vars = self.tensors()?.iter().map(Var::from_tensor).collect::<candle_core::Result<Vec<_>>>()?;
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let n_images = classes.len();
        let logits = self.network.forward(&tensors, images, &mut Norms::OfBatch(&mut Vec::new()))?;
        let loss = (cross_entropy(&logits, classes)? / n_images as f64)?;
        let gradients = loss.backward()?;
        for (var, range) in vars.iter().zip(&self.ranges) {
            let gradient = gradients.get(var).expect("the logits depend on every tensor that learns");
            let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
            for (row, chunk) in self.gradient[range.clone()].iter_mut().zip(gradient.chunks(LANES)) {
                row.0[..chunk.len()].copy_from_slice(chunk);
            }
        }
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    /// What batch norms are to take for mean and variance: means over some batches, of variances without bias.
    pub(super) fn gather(&self, batches: impl Iterator<Item = Tensor>) -> candle_core::Result<Vec<Moments>> {
        let params = self.tensors()?;
        let mut sums: Vec<Moments> = Vec::new();
        let mut n_batches = 0.0;
        for batch in batches.take(MOST_GATHERED) {
            let mut inputs = Vec::new();
            self.network.forward(&params, &batch, &mut Norms::OfBatch(&mut inputs))?;
            for (at, input) in inputs.iter().enumerate() {
                let n = input.dim(0)? as f64;
                let Moments { mean, variance } = moments(input)?;
                let variance = (variance * (n / (n - 1.0)))?;
                match sums.get_mut(at) {
                    None => sums.push(Moments { mean, variance }),
                    Some(sum) => {
                        *sum = Moments { mean: (&sum.mean + mean)?, variance: (&sum.variance + variance)? };
                    }
                }
            }
            n_batches += 1.0;
        }
        let mean = |sum: Moments| {
            Ok(Moments { mean: (sum.mean / n_batches)?, variance: (sum.variance / n_batches)? })
        };
        sums.into_iter().map(mean).collect()
    }

    /// How well it answers, with these means and variances.
    pub(super) fn evaluate(
        &self,
        images: &Small,
        numbers: &[u32],
        norms: &[Moments],
    ) -> candle_core::Result<Evaluation> {
        let params = self.tensors()?;
        let (mut loss, mut n_correct) = (0.0, 0);
        for block in numbers.chunks(BLOCK) {
            let logits = self.network.forward(&params, &images.tensor(block), &mut Norms::Known(norms))?;
            let classes = || block.iter().map(|&i| images.classes[i as usize]);
            loss += f64::from(cross_entropy(&logits, classes())?.to_scalar::<f32>()?);
            let answers = logits.argmax(1)?.to_vec1::<u32>()?;
            n_correct += answers.into_iter().zip(classes()).filter(|(answer, class)| answer == class).count();
        }
        let n = numbers.len() as f64;
        Ok(Evaluation { accuracy: n_correct as f64 / n, loss: loss / n + self.penalty.value(&self.params) })
    }

    /// All numbers as PyTorch orders them, tensor by tensor, statistics of batch norms among them.
    pub(super) fn numbers(&self, norms: &[Moments]) -> candle_core::Result<Vec<f32>> {
        let mut numbers = Vec::new();
        let (mut learned, mut norms) = (self.network.slots.iter().zip(self.tensors()?), norms.iter());
        for step in self.network.steps() {
            let mut known = None;
            for (part, _) in step.tensors() {
                if part == Part::Mean {
                    known = norms.next();
                }
                let tensor = match (part, known) {
                    (Part::Mean, Some(Moments { mean, .. })) => mean.clone(),
                    (Part::Variance, Some(Moments { variance, .. })) => variance.clone(),
                    _ => {
                        let (at, tensor) = learned.next().expect("a slot for every tensor that learns");
                        as_in_files(&tensor, step, at.part)?
                    }
                };
                numbers.extend(tensor.flatten_all()?.to_vec1::<f32>()?);
            }
        }
        Ok(numbers)
    }
}

/// A tensor of a slot as PyTorch orders it: of a weight `[groups, places · in, out]` becomes `[groups · out, in · places]`.
fn as_in_files(tensor: &Tensor, step: &Step, part: Part) -> candle_core::Result<Tensor> {
    let (Part::Weight, Step::Map(Map { window, .. })) = (part, step) else { return Ok(tensor.clone()) };
    let (groups, fan_in, n_out) = tensor.dims3()?;
    let n_places = window.map_or(1, |window| window.kernel * window.kernel);
    tensor.reshape((groups, n_places, fan_in / n_places, n_out))?.permute((0, 3, 2, 1))?.contiguous()
}

/// Where a tensor starts.
fn start(network: &Network, slot: &Slot, training: &Training, seed: &Seed) -> Vec<f32> {
    let len = slot.shape.iter().product();
    match (slot.part, &network.steps()[slot.step]) {
        (Part::Weight, Step::Map(map)) => {
            let [groups, fan_in, n_out] = slot.shape[..] else { unreachable!("a weight has three axes") };
            let n_places = map.window.map_or(1, |window| window.kernel * window.kernel);
            let Training { w_init, init_std, .. } = *training;
            let mut rng = seed.rng();
            let mut one = || kernel(w_init, init_std, [fan_in, n_out], n_places, &mut rng);
            (0..groups).flat_map(|_| one()).map(|value| value as f32).collect()
        }
        (Part::Gain, _) => vec![1.0; len],
        _ => vec![0.0; len],
    }
}

/// The sum of the cross-entropies of logits `[images, classes]`, in nats.
fn cross_entropy(
    logits: &Tensor,
    classes: impl ExactSizeIterator<Item = u32>,
) -> candle_core::Result<Tensor> {
    let n_images = classes.len();
    let mut is_class = vec![0.0f32; n_images * N_CLASSES];
    for (i, class) in classes.enumerate() {
        is_class[i * N_CLASSES + class as usize] = 1.0;
    }
    let is_class = Tensor::from_vec(is_class, (n_images, N_CLASSES), &Device::Cpu)?;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    let total = shifted.exp()?.sum_keepdim(1)?.log()?;
    (shifted.broadcast_sub(&total)? * is_class)?.sum_all()?.neg()
}

/// What candle computed.
///
/// # Panics
/// If it refused: shapes and types are ours, and on a processor nothing else fails.
pub(super) fn computed<T>(result: candle_core::Result<T>) -> T {
    result.unwrap_or_else(|why| panic!("the steps of an architecture fit each other, but {why}"))
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sgmn_graph::Activation;

    use super::{super::tests::architectures, *};

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        for (number, mut architecture) in architectures().into_iter().enumerate() {
            // Without kinks, so that a step shows the slope.
            architecture.activation = Activation::Silu;
            let seed = Seed::new(6).index(number as u64);
            let network = Network::new(&architecture);
            let training = Training { l2: 0.0, init_std: 0.3, ..Training::draw(&seed, 1) };
            let mut learner = Learner::start(&network, &training, &seed);
            let mut rng = seed.child("numbers").rng();
            let pixels: Vec<f32> = (0..4 * 196).map(|_| rng.random::<f32>()).collect();
            let images = Tensor::from_vec(pixels, (4, 196), &Device::Cpu).unwrap();
            let classes = [3, 1, 4, 1];
            computed(learner.differentiate(&images, classes.into_iter()));
            let (params, gradient) = (learner.params.clone(), learner.gradient.clone());
            let length = gradient.iter().flat_map(|row| row.0).map(|g| g * g).sum::<f32>().sqrt();
            // Along its gradient a loss rises by the length of the gradient a step.
            let mut loss_at = |step: f32| {
                for ((to, from), gradient) in learner.params.iter_mut().zip(&params).zip(&gradient) {
                    to.0 = std::array::from_fn(|i| from.0[i] + step * gradient.0[i] / length);
                }
                computed(learner.differentiate(&images, classes.into_iter()))
            };
            let step = 1e-3;
            let slope = (loss_at(step) - loss_at(-step)) / (2.0 * f64::from(step));
            let error = (slope / f64::from(length) - 1.0).abs();
            assert!(error < 0.03, "{architecture:?}: {slope} for {length}");
        }
    }
}
