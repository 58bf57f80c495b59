//! The straight line between two nets: what the nets on it answer, and how much worse they are than the ends.

use anyhow::{Result, bail, ensure};
use sgmn_data::fit::Images;
use sgmn_graph::{
    Seed,
    flow::{Array, Flow, FlowNet, Numbers, random_inputs, run},
};

use super::{batch_norms::BatchNorms, merge::Between};

/// What nets are asked.
#[derive(Debug)]
pub enum Questions {
    /// Random inputs. A net between is judged by how far its answers are from the mean of the answers of the ends, weighed as
    /// its numbers are, relative to the mean norm of the answers of both ends.
    Random(Vec<Vec<Array>>),
    /// Images with labels: judged by the mean cross-entropy of the labels, in nats, if answers are logits.
    Images {
        /// Inputs, each a batch.
        inputs: Vec<Vec<Array>>,
        /// The classes of each batch.
        labels: Vec<Vec<usize>>,
    },
}

/// One net on the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where: 0 is the first net, 1 the second.
    pub t: f64,
    /// How bad it is.
    pub loss: f64,
    /// The share of images that are put into the right class.
    pub accuracy: Option<f64>,
}

/// How images become inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels {
    /// Subtracted from pixels, which lie between 0 and 1.
    pub mean: f64,
    /// Then they are divided by this.
    pub std: f64,
}

impl Questions {
    /// Random questions.
    pub fn random(flow: &Flow, n: usize, seed: Seed) -> Self {
        Self::Random((0..n).map(|i| random_inputs(flow, seed.index(i as u64))).collect())
    }

    /// The first images, for a net that reads images and answers with one number for each class.
    ///
    /// # Errors
    /// A net that reads or answers something else, or images without labels.
    pub fn images(flow: &Flow, images: &Images, n: usize, pixels: Pixels) -> Result<Self> {
        let inputs = image_inputs(flow, images, n, pixels)?;
        let batch = inputs.first().and_then(|of| of.first()).map_or(1, |array| array.shape()[0]);
        let of = |at: usize| images.label(at).map(|label| label as usize);
        let Some(labels) = (0..inputs.len() * batch).map(of).collect::<Option<Vec<usize>>>() else {
            bail!("expected images with labels, found none")
        };
        let labels = labels.chunks(batch).map(<[usize]>::to_vec).collect();
        Ok(Self::Images { inputs, labels })
    }
}

/// The first images as inputs of a net that reads images, each a batch.
///
/// # Errors
/// A net that reads something else.
pub fn image_inputs(flow: &Flow, images: &Images, n: usize, pixels: Pixels) -> Result<Vec<Vec<Array>>> {
    let [input] = flow.inputs() else {
        bail!(
            "expected a net with one input, to which images are given, found {} inputs",
            flow.inputs().len()
        )
    };
    let shape = flow.shape(input.value);
    let n_pixels: usize = images.size().iter().product();
    let size: usize = shape.iter().product();
    let batch = size / n_pixels.max(1);
    ensure!(
        batch > 0 && batch * n_pixels == size && shape.first() == Some(&batch),
        "input {}: expected a batch of images of {n_pixels} pixels, found the shape {shape:?}; --input and --size say it",
        input.name
    );
    let n = n.min(images.len()) / batch * batch;
    ensure!(n > 0, "expected at least a batch of {batch} images, found {}", images.len());
    let input = |first: usize| -> Result<Vec<Array>> {
        let channels_first = |at: usize| in_channels(images.image(at), images.size());
        let numbers = (first..first + batch).flat_map(channels_first);
        let numbers = numbers.map(|pixel| (pixel - pixels.mean) / pixels.std);
        Ok(vec![Array::new(shape.to_vec(), numbers.collect())?])
    };
    (0..n).step_by(batch).map(input).collect()
}

/// The numbers of an image, one channel after the other.
fn in_channels(image: &[f32], [height, width, n_channels]: [usize; 3]) -> Vec<f64> {
    let n = height * width;
    (0..n_channels).flat_map(|c| (0..n).map(move |at| f64::from(image[at * n_channels + c]))).collect()
}

/// Judges `steps` nets on the line from a to b, both ends among them. If there are norms, their statistics are estimated
/// anew for each net between the ends.
///
/// # Errors
/// Nets that cannot be computed, or do not answer with classes where images are asked.
pub fn walk(
    a: &FlowNet,
    b: &FlowNet,
    steps: usize,
    questions: &Questions,
    norms: Option<&BatchNorms>,
) -> Result<Vec<Point>> {
    ensure!(steps >= 2, "expected at least 2 steps, the ends, found {steps}");
    let places = (0..steps).map(|step| step as f64 / (steps - 1) as f64);
    match questions {
        Questions::Random(inputs) => {
            let ends = (answers(a.flow(), a, inputs)?, answers(b.flow(), b, inputs)?);
            let size = mean_norm(&ends.0, &ends.1);
            let point = |t: f64| -> Result<Point> {
                let found = judged(a, b, t, norms, |net| answers(a.flow(), net, inputs))?;
                let expected = ends.0.iter().zip(&ends.1).map(|(x, y)| (1.0 - t) * x + t * y);
                let differences = found.iter().zip(expected).map(|(found, expected)| found - expected);
                Ok(Point { t, loss: norm(differences) / size, accuracy: None })
            };
            places.map(point).collect()
        }
        Questions::Images { inputs, labels } => {
            let point = |t: f64| judged(a, b, t, norms, |net| classified(a.flow(), net, t, inputs, labels));
            places.map(point).collect()
        }
    }
}

