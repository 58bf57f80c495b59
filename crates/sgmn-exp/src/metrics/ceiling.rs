//! How well could a perfect reader do, when what it is compared with was measured on few images?

use rand_distr::{Binomial, Distribution};
use sgmn_graph::Seed;

use super::kendall_tau;

/// Repetitions whose mean is taken.
const N_DRAWS: u64 = 20;

/// Kendall's τ between accuracies and what a second test of the same classifiers on `n_images` other images would give.
///
/// The accuracy â of each net is taken as its true one, and measured again: Binomial(n, â) / n. A reader who knew the
/// true accuracies would reach about this τ, if errors of different nets on the same images were independent. It is a
/// little too high, since measured accuracies differ by their own noise too.
///
/// Nothing if there is no order among the accuracies, or one is outside of [0, 1].
pub fn tau_ceiling(accuracies: &[f64], n_images: usize, seed: Seed) -> Option<f64> {
    let mut sum = 0.0;
    for draw in 0..N_DRAWS {
        let mut rng = seed.index(draw).rng();
        let again = |accuracy: f64| {
            let hits = Binomial::new(n_images as u64, accuracy).ok()?.sample(&mut rng);
            Some([accuracy, hits as f64 / n_images.max(1) as f64])
        };
        let pairs: Vec<[f64; 2]> = accuracies.iter().copied().map(again).collect::<Option<_>>()?;
        sum += kendall_tau(&pairs)?;
    }
    Some(sum / N_DRAWS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_images_bound_the_order_and_many_do_not() {
        let far: Vec<f64> = (1..10).map(|i| f64::from(i) / 10.0).collect();
        let seed = || Seed::new(0);
        assert_eq!(tau_ceiling(&far, 1_000_000, seed()), Some(1.0));
        let few = tau_ceiling(&far, 20, seed()).unwrap();
        assert!((0.7..0.97).contains(&few), "{few}");
        // Two nets at p ± d, n images each: in order with probability Φ(2d / √(2 p (1 − p) / n)), halved ties aside.
        let near: Vec<f64> = (0..200).map(|i| 0.5 + f64::from(i % 2) * 0.02).collect();
        let tau = tau_ceiling(&near, 10_000, seed()).unwrap();
        assert!(tau > 0.6, "{tau}");
        assert!(tau_ceiling(&near, 100, seed()).unwrap() < 0.4);
        assert_eq!(tau_ceiling(&[0.5, 0.5], 100, seed()), None);
        assert_eq!(tau_ceiling(&[0.5, 1.5], 100, seed()), None);
    }
}
