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

    /// The same images at a part of their size: means of `by × by` pixels.
    ///
    /// # Errors
    /// [`Error::Config`] if `by` does not divide height and width.
    pub fn shrunk(&self, by: usize) -> Result<Self> {
        let Self { height, width, n_channels, .. } = *self;
        if by == 0 || !height.is_multiple_of(by) || !width.is_multiple_of(by) {
            let expected =
                format!("a number that divides {height} and {width}, height and width of the images");
            return Err(Error::Config { field: "shrink".into(), expected, found: by.to_string() });
        }
        let share = 1.0 / (by * by) as f32;
        let mut pixels = Vec::with_capacity(self.pixels.len() / (by * by));
        for image in (0..self.len()).map(|i| self.image(i)) {
            for (row, column) in (0..height / by).flat_map(|row| (0..width / by).map(move |c| (row, c))) {
                let from = |r: usize, c: usize, k: usize| {
                    image[((row * by + r) * width + column * by + c) * n_channels + k]
                };
                for k in 0..n_channels {
                    let of_block = (0..by).flat_map(|r| (0..by).map(move |c| from(r, c, k)));
                    // Rounding may not lead beyond white.
                    pixels.push((share * of_block.sum::<f32>()).min(1.0));
                }
            }
        }
        Ok(Self { height: height / by, width: width / by, n_channels, pixels, labels: self.labels.clone() })
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
    fn shrunk_images_have_the_mean_of_each_block_channel_by_channel() {
        // One image of two rows, four columns, two channels.
        let pixels = [0.0, 1.0, 0.2, 1.0, 0.4, 0.0, 0.4, 0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.5, 0.8, 0.5];
        let images = Images::new([2, 4, 2], pixels.to_vec(), Some(vec![7])).unwrap();
        let shrunk = images.shrunk(2).unwrap();
        assert_eq!((shrunk.size(), shrunk.len(), shrunk.label(0)), ([1, 2, 2], 1, Some(7)));
        for (found, expected) in shrunk.image(0).iter().zip([0.1, 0.5, 0.4, 0.25]) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
        assert_eq!(images.shrunk(1).unwrap(), images);
        for by in [0, 3] {
            assert!(images.shrunk(by).unwrap_err().to_string().contains("divides 2 and 4"));
        }
    }

    #[test]
    fn bytes_become_numbers_up_to_one() {
        let idx = Idx::new(vec![2, 1, 2], vec![0, 255, 51, 102]).unwrap();
        let images = Images::from_idx(&idx, None).unwrap();
        assert_eq!((images.len(), images.image(1)), (2, &[0.2f32, 0.4][..]));
    }
}
