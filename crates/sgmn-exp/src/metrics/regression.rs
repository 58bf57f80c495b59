//! How far predicted numbers are from true ones.

/// Coefficient of determination of pairs `[predicted, true]`: `R² = 1 − Σ (true − predicted)² / Σ (true − mean true)²`.
///
/// 1 for perfect predictions, 0 for the mean of the true values, below 0 for worse ones; nothing if all true values
/// are equal, or there are none.
pub fn r_squared(pairs: &[[f64; 2]]) -> Option<f64> {
    let mean = pairs.iter().map(|[_, truth]| truth).sum::<f64>() / pairs.len() as f64;
    let residual: f64 = pairs.iter().map(|[predicted, truth]| (truth - predicted).powi(2)).sum();
    let total: f64 = pairs.iter().map(|[_, truth]| (truth - mean).powi(2)).sum();
    let varies = pairs.iter().any(|[_, truth]| *truth != pairs[0][1]);
    varies.then(|| 1.0 - residual / total)
}

/// Mean absolute error of pairs `[predicted, true]`: `Σ |true − predicted| / n`, in their unit; nothing for none.
pub fn mean_absolute_error(pairs: &[[f64; 2]]) -> Option<f64> {
    let total: f64 = pairs.iter().map(|[predicted, truth]| (truth - predicted).abs()).sum();
    (!pairs.is_empty()).then(|| total / pairs.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_measured_against_the_mean_of_the_truth() {
        let truth = [1.0, 2.0, 6.0];
        let with = |predicted: [f64; 3]| -> Vec<[f64; 2]> {
            predicted.into_iter().zip(truth).map(|(predicted, truth)| [predicted, truth]).collect()
        };
        assert_eq!(r_squared(&with(truth)), Some(1.0));
        assert_eq!(r_squared(&with([3.0; 3])), Some(0.0));
        // Residuals 0, 1 and 1 against a total of 4 + 1 + 9.
        assert_eq!(r_squared(&with([1.0, 3.0, 5.0])), Some(1.0 - 2.0 / 14.0));
        assert!(r_squared(&with([6.0, 2.0, 1.0])).unwrap() < 0.0);
        assert_eq!(mean_absolute_error(&with([1.0, 3.0, 4.0])), Some(1.0));
    }

    #[test]
    fn nothing_is_explained_where_nothing_varies() {
        assert_eq!(r_squared(&[]), None);
        assert_eq!(r_squared(&[[0.3, 0.1], [0.2, 0.1], [0.1, 0.1]]), None);
        assert_eq!(mean_absolute_error(&[]), None);
    }
}
