//! Where a net of the zoo starts: kernels as Keras draws them, biases at zero.

use rand::Rng;
use sgmn_graph::{Seed, normal};

use super::{
    Hyperparameters, WeightInit,
    architecture::{N_ROWS, PLACES, Row},
};

/// Standard deviation of a standard normal number that is drawn again beyond ±2; Keras divides by it.
const TRUNCATED_STD: f64 = 0.879_625_661_034_239_8;
/// Positions of a kernel behind which every output stands; they count in `fan_out`.
const N_TAPS: [usize; 4] = [9, 9, 9, 1];

/// Parameters of an untrained net.
pub(super) fn start(hyperparameters: &Hyperparameters, seed: &Seed) -> Vec<Row> {
    let mut params = vec![Row::ZERO; N_ROWS];
    for (l, place) in PLACES.iter().enumerate() {
        let mut rng = seed.index(l as u64).rng();
        let (n_in, n_out) = (place.kernel().len(), place.n_out);
        let Hyperparameters { w_init, init_std, .. } = *hyperparameters;
        let kernel = kernel(w_init, init_std, [n_in, n_out], N_TAPS[l], &mut rng);
        for (row, values) in params[place.kernel()].iter_mut().zip(kernel.chunks_exact(n_out)) {
            for (to, value) in row.0.iter_mut().zip(values) {
                *to = *value as f32;
            }
        }
        debug_assert_eq!(kernel.len(), n_in * n_out);
    }
    params
}

/// A kernel as a matrix `[n_in, n_out]`; every output stands behind `n_taps` positions of it.
pub(super) fn kernel(
    w_init: WeightInit,
    init_std: f64,
    [n_in, n_out]: [usize; 2],
    n_taps: usize,
    rng: &mut impl Rng,
) -> Vec<f64> {
    let (fan_in, fan_out) = (n_in as f64, (n_taps * n_out) as f64);
    let n = n_in * n_out;
    let mut truncated = |std: f64| (0..n).map(|_| std * truncated(rng)).collect();
    match w_init {
        WeightInit::GlorotNormal => truncated((2.0 / (fan_in + fan_out)).sqrt() / TRUNCATED_STD),
        WeightInit::HeNormal => truncated((2.0 / fan_in).sqrt() / TRUNCATED_STD),
        WeightInit::TruncatedNormal => truncated(init_std),
        WeightInit::RandomNormal => (0..n).map(|_| init_std * normal(rng)).collect(),
        WeightInit::Orthogonal => orthogonal(n_in, n_out, rng),
    }
}

/// A standard normal number within ±2.
fn truncated(rng: &mut impl Rng) -> f64 {
    loop {
        let x = normal(rng);
        if x.abs() <= 2.0 {
            return x;
        }
    }
}

/// A matrix `[n_rows, n_columns]` whose columns, or rows where there are fewer of them, are orthonormal; uniform among
/// these.
fn orthogonal(n_rows: usize, n_columns: usize, rng: &mut impl Rng) -> Vec<f64> {
    let (n_vectors, n) = (n_rows.min(n_columns), n_rows.max(n_columns));
    // Gram and Schmidt: the factor R gets a positive diagonal, which makes Q uniform.
    let mut vectors: Vec<Vec<f64>> = Vec::new();
    while vectors.len() < n_vectors {
        let mut vector: Vec<f64> = (0..n).map(|_| normal(rng)).collect();
        for other in &vectors {
            let dot: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(other).for_each(|(a, b)| *a -= dot * b);
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|a| *a /= norm);
        vectors.push(vector);
    }
    let at = |row: usize, column: usize| {
        if n_columns <= n_rows { vectors[column][row] } else { vectors[row][column] }
    };
    (0..n_rows)
        .flat_map(|row| (0..n_columns).map(move |column| (row, column)))
        .map(|(r, c)| at(r, c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second_kernel(w_init: WeightInit) -> Vec<f64> {
        let hyperparameters =
            Hyperparameters { w_init, init_std: 0.2, ..Hyperparameters::draw(&Seed::new(1)) };
        let params = start(&hyperparameters, &Seed::new(2));
        assert!(PLACES.iter().all(|place| params[place.bias] == Row::ZERO));
        params[PLACES[1].kernel()].iter().flat_map(|row| row.0).map(f64::from).collect()
    }

    #[test]
    fn kernels_have_the_spread_and_the_bounds_of_their_kind() {
        let expected = [
            (WeightInit::GlorotNormal, (2.0f64 / 288.0).sqrt(), 2.0 / TRUNCATED_STD),
            (WeightInit::HeNormal, (2.0f64 / 144.0).sqrt(), 2.0 / TRUNCATED_STD),
            (WeightInit::TruncatedNormal, 0.2 * TRUNCATED_STD, 2.0 / TRUNCATED_STD),
            (WeightInit::RandomNormal, 0.2, 5.0),
        ];
        for (w_init, std, bound) in expected {
            let kernel = second_kernel(w_init);
            let found = (kernel.iter().map(|x| x * x).sum::<f64>() / kernel.len() as f64).sqrt();
            assert!((found / std - 1.0).abs() < 0.06, "{w_init:?}: {found} for {std}");
            let largest = kernel.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
            assert!(
                largest <= bound * std * (1.0 + 1e-6) && largest > 0.9 * 2.0 * std,
                "{w_init:?}: {largest}"
            );
        }
    }

    #[test]
    fn orthogonal_kernels_have_orthonormal_columns_or_rows() {
        for (n_rows, n_columns) in [(144, 16), (9, 16), (16, 10)] {
            let matrix = orthogonal(n_rows, n_columns, &mut Seed::new(4).rng());
            let at = |r: usize, c: usize| matrix[r * n_columns + c];
            let n = n_rows.min(n_columns);
            for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let dot: f64 = if n_columns <= n_rows {
                    (0..n_rows).map(|r| at(r, i) * at(r, j)).sum()
                } else {
                    (0..n_columns).map(|c| at(i, c) * at(j, c)).sum()
                };
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12, "{dot} at {i}, {j}");
            }
        }
    }
}
