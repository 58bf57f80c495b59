//! Small images for a page, gray or in colors: eight-bit PNG, and a grid of them.

use anyhow::{Context, Result, bail};

/// An image of gray or colored pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    colors: Colors,
    pixels: Vec<u8>,
}

/// What a pixel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// One number, its brightness.
    Gray,
    /// Red, green and blue.
    Rgb,
}

/// A row-wise grid of images, each with a caption.
#[derive(Debug, Clone, Default)]
pub struct ImageGrid {
    /// What the grid shows, in one sentence.
    pub caption: String,
    /// The images, each with a short caption, which may be empty.
    pub images: Vec<(String, Image)>,
    /// Size on screen of one pixel of an image, in CSS pixels.
    pub zoom: u32,
}

impl Image {
    /// A gray image from rows of pixels, 0 black to 255 white.
    ///
    /// # Errors
    /// If there are not exactly `width · height` pixels, or none at all.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self> {
        Self::with_colors(width, height, Colors::Gray, pixels)
    }

    /// An image from rows of pixels, the numbers of a pixel side by side.
    ///
    /// # Errors
    /// If there are not exactly as many numbers as pixels have, or none at all.
    pub fn with_colors(width: u32, height: u32, colors: Colors, pixels: Vec<u8>) -> Result<Self> {
        let n_channels = colors.n_channels();
        let expected = u64::from(width) * u64::from(height) * n_channels as u64;
        if expected == 0 || pixels.len() as u64 != expected {
            let found = pixels.len() as f64 / n_channels as f64;
            bail!("image: expected {width} x {height} pixels, found {found}");
        }
        Ok(Self { width, height, colors, pixels })
    }

    /// A gray image from brightness values, 0 black to 1 white; values outside are clamped, NaN is black.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn from_brightness(width: u32, height: u32, values: &[f64]) -> Result<Self> {
        Self::new(width, height, values.iter().map(|value| byte(*value)).collect())
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
        encoder.set_color(match self.colors {
            Colors::Gray => png::ColorType::Grayscale,
            Colors::Rgb => png::ColorType::Rgb,
        });
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

impl Colors {
    /// Numbers a pixel.
    pub fn n_channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
        }
    }
}

/// A brightness, 0 black to 1 white, as a byte; values outside are clamped, NaN is black.
pub fn byte(brightness: f64) -> u8 {
    // Casting saturates, and turns NaN into 0.
    (brightness * 255.0).round() as u8
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
        let image = Image::from_brightness(3, 2, &[0.0, 0.5, 1.0, -1.0, 2.0, f64::NAN]).unwrap();
        let png = image.to_png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; 6];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, [0, 128, 255, 0, 255, 0]);
    }

    #[test]
    fn a_png_keeps_colors() {
        let bytes = vec![255, 0, 0, 0, 255, 7];
        let png = Image::with_colors(2, 1, Colors::Rgb, bytes.clone()).unwrap().to_png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; 6];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, bytes);
    }

    #[test]
    fn a_wrong_number_of_pixels_is_an_error() {
        let message = Image::new(2, 2, vec![0; 3]).unwrap_err().to_string();
        assert_eq!(message, "image: expected 2 x 2 pixels, found 3");
        assert!(Image::new(0, 2, Vec::new()).is_err());
    }
}
