//! Images of one size, as numbers in [0, 1].

use sha2::{Digest, Sha256};

use crate::{Error, Result, formats::idx::Idx};

/// Images of one size, with their classes where they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    height: usize,
    width: usize,
    n_channels: usize,
    pixels: Vec<f32>,
    labels: Option<Vec<u32>>,
}

/// An image with more channels is taken for a mistake.
const MAX_CHANNELS: usize = 1024;

impl Images {
    /// Images from their pixels `[N, H, W, C]`, `size` being `[H, W, C]`.
    ///
    /// # Errors
    /// [`Error::Config`] if a size is zero, the pixels do not fill whole images, a pixel is not in [0, 1], or there
    /// are not as many labels as images.
    pub fn new(size: [usize; 3], pixels: Vec<f32>, labels: Option<Vec<u32>>) -> Result<Self> {
        let refuse = |field: &str, expected: &str, found: String| {
            Err(Error::Config { field: field.into(), expected: expected.into(), found })
        };
        let [height, width, n_channels] = size;
        let n_values = height.checked_mul(width).and_then(|n| n.checked_mul(n_channels));
        let n_values = n_values.filter(|&n| n > 0 && n_channels <= MAX_CHANNELS);
        let Some(n_values) = n_values else {
            return refuse("image size", "height, width and channels of at least 1", format!("{size:?}"));
        };
        if !pixels.len().is_multiple_of(n_values) {
            return refuse("pixels", &format!("a multiple of {n_values} values"), pixels.len().to_string());
        }
        if let Some(at) = pixels.iter().position(|pixel| !(0.0..=1.0).contains(pixel)) {
            return refuse(
                "pixels",
                "values in [0, 1]",
                format!("{} in image {}", pixels[at], at / n_values),
            );
        }
        let n_images = pixels.len() / n_values;
        if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != n_images) {
            return refuse("labels", &format!("{n_images} labels, one an image"), labels.len().to_string());
        }
        Ok(Self { height, width, n_channels, pixels, labels })
    }

    /// Images `[N, H, W]` or `[N, H, W, C]` and labels `[N]` of IDX files; bytes 0 to 255 become 0 to 1.
    ///
    /// # Errors
    /// [`Error::Config`] if the arrays have other dimensions, or as [`Images::new`].
    pub fn from_idx(images: &Idx, labels: Option<&Idx>) -> Result<Self> {
        let size = match *images.shape() {
            [_, height, width] => [height, width, 1],
            [_, height, width, n_channels] => [height, width, n_channels],
            _ => {
                return Err(Error::Config {
                    field: "images".into(),
                    expected: "three or four dimensions".into(),
                    found: format!("{:?}", images.shape()),
                });
            }
        };
        let pixels = images.bytes().iter().map(|&byte| f32::from(byte) / 255.0).collect();
        Self::new(size, pixels, labels.map(|labels| labels.bytes().iter().map(|&byte| byte.into()).collect()))
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.pixels.len() / (self.height * self.width * self.n_channels)
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Height, width and number of channels.
    pub fn size(&self) -> [usize; 3] {
        [self.height, self.width, self.n_channels]
    }

    /// Pixels of image `i`, `[H, W, C]`.
    ///
    /// # Panics
    /// If `i` is not below [`Images::len`].
    pub fn image(&self, i: usize) -> &[f32] {
        let n_values = self.height * self.width * self.n_channels;
        &self.pixels[i * n_values..(i + 1) * n_values]
    }

    /// Class of image `i`, if the classes are known.
    pub fn label(&self, i: usize) -> Option<u32> {
        self.labels.as_ref().map(|labels| labels[i])
    }

    /// SHA-256 of sizes and pixels, in hexadecimal; labels do not enter.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for size in self.size() {
            hash.update((size as u64).to_le_bytes());
        }
        for pixel in &self.pixels {
            hash.update(pixel.to_le_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_disagree_with_their_size_are_refused() {
        assert!(Images::new([2, 2, 1], vec![0.0; 8], Some(vec![0, 1])).is_ok());
        assert!(Images::new([2, 2, 1], vec![0.0; 7], None).is_err());
        assert!(Images::new([0, 2, 1], vec![], None).is_err());
        assert!(Images::new([1, 1, 1], vec![1.5], None).is_err());
        assert!(Images::new([1, 1, 1], vec![f32::NAN], None).is_err());
        assert!(Images::new([1, 1, 1], vec![1.0], Some(vec![])).is_err());
    }

    #[test]
    fn bytes_become_numbers_up_to_one() {
        let idx = Idx::new(vec![2, 1, 2], vec![0, 255, 51, 102]).unwrap();
        let images = Images::from_idx(&idx, None).unwrap();
        assert_eq!((images.len(), images.image(1)), (2, &[0.2f32, 0.4][..]));
    }
}
