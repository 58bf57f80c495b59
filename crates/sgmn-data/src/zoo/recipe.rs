//! What all nets of a zoo share: epochs, which of them are kept, images an update.

use serde::{Deserialize, Serialize};

use super::hyperparameters::TRAIN_FRACTIONS;
use crate::{Error, Result};

/// What all nets of a zoo share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Passes over the images.
    pub epochs: u32,
    /// Epochs after which the net is kept, besides the last; those that are not below it are left out.
    pub checkpoints: Vec<u32>,
    /// Images an update; what is left of an epoch behind the last full batch is not learned in it.
    pub batch_size: usize,
}

/// The zoo's images an update, with 50 000 images and more.
const BATCH_SIZE: usize = 512;
/// Updates an epoch over all images that smaller sets of images keep.
const MIN_UPDATES: usize = 64;
/// More epochs are taken for a mistake.
const MAX_EPOCHS: u32 = 100_000;

impl Recipe {
    /// The zoo's recipe for a set of `n_images`: 86 epochs, kept after 0, 1, 2, 3, 20, 40, 60, 80 and the last.
    ///
    /// **Departs:** the zoo's batches of 512 leave nothing to a tenth of a small set of images, so there a batch is the
    /// largest power of two that leaves 64 updates an epoch; 512 from 32 768 images on.
    pub fn published(n_images: usize) -> Self {
        let batch_size = (n_images / MIN_UPDATES).clamp(1, BATCH_SIZE);
        let batch_size = 1 << batch_size.ilog2();
        Self { epochs: 86, checkpoints: vec![0, 1, 2, 3, 20, 40, 60, 80], batch_size }
    }

    /// Epochs after which the net is kept, ascending.
    pub fn kept(&self) -> Vec<u32> {
        (0..=self.epochs).filter(|&epoch| self.is_checkpoint(epoch)).collect()
    }

    pub(super) fn is_checkpoint(&self, epoch: u32) -> bool {
        epoch == self.epochs || self.checkpoints.contains(&epoch)
    }

    /// Checks that every value can be used with a set of `n_images`.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field that cannot.
    pub fn validate(&self, n_images: usize) -> Result<()> {
        let refuse = |field: &str, expected: String, found: String| {
            Err(Error::Config { field: field.into(), expected, found })
        };
        if !(1..=MAX_EPOCHS).contains(&self.epochs) {
            return refuse("epochs", format!("1 to {MAX_EPOCHS}"), self.epochs.to_string());
        }
        let smallest = (TRAIN_FRACTIONS[0] * n_images as f64) as usize;
        if !(1..=smallest).contains(&self.batch_size) {
            let expected = format!(
                "1 to {smallest}, a tenth of {n_images} images, the smallest share that a net learns"
            );
            return refuse("batch_size", expected, self.batch_size.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_shrink_with_the_images_and_checkpoints_end_with_the_last_epoch() {
        let sizes = [60_000, 50_000, 32_768, 2500, 64, 10].map(|n| Recipe::published(n).batch_size);
        assert_eq!(sizes, [512, 512, 512, 32, 1, 1]);
        assert_eq!(Recipe::published(60_000).kept(), [0, 1, 2, 3, 20, 40, 60, 80, 86]);
        assert_eq!(Recipe { epochs: 2, ..Recipe::published(100) }.kept(), [0, 1, 2]);
        assert!(Recipe::published(2500).validate(2500).is_ok());
        for (recipe, field) in [
            (Recipe { epochs: 0, ..Recipe::published(100) }, "epochs"),
            (Recipe { batch_size: 11, ..Recipe::published(100) }, "batch_size"),
            (Recipe { batch_size: 0, ..Recipe::published(100) }, "batch_size"),
        ] {
            assert!(recipe.validate(100).unwrap_err().to_string().starts_with(field));
        }
    }
}
