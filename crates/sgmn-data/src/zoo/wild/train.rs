//! Trains one net of the wild zoo, from its start to its test.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom;
use sgmn_graph::Seed;

use super::{
    Architecture, Request, Training,
    images::{Small, noisy},
    learner::{Learner, computed},
    network::Network,
};
use crate::{
    Error, Result,
    zoo::{Evaluation, train::MAX_DIVERGED},
};

/// Images an update; what is left of an epoch behind the last full batch is not learned in it.
pub(super) const BATCH: usize = 32;
/// A trained net.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// Its architecture.
    pub architecture: Architecture,
    /// What was drawn for it.
    pub training: Training,
    /// Draws before this one that diverged, and were thrown away.
    pub n_diverged: u32,
    /// Its numbers, tensor by tensor as its description lists them.
    pub numbers: Vec<f32>,
    /// On the images that it learned, with their right classes.
    pub train: Evaluation,
    /// On all test images.
    pub test: Evaluation,
}

/// Trains net `i` of a request.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true; [`Error::Config`] if the request cannot be fulfilled.
pub fn train_one(request: &Request<'_>, i: usize, stop: &AtomicBool) -> Result<Trained> {
    request.validate()?;
    Ok(Trainer::new(request).train(i, stop)?.0)
}

/// Everything needed to train one net after the other.
pub(super) struct Trainer<'a> {
    request: &'a Request<'a>,
    train: Small,
    test: Small,
    /// The training images in the order in which fractions take them, the same for all nets.
    order: Vec<u32>,
}

impl<'a> Trainer<'a> {
    /// A trainer for a request that has been validated.
    pub(super) fn new(request: &'a Request<'a>) -> Self {
        let mut order: Vec<u32> = (0..request.train.len() as u32).collect();
        order.shuffle(&mut request.seed.child("fraction").rng());
        Self { request, train: Small::of(request.train), test: Small::of(request.test), order }
    }

    /// Trains net `i`, drawing again how it learns if it diverges; beside it the images that it learned.
    pub(super) fn train(&self, i: usize, stop: &AtomicBool) -> Result<(Trained, u64)> {
        let architecture = self.request.architecture(i);
        let network = Network::new(&architecture);
        let mut n_images = 0;
        for n_diverged in 0..=MAX_DIVERGED {
            let (training, seed) = self.request.training(i, n_diverged);
            let (found, n) = self.attempt(&network, &training, &seed, stop)?;
            n_images += n;
            if let Some((numbers, train, test)) = found {
                let trained = Trained { architecture, training, n_diverged, numbers, train, test };
                return Ok((trained, n_images));
            }
        }
        Err(Error::Config {
            field: "zoo".into(),
            expected: "training that stays finite for some draws".into(),
            found: format!("{} draws of net {i} that diverged", MAX_DIVERGED + 1),
        })
    }

    /// One training; nothing if it leaves the finite numbers.
    #[allow(clippy::type_complexity, reason = "the parts of a net that is then put together")]
    fn attempt(
        &self,
        network: &Network,
        training: &Training,
        seed: &Seed,
        stop: &AtomicBool,
    ) -> Result<(Option<(Vec<f32>, Evaluation, Evaluation)>, u64)> {
        let n = (training.train_fraction * self.train.classes.len() as f64) as usize;
        let mut order = self.order[..n].to_vec();
        let classes = noisy(&self.train.classes, training.label_noise, &seed.child("noise"));
        let mut net = Learner::start(network, training, &seed.child("start"));
        let mut n_images = 0;
        for epoch in 0..training.epochs {
            order.shuffle(&mut seed.child("order").index(epoch.into()).rng());
            for batch in order.chunks_exact(BATCH) {
                if stop.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted);
                }
                let classes = batch.iter().map(|&i| classes[i as usize]);
                let loss = computed(net.learn(&self.train.tensor(batch), classes));
                n_images += batch.len() as u64;
                if !loss.is_finite() {
                    return Ok((None, n_images));
                }
            }
        }
        let norms = computed(net.gather(order.chunks_exact(BATCH).map(|batch| self.train.tensor(batch))));
        let all: Vec<u32> = (0..self.test.classes.len() as u32).collect();
        let train = computed(net.evaluate(&self.train, &order, &norms));
        let test = computed(net.evaluate(&self.test, &all, &norms));
        let numbers = computed(net.numbers(&norms));
        let is_finite =
            train.loss.is_finite() && test.loss.is_finite() && numbers.iter().all(|x| x.is_finite());
        Ok((is_finite.then_some((numbers, train, test)), n_images))
    }
}
