//! How much of an image the fitter handles at once.

/// Pixels handled together: with two layers of 32 units, 32 KiB of sines and cosines. A multiple of
/// [`LANES`](super::simd::LANES).
pub(super) const BLOCK: usize = 64;
