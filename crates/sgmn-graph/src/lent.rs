//! A net whose numbers lie elsewhere in single precision, such as in a mapped file.

use std::sync::Arc;

use crate::{Error, NetSpec, Result, net::not_finite};

/// A net whose spec and parameters agree and whose parameters are finite, as in [`Net`](crate::Net), but not copied.
///
/// It can be collated ([`Batch::from_lent`](crate::Batch::from_lent)) and nothing else: whoever looks at the numbers
/// or changes them takes a [`Net`](crate::Net).
#[derive(Debug, Clone, Copy)]
pub struct LentNet<'a> {
    spec: &'a Arc<NetSpec>,
    params: &'a [f32],
}

impl<'a> LentNet<'a> {
    /// A net from its spec and its parameters in the order `W_0, b_0, W_1, b_1, …`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of parameters differs from the spec's, [`Error::NotFinite`] if one is NaN or
    /// infinite.
    pub fn new(spec: &'a Arc<NetSpec>, params: &'a [f32]) -> Result<Self> {
        if params.len() != spec.n_params() {
            return Err(Error::shape("parameters", spec.n_params(), params.len()));
        }
        // Without an early end the compiler looks at many numbers at once.
        if !params.iter().fold(true, |finite, value| finite & value.is_finite()) {
            let at = params.iter().position(|value| !value.is_finite()).expect("one was seen just now");
            return Err(not_finite(spec, at, params[at].into()));
        }
        Ok(Self { spec, params })
    }

    /// The architecture.
    pub fn spec(&self) -> &'a Arc<NetSpec> {
        self.spec
    }

    /// Layer `l`'s weight, row-major in the shape [`NetSpec::weight_shape`].
    pub fn weight(&self, l: usize) -> &'a [f32] {
        &self.params[self.spec.weight_range(l)]
    }

    /// Layer `l`'s bias; empty if it has none.
    pub fn bias(&self, l: usize) -> &'a [f32] {
        &self.params[self.spec.bias_range(l)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;

    #[test]
    fn an_infinity_is_refused_by_name_and_so_is_a_wrong_length() {
        let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Tanh, 0.0).unwrap());
        let mut params = vec![0.0f32; spec.n_params()];
        assert!(LentNet::new(&spec, &params).is_ok());
        params[spec.bias_range(0).start + 1] = f32::INFINITY;
        let message = LentNet::new(&spec, &params).unwrap_err().to_string();
        assert_eq!(message, "layer 0 bias: value 1 is inf, expected a finite number");
        assert!(LentNet::new(&spec, &params[1..]).unwrap_err().to_string().contains("expected 13, found 12"));
    }
}
