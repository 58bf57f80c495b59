//! Images as nets of the wild zoo read them, and classes as they learn them.

use candle_core::{Device, Tensor};
use rand::RngExt;
use sgmn_graph::Seed;

use super::{architecture::SIDE, learner::computed};
use crate::{fit::Images, zoo::architecture::N_CLASSES};

/// Images at half their size, from 0 to 1, and their classes.
pub(super) struct Small {
    /// A row of pixels an image.
    pixels: Vec<f32>,
    /// Of each image.
    pub(super) classes: Vec<u32>,
}

impl Small {
    /// Images of twice the size, with classes.
    pub(super) fn of(images: &Images) -> Self {
        let small = images.shrunk(2).expect("a request has images of twice the size");
        let pixels = (0..small.len()).flat_map(|i| small.image(i)).copied().collect();
        let class = |i| images.label(i).expect("a request without labels is refused");
        Self { pixels, classes: (0..images.len()).map(class).collect() }
    }

    /// Some images, `[images, pixels]`.
    pub(super) fn tensor(&self, numbers: &[u32]) -> Tensor {
        let n = SIDE * SIDE;
        let pixels: Vec<f32> =
            numbers.iter().flat_map(|&i| &self.pixels[i as usize * n..][..n]).copied().collect();
        computed(Tensor::from_vec(pixels, (numbers.len(), n), &Device::Cpu))
    }
}

/// Classes, a share of them replaced.
pub(super) fn noisy(classes: &[u32], share: f64, seed: &Seed) -> Vec<u32> {
    let mut rng = seed.rng();
    let mut one = |class: &u32| {
        // Both are drawn for every image, so that a larger share replaces more of the same.
        let (at, other): (f64, u32) = (rng.random(), rng.random_range(0..N_CLASSES as u32));
        if at < share { other } else { *class }
    };
    classes.iter().map(&mut one).collect()
}
