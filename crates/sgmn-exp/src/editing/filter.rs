//! What an edit does to an image: dilation and contrast.

use crate::config::Edit;

/// An image and its size: pixels `[H, W, C]`, brightness from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    /// Row by row, the channels of a pixel side by side.
    pub values: &'a [f32],
    /// Height, width, channels.
    pub size: [usize; 3],
}

impl Edit {
    /// The edited image, of the same size.
    pub fn apply(self, image: Pixels<'_>) -> Vec<f32> {
        match self {
            Self::Dilate => dilate(image),
            Self::Contrast => contrast(image),
        }
    }
}

/// Every channel of a pixel becomes the largest of the 3 × 3 pixels around it; outside of the image there are none.
///
/// # Source
/// `cv2.dilate` with a kernel of ones, once, as in Zhou et al., "Permutation Equivariant Neural Functionals", 2023.
fn dilate(image: Pixels<'_>) -> Vec<f32> {
    let [height, width, n_channels] = image.size;
    // The largest of a square is the largest along rows of the largest along columns.
    let columns = largest_of_three(image.values, height, width * n_channels);
    let rows = columns.chunks_exact(width * n_channels);
    rows.flat_map(|row| largest_of_three(row, width, n_channels)).collect()
}

/// The largest of each number and its neighbours one block before and after it, for `n` blocks of `length` numbers.
fn largest_of_three(values: &[f32], n: usize, length: usize) -> Vec<f32> {
    let mut largest = values.to_vec();
    for block in 0..n {
        for neighbour in
            [block.checked_sub(1), Some(block + 1).filter(|next| *next < n)].into_iter().flatten()
        {
            let to = &mut largest[block * length..(block + 1) * length];
            for (to, value) in to.iter_mut().zip(&values[neighbour * length..]) {
                *to = to.max(*value);
            }
        }
    }
    largest
}

/// How much farther from the mean brightness contrast moves every pixel.
const CONTRAST: f32 = 1.5;
/// What red, green and blue add to brightness (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// `m + 1.5 (x − m)`, clamped to [0, 1], where m is the image's mean brightness.
///
/// **Departs:** Zhou et al. equalize histograms of lightness in 3 × 3 tiles (CLAHE, clip limit 1), whose result hangs on
/// the tables and byte roundings of one library; this is `adjust_contrast` of torchvision, which is a formula.
fn contrast(image: Pixels<'_>) -> Vec<f32> {
    let n_channels = image.size[2];
    let brightness = |pixel: &[f32]| -> f32 {
        match pixel {
            [red, green, blue] => LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue,
            _ => pixel.iter().sum::<f32>() / n_channels as f32,
        }
    };
    let pixels = image.values.chunks_exact(n_channels);
    let total: f64 = pixels.clone().map(|pixel| f64::from(brightness(pixel))).sum();
    let mean = (total / pixels.len() as f64) as f32;
    image.values.iter().map(|value| (mean + CONTRAST * (value - mean)).clamp(0.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dilation_spreads_every_bright_pixel_by_one_and_stops_at_the_border() {
        #[rustfmt::skip]
        let values = [
            0.0, 0.0, 0.0, 0.0, 0.2,
            0.0, 0.9, 0.0, 0.0, 0.0,
            0.0, 0.0, 0.5, 0.0, 0.0,
            0.0, 0.0, 0.0, 0.0, 0.0,
        ];
        #[rustfmt::skip]
        let expected = [
            0.9, 0.9, 0.9, 0.2, 0.2,
            0.9, 0.9, 0.9, 0.5, 0.2,
            0.9, 0.9, 0.9, 0.5, 0.0,
            0.0, 0.5, 0.5, 0.5, 0.0,
        ];
        assert_eq!(Edit::Dilate.apply(Pixels { values: &values, size: [4, 5, 1] }), expected);
    }

    #[test]
    fn dark_images_stay_dark_at_the_border_and_channels_do_not_mix() {
        // Below zero, as what a net draws may be: outside of the image there is nothing, not black.
        let values = [-0.5, 0.1, -0.5, 0.2, -0.5, 0.3];
        let edited = Edit::Dilate.apply(Pixels { values: &values, size: [1, 3, 2] });
        assert_eq!(edited, [-0.5, 0.2, -0.5, 0.3, -0.5, 0.3]);
        assert_eq!(Edit::Dilate.apply(Pixels { values: &[0.4], size: [1, 1, 1] }), [0.4]);
    }

    #[test]
    fn contrast_moves_pixels_from_the_mean_and_keeps_them_in_range() {
        let edited = Edit::Contrast.apply(Pixels { values: &[0.2, 0.4, 0.6, 0.8], size: [2, 2, 1] });
        for (a, b) in edited.iter().zip([0.05, 0.35, 0.65, 0.95]) {
            assert!((a - b).abs() < 1e-6, "{edited:?}");
        }
        let red = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        let edited = Edit::Contrast.apply(Pixels { values: &red, size: [1, 2, 3] });
        assert_eq!(edited, [1.0, 0.0, 0.0, 1.0, 0.0, 0.0], "0.299 − 1.5 · 0.299 is below black");
        let colored = Edit::Contrast.apply(Pixels { values: &[0.4, 0.5, 0.6], size: [1, 1, 3] });
        let mean = 0.299 * 0.4 + 0.587 * 0.5 + 0.114 * 0.6;
        assert!((colored[0] - (mean + 1.5 * (0.4 - mean))).abs() < 1e-6, "{colored:?}");
    }
}
