//! Facts about a net's loss and gradient, judged by a plain implementation in f64 that shares no code with it.

use rand::RngExt;
use sgmn_graph::Seed;

use super::{
    Hyperparameters,
    activation::Dropout,
    architecture::{N_CLASSES, N_PARAMS, N_ROWS, PLACES, Row, flat},
    network::{BLOCK, N_ACTIVATIONS, N_PIXELS, Network, Score},
    start::start,
};
use crate::{fit::simd::Level, formats::cnn_zoo::ZooActivation};

/// Cross-entropy of one image by the definition of every layer; `params` are in TensorFlow's order.
///
/// `factors` multiply the activations: image, stage by stage, position by position.
fn loss(params: &[f64], activation: ZooActivation, image: &[f32], class: usize, factors: &[f64]) -> f64 {
    let mut values: Vec<f64> = image.iter().map(|&pixel| 2.0 * f64::from(pixel) - 1.0).collect();
    let (mut side, mut n_in, mut at, mut place) = (28, 1, 0, 0);
    for _ in 0..3 {
        let n_out = 16;
        let (bias, kernel) = params[at..].split_at(n_out);
        let out_side = (side - 3) / 2 + 1;
        let mut out = Vec::new();
        for (y, x) in (0..out_side).flat_map(|y| (0..out_side).map(move |x| (y, x))) {
            for o in 0..n_out {
                let mut sum = bias[o];
                for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                    for i in 0..n_in {
                        let input = values[((2 * y + ky) * side + 2 * x + kx) * n_in + i];
                        sum += input * kernel[((ky * 3 + kx) * n_in + i) * n_out + o];
                    }
                }
                let value = match activation {
                    ZooActivation::Relu => sum.max(0.0),
                    ZooActivation::Tanh => sum.tanh(),
                };
                out.push(value * factors[place]);
                place += 1;
            }
        }
        at += n_out + 9 * n_in * n_out;
        (values, side, n_in) = (out, out_side, n_out);
    }
    let (bias, kernel) = params[at..].split_at(N_CLASSES);
    let logit = |o: usize| {
        let pooled = |c: usize| (0..4).map(|p| values[p * 16 + c]).sum::<f64>() / 4.0;
        bias[o] + (0..16).map(|c| pooled(c) * kernel[c * N_CLASSES + o]).sum::<f64>()
    };
    let logits: Vec<f64> = (0..N_CLASSES).map(logit).collect();
    logits.iter().map(|logit| logit.exp()).sum::<f64>().ln() - logits[class]
}

struct Case {
    net: Network,
    images: Vec<Vec<f32>>,
    classes: Vec<usize>,
    dropout: Option<(Dropout, u32)>,
    activation: ZooActivation,
}

impl Case {
    /// A net with biases, some images, and dropout for some of the seeds.
    fn new(level: Level, activation: ZooActivation, n: usize, rate: f64) -> Self {
        let seed = Seed::new(5);
        let mut rng = seed.rng();
        let drawn = Hyperparameters {
            activation,
            w_init: super::WeightInit::HeNormal,
            ..Hyperparameters::draw(&seed)
        };
        let mut params = start(&drawn, &seed);
        for place in PLACES {
            for bias in &mut params[place.bias].0[..place.n_out] {
                *bias = 0.2 * (rng.random::<f32>() - 0.5);
            }
        }
        let mut net = Network::new(level);
        net.load(activation, params);
        let images: Vec<Vec<f32>> = (0..n).map(|_| (0..N_PIXELS).map(|_| rng.random()).collect()).collect();
        let classes: Vec<usize> = (0..n).map(|i| (3 * i + 1) % N_CLASSES).collect();
        let dropout = Dropout::new(rate, &seed).map(|dropout| (dropout, 7 * N_ACTIVATIONS as u32));
        Self { net, images, classes, dropout, activation }
    }

    /// Score and gradient of the sum of the losses.
    fn learn(&mut self) -> (Score, Vec<Row>) {
        for (i, (image, &class)) in self.images.iter().zip(&self.classes).enumerate() {
            self.net.load_image(i, image, class);
        }
        self.net.clear_gradient();
        let score = self.net.learn(self.images.len(), 1.0, self.dropout);
        (score, self.net.gradient.clone())
    }

    fn expected(&self, params: &[f64]) -> f64 {
        let losses = self.images.iter().zip(&self.classes).enumerate().map(|(i, (image, &class))| {
            let factor = |e: usize| match self.dropout {
                Some((dropout, start)) => f64::from(dropout.factor(start + (i * N_ACTIVATIONS + e) as u32)),
                None => 1.0,
            };
            let factors: Vec<f64> = (0..N_ACTIVATIONS).map(factor).collect();
            loss(params, self.activation, image, class, &factors)
        });
        losses.sum()
    }
}

#[test]
fn loss_and_gradient_are_those_of_the_plain_net_with_every_instruction_set() {
    // Every 37th parameter meets all layers, taps and channels.
    const STEP: usize = 37;
    const H: f64 = 1e-5;
    for (activation, n, rate) in
        [(ZooActivation::Tanh, BLOCK, 0.3), (ZooActivation::Relu, 3, 0.0), (ZooActivation::Relu, 1, 0.4)]
    {
        let cases = Level::available().into_iter().map(|level| Case::new(level, activation, n, rate));
        let mut cases: Vec<Case> = cases.collect();
        let mut params: Vec<f64> = flat(&cases[0].net.params).into_iter().map(f64::from).collect();
        let expected = cases[0].expected(&params);
        let mut moved = |i: usize, h: f64| {
            let before = params[i];
            params[i] += h;
            let loss = cases[0].expected(&params);
            params[i] = before;
            loss
        };
        let differences: Vec<f64> =
            (0..N_PARAMS).step_by(STEP).map(|i| (moved(i, H) - moved(i, -H)) / (2.0 * H)).collect();
        for case in &mut cases {
            let (score, gradient) = case.learn();
            assert!((score.loss - expected).abs() < 1e-5 * expected, "{} for {expected}", score.loss);
            let gradient = flat(&gradient);
            let largest = gradient.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
            for (found, difference) in gradient.iter().step_by(STEP).zip(&differences) {
                let error = (f64::from(*found) - difference).abs();
                assert!(error < 2e-5 * f64::from(largest), "{activation:?} {n}: {found} for {difference}");
            }
        }
    }
}

#[test]
fn instruction_sets_that_fuse_give_the_same_bits() {
    let levels: Vec<Level> = Level::available().into_iter().filter(|level| level.is_fused()).collect();
    for activation in [ZooActivation::Relu, ZooActivation::Tanh] {
        let gradients: Vec<_> =
            levels.iter().map(|&level| Case::new(level, activation, BLOCK, 0.3).learn().1).collect();
        assert!(gradients.windows(2).all(|pair| pair[0] == pair[1]), "{levels:?}");
    }
}

#[test]
fn what_is_not_used_of_a_row_stays_zero() {
    let (_, gradient) = Case::new(Level::detect(), ZooActivation::Relu, 2, 0.0).learn();
    assert_eq!(gradient.len(), N_ROWS);
    for row in &gradient[PLACES[3].bias..] {
        assert_eq!(row.0[N_CLASSES..], [0.0; 6]);
    }
}
