//! Trains one net of the zoo, and many at once, a net a task.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom;
use sgmn_graph::Seed;

use super::{
    Hyperparameters, Request,
    activation::Dropout,
    architecture::{N_ROWS, flat},
    each::{Progress, train_each},
    network::{BLOCK, N_ACTIVATIONS, Network, Score},
    start::start,
    update::{Penalty, Updates},
};
use crate::{
    Error, Result,
    fit::{Images, simd::Level},
};

/// A trained net.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// What was drawn for it.
    pub hyperparameters: Hyperparameters,
    /// Draws before this one that diverged, and were thrown away.
    pub n_diverged: u32,
    /// The net after each epoch that the recipe asks for, ascending.
    pub checkpoints: Vec<Checkpoint>,
}

/// A net at one moment of its training.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Epochs before it.
    pub epoch: u32,
    /// The parameters in TensorFlow's order, as `layout.csv` has it.
    pub params: Vec<f32>,
    /// On all images to train on, of its fraction.
    pub train: Evaluation,
    /// On all test images.
    pub test: Evaluation,
}

/// How well a net answers, dropout switched off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Share of right answers, in [0, 1].
    pub accuracy: f64,
    /// Mean cross-entropy in nats, plus the penalty on weights.
    pub loss: f64,
}

/// Draws of a net that may diverge, one after the other, before that is taken for a fault of the request.
pub(super) const MAX_DIVERGED: u32 = 100;

/// Trains net `i` of a request.
///
/// The result depends on the arguments only (and, in its last bits, on [`crate::fit::arithmetic`] and on the
/// logarithms and exponentials of the platform).
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true; [`Error::Config`] if the request cannot be fulfilled.
pub fn train_one(request: &Request<'_>, i: usize, stop: &AtomicBool) -> Result<Trained> {
    request.validate()?;
    Ok(Trainer::new(request).train(i, stop)?.0)
}

/// Trains the nets of these numbers, the last ones of so many that were asked for; `sink` takes each as soon as it is finished, in no particular order, one at a time.
///
/// # Errors
/// As [`train_one`]; whatever `sink` returns.
pub(super) fn train_some(
    request: &Request<'_>,
    (numbers, n_nets): (&[usize], usize),
    sink: impl FnMut(usize, Trained) -> Result<()> + Send,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<u64> {
    let train = |trainer: &mut Trainer<'_>, i: usize| trainer.train(i, stop);
    train_each(n_nets, numbers, || Trainer::new(request), train, sink, progress)
}

/// Everything needed to train one net after the other.
struct Trainer<'a> {
    request: &'a Request<'a>,
    level: Level,
    net: Network,
    /// The training images in the order in which fractions take them, the same for all nets.
    order: Vec<u32>,
}

impl<'a> Trainer<'a> {
    /// A trainer for a request that has been validated.
    fn new(request: &'a Request<'a>) -> Self {
        let level = Level::detect();
        let mut order: Vec<u32> = (0..request.train.len() as u32).collect();
        order.shuffle(&mut request.seed.child("fraction").rng());
        Self { request, level, net: Network::new(level), order }
    }

    /// Trains net `i`, drawing again what diverges; beside it the images that it learned.
    fn train(&mut self, i: usize, stop: &AtomicBool) -> Result<(Trained, u64)> {
        let seed = self.request.seed.child("net").index(i as u64);
        let mut n_images = 0;
        for n_diverged in 0..=MAX_DIVERGED {
            let seed = seed.index(n_diverged.into());
            let hyperparameters = self.request.draw(&seed);
            let (checkpoints, n) = self.attempt(&hyperparameters, &seed, stop)?;
            n_images += n;
            if let Some(checkpoints) = checkpoints {
                return Ok((Trained { hyperparameters, n_diverged, checkpoints }, n_images));
            }
        }
        Err(Error::Config {
            field: "recipe".into(),
            expected: "training that stays finite for some hyper-parameters".into(),
            found: format!("{} draws of net {i} that diverged", MAX_DIVERGED + 1),
        })
    }

