//! The tolerances this crate claims, all in one place: changing one changes a claim.

/// Largest change of a net's outputs under a symmetry, relative to the largest output, in f64.
pub const FUNCTION: f64 = 1e-10;

/// Largest distance between the canonical forms of two nets of one orbit, relative to the largest number of the same
/// parameter tensor, in f64.
pub const ORBIT: f64 = 1e-9;

/// Numbers closer than this, relative to the largest of their kind, are taken for equal where a canonical form must
/// choose. Rounding by an action is some 1e-15, so an orbit's members choose alike; it lies well below [`ORBIT`].
pub const TIE: f64 = 1e-11;

/// Largest equivariance error of a model run in f64.
pub const MODEL_F64: f64 = 1e-9;

/// Largest equivariance error of a model run in f32.
pub const MODEL_F32: f64 = 1e-4;
