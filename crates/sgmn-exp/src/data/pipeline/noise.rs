//! Small random changes of a net's numbers.

use sgmn_graph::{Net, Result, Seed, normal};

/// The net with `d r ε` added to every parameter: ε standard normal, d the deviation, r the root mean square of the weights
/// of the parameter's layer, or of its biases. Numbers that are all 0 stay so.
///
/// # Errors
/// If a parameter is no longer finite.
pub(super) fn add_noise(net: &Net, deviation: f64, seed: Seed) -> Result<Net> {
    let spec = net.spec();
    let mut params = net.params().to_vec();
    let mut rng = seed.rng();
    for l in 0..spec.layers().len() {
        for range in [spec.weight_range(l), spec.bias_range(l)] {
            let values = &mut params[range];
            let squares: f64 = values.iter().map(|value| value * value).sum();
            let size = (squares / values.len().max(1) as f64).sqrt();
            values.iter_mut().for_each(|value| *value += deviation * size * normal(&mut rng));
        }
    }
    Net::new(spec.clone(), params)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sgmn_graph::{Activation, NetSpec};

    use super::*;

    #[test]
    fn noise_is_as_large_as_the_layer_says_and_belongs_to_its_seed() {
        let spec = Arc::new(NetSpec::mlp(&[2, 400, 1], Activation::Tanh, 0.0).unwrap());
        let mut params = vec![2.0; spec.n_params()];
        params[spec.weight_range(1)].fill(100.0);
        params[spec.bias_range(1)].fill(0.0);
        let net = Net::new(spec.clone(), params).unwrap();
        let noisy = add_noise(&net, 0.1, Seed::new(1)).unwrap();
        let deviation = |values: &[f64], mean: f64| {
            (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
        };
        for (found, mean) in [(noisy.weight(0), 2.0), (noisy.bias(0), 2.0), (noisy.weight(1), 100.0)] {
            let ratio = deviation(found, mean) / (0.1 * mean);
            assert!((0.85..1.15).contains(&ratio), "{ratio}");
        }
        assert_eq!(noisy.bias(1), [0.0]);
        assert_eq!(noisy, add_noise(&net, 0.1, Seed::new(1)).unwrap());
        assert_ne!(noisy, add_noise(&net, 0.1, Seed::new(2)).unwrap());
        assert_eq!(net, add_noise(&net, 0.0, Seed::new(1)).unwrap());
    }
}
