//! The same numbers from elsewhere: values from the interpreter of `sgmn-graph`, gradients from candle's autograd.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use sgmn_graph::{Activation, Net, NetSpec, eval};
use sgmn_nn::{Error, Result};

use super::Sample;

/// The values of each layer's units, first hidden layer first: what the net computes that is cut off after that layer.
pub(crate) fn activations(net: &Net, input: &[f64]) -> Result<Vec<Vec<f64>>> {
    let spec = net.spec();
    let n_layers = spec.layers().len();
    let of_layer = |l: usize| -> Result<Vec<f64>> {
        let offset = if l + 1 == n_layers { spec.output_offset() } else { 0.0 };
        let cut = Arc::new(NetSpec::new(spec.layers()[..=l].to_vec(), offset)?);
        let params = net.params()[..cut.n_params()].to_vec();
        Ok(eval::run(&Net::new(cut, params)?, input)?)
    };
    (0..n_layers).map(of_layer).collect()
}

/// The derivatives of `½‖y − t‖²` by every parameter, in the order of [`Net::params`].
pub(crate) fn gradients(net: &Net, sample: &Sample) -> Result<Vec<f64>> {
    let spec = net.spec();
    let row = |values: &[f64]| Tensor::from_slice(values, (values.len(), 1), &Device::Cpu);
    let mut params = Vec::new();
    let mut x = row(&sample.input)?;
    for (l, layer) in spec.layers().iter().enumerate() {
        let weight = Tensor::from_slice(net.weight(l), spec.weight_shape(l), &Device::Cpu)?;
        let (weight, bias) = (Var::from_tensor(&weight)?, Var::from_tensor(&row(net.bias(l))?)?);
        let z = (weight.matmul(&x)? + bias.as_tensor())?;
        x = match layer.activation {
            Activation::Tanh => z.tanh()?,
            Activation::Sine { omega } => (z * omega)?.sin()?,
            Activation::Identity => z,
            other => return Err(Error::config("activation", "tanh, sine or identity", format!("{other:?}"))),
        };
        params.extend([weight, bias]);
    }
    let loss = (((x + spec.output_offset())? - row(&sample.target)?)?.sqr()?.sum_all()? * 0.5)?;
    let gradients = loss.backward()?;
    let mut all = Vec::new();
    for var in &params {
        let gradient = gradients.get(var).ok_or_else(|| Error::NoGradient(vec!["a parameter".to_owned()]))?;
        all.extend(gradient.flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(all)
}

/// The largest difference, relative to the largest number that should have come out.
pub(crate) fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len(), "two lists of the same numbers");
    // A maximum would pass over what is no number.
    if found.iter().chain(expected).any(|value| !value.is_finite()) {
        return f64::INFINITY;
    }
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    found.iter().zip(expected).fold(0.0, |worst, (a, b)| worst.max((a - b).abs() / largest))
}
