//! What counts as agreement with another implementation.

use super::{Parity, Worst};
use crate::tolerance::{GOLDEN_GRADIENT_F32, GOLDEN_GRADIENT_F64, GOLDEN_OUTPUT_F32, GOLDEN_OUTPUT_F64};

/// Largest relative errors of outputs and gradients that count as agreement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Of outputs.
    pub output: f64,
    /// Of gradients.
    pub gradient: f64,
}

impl Tolerance {
    /// In f64.
    pub const F64: Self = Self { output: GOLDEN_OUTPUT_F64, gradient: GOLDEN_GRADIENT_F64 };
    /// In f32.
    pub const F32: Self = Self { output: GOLDEN_OUTPUT_F32, gradient: GOLDEN_GRADIENT_F32 };

    /// Whether a file agrees; one without outputs or without gradients proves nothing and does not.
    pub fn admits(self, parity: &Parity) -> bool {
        self.distance(parity).is_some_and(|worse| worse <= 1.0)
    }

    /// The worse of both errors as a multiple of its tolerance; none if outputs or gradients were not compared.
    pub fn distance(self, parity: &Parity) -> Option<f64> {
        let part = |worst: &Worst, tolerance: f64| {
            // NaN is no agreement, and a maximum would pass over it.
            let error = if worst.error.is_nan() { f64::INFINITY } else { worst.error };
            (!worst.tensor.is_empty()).then_some(error / tolerance)
        };
        Some(part(&parity.output, self.output)?.max(part(&parity.gradient, self.gradient)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_agrees_only_if_both_numbers_do_and_exist() {
        let worst = |error, tensor: &str| Worst { error, tensor: tensor.to_owned() };
        let admits = |output, gradient| Tolerance::F64.admits(&Parity { output, gradient });
        assert!(admits(worst(1e-12, "output"), worst(1e-8, "a")));
        assert!(!admits(worst(1e-8, "output"), worst(1e-8, "a")));
        assert!(!admits(worst(1e-12, "output"), worst(1e-6, "a")));
        assert!(!admits(worst(f64::INFINITY, "output"), worst(0.0, "a")));
        assert!(!admits(worst(0.0, "output"), worst(f64::NAN, "a")));
        assert!(!admits(worst(0.0, "output"), worst(0.0, "")));
    }
}
