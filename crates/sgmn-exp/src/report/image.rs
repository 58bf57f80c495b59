//! Small grayscale images for a page: eight-bit PNG, and a grid of them.

use anyhow::{Context, Result, bail};

/// An image of gray pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrayImage {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

/// A row-wise grid of images, each with a caption.
#[derive(Debug, Clone, Default)]
pub struct ImageGrid {
    /// What the grid shows, in one sentence.
    pub caption: String,
    /// The images, each with a short caption, which may be empty.
    pub images: Vec<(String, GrayImage)>,
    /// Size on screen of one pixel of an image, in CSS pixels.
    pub zoom: u32,
}

impl GrayImage {
    /// An image from rows of pixels, 0 black to 255 white.
    ///
    /// # Errors
    /// If there are not exactly `width · height` pixels, or none at all.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self> {
        let expected = u64::from(width) * u64::from(height);
        if expected == 0 || pixels.len() as u64 != expected {
            bail!("image: expected {width} x {height} pixels, found {}", pixels.len());
        }
        Ok(Self { width, height, pixels })
    }

    /// An image from brightness values, 0 black to 1 white; values outside are clamped, NaN is black.
    ///
    /// # Errors
    /// As [`GrayImage::new`].
    pub fn from_brightness(width: u32, height: u32, values: &[f64]) -> Result<Self> {
        // Casting saturates, and turns NaN into 0.
        Self::new(width, height, values.iter().map(|value| (value * 255.0).round() as u8).collect())
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The image as a PNG file.
    ///
    /// # Errors
    /// If the encoder refuses the image.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().context("png")?;
        writer.write_image_data(&self.pixels).context("png")?;
        writer.finish().context("png")?;
        Ok(bytes)
    }

    /// The PNG file as an address that stands inside a page.
    pub(super) fn to_data_uri(&self) -> Result<String> {
        Ok(format!("data:image/png;base64,{}", base64(&self.to_png()?)))
    }
}

/// Base64 with padding, RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            // Three bytes are four digits, two are three, one is two.
            let known = digit <= chunk.len();
            let value = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if known { char::from(DIGITS[value]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn a_png_holds_the_pixels_it_was_made_from() {
        let image = GrayImage::from_brightness(3, 2, &[0.0, 0.5, 1.0, -1.0, 2.0, f64::NAN]).unwrap();
        let png = image.to_png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; 6];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, [0, 128, 255, 0, 255, 0]);
    }

    #[test]
    fn a_wrong_number_of_pixels_is_an_error() {
        let message = GrayImage::new(2, 2, vec![0; 3]).unwrap_err().to_string();
        assert_eq!(message, "image: expected 2 x 2 pixels, found 3");
        assert!(GrayImage::new(0, 2, Vec::new()).is_err());
    }
}
