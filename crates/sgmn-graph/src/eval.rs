//! What a net computes, in f64 and without haste: the judge of every symmetry.
//!
//! Nothing here knows of graphs or groups.

use crate::{Error, Net, Result, layers::Signal};

/// Runs a net on one input.
///
/// # Shapes
/// A net that begins with a linear layer takes one value a unit. A net that begins with a convolution takes a square
/// image, channel-major `[C, S, S]`; use [`run_image`] for other sizes. The result is `[n_out]`, or `[n_out, H, W]` if
/// the net ends in a convolution.
///
/// # Errors
/// [`Error::Shape`] if the input does not fit.
pub fn run(net: &Net, input: &[f64]) -> Result<Vec<f64>> {
    let spec = net.spec();
    let channels = spec.widths()[0];
    if !spec.is_convolutional() {
        return run_image(net, input, [1, 1]);
    }
    let side = ((input.len() / channels) as f64).sqrt().round() as usize;
    run_image(net, input, [side, side])
}

/// Runs a net on an image `[C, H, W]`.
///
/// # Errors
/// [`Error::Shape`] if the image does not fit the net.
pub fn run_image(net: &Net, image: &[f64], size: [usize; 2]) -> Result<Vec<f64>> {
    let spec = net.spec();
    let channels = spec.widths()[0];
    let expected = channels * size[0] * size[1];
    if image.len() != expected {
        return Err(Error::shape("input values", expected, image.len()));
    }
    let mut signal = Signal { n_units: channels, size, values: image.to_vec() };
    for (l, layer) in spec.layers().iter().enumerate() {
        let sums = layer.map.apply(net.weight(l), net.bias(l), &signal)?;
        signal = layer.nonlinearity().apply(sums)?;
    }
    // No sum without need: it would turn −0 into 0.
    if spec.output_offset() != 0.0 {
        signal.values.iter_mut().for_each(|value| *value += spec.output_offset());
    }
    Ok(signal.values)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Activation, LayerMap, LayerSpec, NetSpec};

    #[test]
    fn a_sine_net_computes_its_formula() {
        let spec = Arc::new(NetSpec::mlp(&[2, 1, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
        let net = Net::new(spec, vec![0.1, -0.2, 0.05, 2.0, 0.25]).unwrap();
        let expected = 2.0 * (30.0 * (0.1 * 0.3 - 0.2 * 0.7 + 0.05_f64)).sin() + 0.25 + 0.5;
        assert!((run(&net, &[0.3, 0.7]).unwrap()[0] - expected).abs() < 1e-15);
    }

    #[test]
    fn a_convolution_pads_and_strides() {
        let map = LayerMap::Conv { n_in: 1, n_out: 1, kernel: [3, 3], stride: [2, 2], padding: [1, 1] };
        let layer = LayerSpec::new(map, Activation::Identity);
        let spec = Arc::new(NetSpec::new(vec![layer], 0.0).unwrap());
        let net = Net::new(spec, [vec![1.0; 9], vec![0.5]].concat()).unwrap();
        let image: Vec<f64> = (1..=9).map(f64::from).collect();
        // Sums of the 2×2 corners of 1..9, plus the bias.
        assert_eq!(run(&net, &image).unwrap(), [12.5, 16.5, 24.5, 28.5]);
    }

    #[test]
    fn an_input_of_the_wrong_size_is_an_error() {
        let spec = Arc::new(NetSpec::cnn_zoo(&[1, 2, 3], Activation::Relu).unwrap());
        let net = Net::new(spec.clone(), vec![0.1; spec.n_params()]).unwrap();
        assert!(run(&net, &[0.0; 4]).is_err(), "smaller than the kernel");
        assert!(run(&net, &[0.0; 50]).is_err(), "not a square");
        assert_eq!(run(&net, &[0.0; 49]).unwrap().len(), 3);
    }
}