    /// One training; `None` if it leaves the finite numbers.
    fn attempt(
        &mut self,
        drawn: &Hyperparameters,
        seed: &Seed,
        stop: &AtomicBool,
    ) -> Result<(Option<Vec<Checkpoint>>, u64)> {
        let Request { train, recipe, .. } = *self.request;
        let n = (drawn.train_fraction * train.len() as f64) as usize;
        let mut order = self.order[..n].to_vec();
        let Hyperparameters { optimizer, learning_rate, l2, .. } = *drawn;
        let penalty = Penalty::of_kernels(l2);
        let mut updates = Updates::new(self.level, optimizer, learning_rate, penalty, N_ROWS);
        self.net.load(drawn.activation, start(drawn, &seed.child("start")));
        let mut checkpoints = Vec::new();
        let mut n_images = 0;
        for epoch in 0..=recipe.epochs {
            if recipe.is_checkpoint(epoch) {
                match self.checkpoint(epoch, drawn, n) {
                    Some(checkpoint) => checkpoints.push(checkpoint),
                    None => return Ok((None, n_images)),
                }
            }
            if epoch == recipe.epochs {
                break;
            }
            order.shuffle(&mut seed.child("order").index(epoch.into()).rng());
            let dropout = Dropout::new(drawn.dropout, &seed.child("dropout").index(epoch.into()));
            for (number, batch) in order.chunks_exact(recipe.batch_size).enumerate() {
                if stop.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted);
                }
                let loss = self.learn(batch, number * recipe.batch_size, dropout, &mut updates);
                n_images += batch.len() as u64;
                if !loss.is_finite() {
                    return Ok((None, n_images));
                }
            }
        }
        Ok((Some(checkpoints), n_images))
    }

    /// One update; the sum of the batch's cross-entropies before it. `place` images of the epoch came before.
    fn learn(&mut self, batch: &[u32], place: usize, dropout: Option<Dropout>, updates: &mut Updates) -> f64 {
        let weight = 1.0 / batch.len() as f32;
        let mut loss = 0.0;
        self.net.clear_gradient();
        for (number, block) in batch.chunks(BLOCK).enumerate() {
            load_block(&mut self.net, self.request.train, block);
            let place = ((place + number * BLOCK) as u32).wrapping_mul(N_ACTIVATIONS as u32);
            loss += self.net.learn(block.len(), weight, dropout.map(|dropout| (dropout, place))).loss;
        }
        let Network { params, gradient, .. } = &mut self.net;
        updates.update(params, gradient);
        loss
    }

    /// The net as it is now; `None` if a number of it is not finite. It learns from the first `n` images.
    fn checkpoint(&mut self, epoch: u32, drawn: &Hyperparameters, n: usize) -> Option<Checkpoint> {
        let penalty = Penalty::of_kernels(drawn.l2).value(&self.net.params);
        let Request { train, test, .. } = *self.request;
        let all: Vec<u32> = (0..test.len() as u32).collect();
        let mut evaluate = |images: &Images, numbers: &[u32]| {
            let mut score = Score::default();
            for block in numbers.chunks(BLOCK) {
                load_block(&mut self.net, images, block);
                score += self.net.answer(block.len());
            }
            let n = numbers.len() as f64;
            Evaluation { accuracy: score.n_correct as f64 / n, loss: score.loss / n + penalty }
        };
        let (train, test) = (evaluate(train, &self.order[..n]), evaluate(test, &all));
        let params = flat(&self.net.params);
        let is_finite =
            train.loss.is_finite() && test.loss.is_finite() && params.iter().all(|param| param.is_finite());
        is_finite.then_some(Checkpoint { epoch, params, train, test })
    }
}

fn load_block(net: &mut Network, images: &Images, numbers: &[u32]) {
    for (place, &i) in numbers.iter().enumerate() {
        let class = images.label(i as usize).expect("a request without labels is refused");
        net.load_image(place, images.image(i as usize), class as usize);
    }
}
