//! The steps of an architecture on batches of images, composed of candle's operations, which have gradients.
//!
//! Between steps a value is a matrix: a row for every place of every image, a column for every channel. Sums over rows
//! are products with ones: candle's own sums over a first axis take many times as long.

use candle_core::{DType, Device, Result, Tensor};
use sgmn_graph::Activation;

use super::{
    architecture::{Architecture, Norm},
    convolve::Convolve,
    steps::{EPSILON, Map, Part, Step},
};

/// A net without its numbers, ready to be computed.
#[derive(Debug)]
pub(super) struct Network {
    activation: Activation,
    steps: Vec<Step>,
    /// Of each step that is a map, the operation.
    maps: Vec<Option<Convolve>>,
    /// Tensors that learn, in the order in which [`Network::forward`] takes them.
    pub(super) slots: Vec<Slot>,
}

/// A tensor that learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// What it is.
    pub(super) part: Part,
    /// Its shape here: of a weight `[groups, places · in / groups, out / groups]`, of everything else `[1, n]`.
    pub(super) shape: Vec<usize>,
    /// The step that it belongs to.
    pub(super) step: usize,
}

/// What batch norms take for mean and variance.
pub(super) enum Norms<'a> {
    /// Those of the batch; what each batch norm was given is kept here.
    OfBatch(&'a mut Vec<Tensor>),
    /// These, for each batch norm in order.
    Known(&'a [Moments]),
}

/// Mean and variance of each channel, `[1, n]`.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    pub(super) mean: Tensor,
    pub(super) variance: Tensor,
}

impl Network {
    /// The net of an architecture.
    pub(super) fn new(architecture: &Architecture) -> Self {
        let steps = architecture.steps();
        let map = |step: &Step| match step {
            Step::Map(map) => Some(map.window.map_or_else(Convolve::product, Convolve::new)),
            _ => None,
        };
        let maps = steps.iter().map(map).collect();
        let slots = steps.iter().enumerate().flat_map(|(at, step)| slots(at, step)).collect();
        Self { activation: architecture.activation, steps, maps, slots }
    }

    /// The steps.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Logits `[images, classes]` of images `[images, pixels]`; `params` are the tensors of [`Network::slots`].
    ///
    /// # Errors
    /// None for tensors of these shapes.
    pub(super) fn forward(
        &self,
        params: &[Tensor],
        images: &Tensor,
        norms: &mut Norms<'_>,
    ) -> Result<Tensor> {
        let n_images = images.dim(0)?;
        let is_image = self.steps.iter().any(|step| matches!(step, Step::Map(Map { window: Some(_), .. })));
        let mut x = if is_image { images.reshape(((), 1))? } else { images.clone() };
        let mut params = params.iter();
        let mut next = || params.next().expect("as many tensors as slots");
        let (mut kept, mut n_norms) = (x.clone(), 0);
        for (step, map) in self.steps.iter().zip(&self.maps) {
            x = match step {
                Step::Map(Map { has_bias, .. }) => {
                    let map = map.as_ref().expect("every map has its operation");
                    let y = map.apply(&x, next())?;
                    if *has_bias { (&y + spread(next(), y.dim(0)?)?)? } else { y }
                }
                Step::Norm { norm: Norm::Batch, .. } => {
                    let moments = match norms {
                        Norms::OfBatch(inputs) => {
                            inputs.push(x.detach());
                            moments(&x)?
                        }
                        Norms::Known(known) => known[n_norms].clone(),
                    };
                    n_norms += 1;
                    batch_norm(&x, &moments, next(), next())?
                }
                Step::Norm { .. } => layer_norm(&x, n_images, next(), next())?,
                Step::Activation => self.activation.on_tensor(&x)?,
                Step::Keep => {
                    kept = x.clone();
                    x
                }
                Step::Add => (x + &kept)?,
                Step::Flatten => by_channel(&x, n_images)?.reshape((n_images, ()))?,
                Step::Average => by_channel(&x, n_images)?.mean(2)?,
            };
        }
        Ok(x)
    }
}

/// Mean and variance of the columns; the variance divides by the number of rows.
///
/// # Errors
/// None for a matrix.
pub(super) fn moments(x: &Tensor) -> Result<Moments> {
    let n_rows = x.dim(0)?;
    let mean = (sum_of_rows(x)? / n_rows as f64)?;
    let variance = (sum_of_rows(&(x - spread(&mean, n_rows)?)?.sqr()?)? / n_rows as f64)?;
    Ok(Moments { mean, variance })
}

/// The tensors of a step that learn.
fn slots(at: usize, step: &Step) -> Vec<Slot> {
    let shape = |part: Part, n: usize| match (part, step) {
        (Part::Weight, Step::Map(map)) => {
            let groups = map.window.map_or(1, |window| window.groups);
            vec![groups, map.fan_in(), map.n_out / groups]
        }
        _ => vec![1, n],
    };
    let slot = |(part, n): (Part, usize)| Slot { part, shape: shape(part, n), step: at };
    let learned = |part: &Part| !matches!(part, Part::Mean | Part::Variance);
    let tensors = step.tensors().into_iter().map(|(part, tensor)| (part, tensor.shape[0]));
    tensors.filter(|(part, _)| learned(part)).map(slot).collect()
}

/// `γ (x − μ) / sqrt(σ² + ε) + β` in every column.
fn batch_norm(x: &Tensor, moments: &Moments, gain: &Tensor, shift: &Tensor) -> Result<Tensor> {
    let n_rows = x.dim(0)?;
    let Moments { mean, variance } = moments;
    let scale = (gain * (variance + EPSILON)?.powf(-0.5)?)?;
    let centred = (x - spread(mean, n_rows)?)?;
    (centred * spread(&scale, n_rows)?)? + spread(shift, n_rows)?
}

/// The same with mean and variance of all numbers of an image.
fn layer_norm(x: &Tensor, n_images: usize, gain: &Tensor, shift: &Tensor) -> Result<Tensor> {
    let (n_rows, n) = x.dims2()?;
    let x = x.reshape((n_images, ()))?;
    let centred = x.broadcast_sub(&x.mean_keepdim(1)?)?;
    let scale = (centred.sqr()?.mean_keepdim(1)? + EPSILON)?.powf(-0.5)?;
    let normal = centred.broadcast_mul(&scale)?.reshape((n_rows, n))?;
    (normal * spread(gain, n_rows)?)? + spread(shift, n_rows)?
}

/// `[images · places, channels]` to `[images, channels, places]`.
fn by_channel(x: &Tensor, n_images: usize) -> Result<Tensor> {
    x.reshape((n_images, (), x.dim(1)?))?.transpose(1, 2)?.contiguous()
}

/// `[1, n]` in so many rows.
fn spread(x: &Tensor, n_rows: usize) -> Result<Tensor> {
    let ones = Tensor::ones((n_rows, 1), DType::F32, &Device::Cpu)?;
    Convolve::product().apply(&ones, &x.unsqueeze(0)?)
}

/// The sum of all rows, `[1, n]`.
fn sum_of_rows(x: &Tensor) -> Result<Tensor> {
    let ones = Tensor::ones((1, x.dim(0)?), DType::F32, &Device::Cpu)?;
    Convolve::product().apply(&ones, &x.unsqueeze(0)?)
}
