//! A net: an architecture and its numbers.

use std::sync::Arc;

use crate::{Error, NetSpec, Result};

/// A net whose spec and parameters agree and whose parameters are finite; both are checked once, here.
///
/// Parameters are f64 on the host: every f32 or f16 file is held exactly, and the proofs in f64 need no second type.
#[derive(Debug, Clone, PartialEq)]
pub struct Net {
    spec: Arc<NetSpec>,
    params: Vec<f64>,
}

impl Net {
    /// A net from its spec and its parameters in the order `W_0, b_0, W_1, b_1, …`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of parameters differs from the spec's, [`Error::NotFinite`] if one is NaN or
    /// infinite.
    pub fn new(spec: Arc<NetSpec>, params: Vec<f64>) -> Result<Self> {
        if params.len() != spec.n_params() {
            return Err(Error::shape("parameters", spec.n_params(), params.len()));
        }
        // Without an early end the compiler looks at many numbers at once.
        if !params.iter().fold(true, |finite, value| finite & value.is_finite()) {
            let at = params.iter().position(|value| !value.is_finite()).expect("one was seen just now");
            return Err(not_finite(&spec, at, params[at]));
        }
        Ok(Self { spec, params })
    }

    /// The architecture.
    pub fn spec(&self) -> &Arc<NetSpec> {
        &self.spec
    }

    /// All parameters.
    pub fn params(&self) -> &[f64] {
        &self.params
    }

    /// Layer `l`'s weight, row-major in the shape [`NetSpec::weight_shape`].
    pub fn weight(&self, l: usize) -> &[f64] {
        &self.params[self.spec.weight_range(l)]
    }

    /// Layer `l`'s bias; empty if it has none.
    pub fn bias(&self, l: usize) -> &[f64] {
        &self.params[self.spec.bias_range(l)]
    }
}

/// Names the parameter that holds position `at`.
pub(crate) fn not_finite(spec: &NetSpec, at: usize, value: f64) -> Error {
    for l in 0..spec.layers().len() {
        for (kind, range) in [("weight", spec.weight_range(l)), ("bias", spec.bias_range(l))] {
            if range.contains(&at) {
                return Error::NotFinite {
                    param: format!("layer {l} {kind}"),
                    index: at - range.start,
                    value,
                };
            }
        }
    }
    unreachable!("position {at} lies beyond the {} parameters that were checked before", spec.n_params())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;

    #[test]
    fn a_nan_is_refused_by_name() {
        let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Tanh, 0.0).unwrap());
        let mut params = vec![0.0; spec.n_params()];
        params[spec.bias_range(1).start] = f64::NAN;
        let message = Net::new(spec.clone(), params).unwrap_err().to_string();
        assert_eq!(message, "layer 1 bias: value 0 is NaN, expected a finite number");
        assert!(Net::new(spec, vec![0.0; 3]).unwrap_err().to_string().contains("expected 13, found 3"));
    }
}