/// What is found out about the net at t, its statistics estimated anew if there are norms and it is no end.
fn judged<T>(
    a: &FlowNet,
    b: &FlowNet,
    t: f64,
    norms: Option<&BatchNorms>,
    judge: impl Fn(&dyn Numbers) -> Result<T>,
) -> Result<T> {
    let net = Between { a, b, t };
    match norms.filter(|_| 0.0 < t && t < 1.0) {
        Some(norms) => judge(&norms.estimated(&net)?),
        None => judge(&net),
    }
}

/// The mean cross-entropy of labels, and the share of right answers.
fn classified(
    flow: &Flow,
    net: &dyn Numbers,
    t: f64,
    inputs: &[Vec<Array>],
    labels: &[Vec<usize>],
) -> Result<Point> {
    let (mut loss, mut right, mut n) = (0.0, 0, 0);
    for (inputs, labels) in inputs.iter().zip(labels) {
        let answers = run(flow, net, inputs)?;
        let logits = answers.first().map_or(&[][..], Array::data);
        let n_classes = logits.len() / labels.len();
        let most = labels.iter().max().copied().unwrap_or(0);
        ensure!(
            n_classes > most && n_classes * labels.len() == logits.len(),
            "expected an answer with a number for each of {} classes, found {} numbers for {} images",
            most + 1,
            logits.len(),
            labels.len()
        );
        for (row, label) in logits.chunks(n_classes).zip(labels) {
            let most = row.iter().fold(f64::NEG_INFINITY, |most, x| most.max(*x));
            let sum: f64 = row.iter().map(|x| (x - most).exp()).sum();
            loss += most + sum.ln() - row[*label];
            right += usize::from(row.iter().position(|x| *x == most) == Some(*label));
            n += 1;
        }
    }
    Ok(Point { t, loss: loss / n as f64, accuracy: Some(right as f64 / n as f64) })
}

/// How far the answers of two nets of one flow to random inputs are apart, relative to the mean of their norms.
///
/// # Errors
/// Nets that cannot be computed.
pub fn answers_apart(a: &FlowNet, b: &FlowNet, n: usize, seed: Seed) -> Result<f64> {
    let inputs: Vec<Vec<Array>> = (0..n).map(|i| random_inputs(a.flow(), seed.index(i as u64))).collect();
    let (x, y) = (answers(a.flow(), a, &inputs)?, answers(b.flow(), b, &inputs)?);
    Ok(norm(x.iter().zip(&y).map(|(x, y)| x - y)) / mean_norm(&x, &y))
}

/// All answers to some inputs, one behind the other.
fn answers(flow: &Flow, net: &dyn Numbers, inputs: &[Vec<Array>]) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for inputs in inputs {
        run(flow, net, inputs)?.iter().for_each(|answer| all.extend_from_slice(answer.data()));
    }
    Ok(all)
}

fn norm(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|x| x * x).sum::<f64>().sqrt()
}

/// The mean of two norms, or 1 if all is 0.
fn mean_norm(x: &[f64], y: &[f64]) -> f64 {
    let mean = 0.5 * (norm(x.iter().copied()) + norm(y.iter().copied()));
    if mean > 0.0 { mean } else { 1.0 }
}

/// By how much the worst net of a line is worse than the straight line between the losses of its ends.
pub fn barrier(points: &[Point]) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return 0.0 };
    let above = |point: &Point| point.loss - (1.0 - point.t) * first.loss - point.t * last.loss;
    points.iter().map(above).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_an_image_lie_one_after_the_other() {
        // Two pixels of two channels.
        assert_eq!(in_channels(&[1.0, 2.0, 3.0, 4.0], [1, 2, 2]), [1.0, 3.0, 2.0, 4.0]);
    }

    #[test]
    fn a_barrier_is_what_rises_above_the_line_between_the_ends() {
        let point = |(t, loss)| Point { t, loss, accuracy: None };
        assert_eq!(barrier(&[(0.0, 1.0), (0.5, 4.0), (1.0, 3.0)].map(point)), 2.0);
        assert_eq!(barrier(&[(0.0, 1.0), (0.5, 1.5), (1.0, 3.0)].map(point)), 0.0, "below the line");
        assert_eq!(barrier(&[]), 0.0);
    }
}
