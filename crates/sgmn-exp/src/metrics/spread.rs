//! Spread: mean and standard deviation of one number over several seeds.

/// Mean and sample standard deviation `√(Σ (x − mean)² / (n − 1))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Mean of the values.
    pub mean: f64,
    /// Sample standard deviation; nothing for a single value.
    pub std: Option<f64>,
}

impl Spread {
    /// Spread of the values, or nothing if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        match values.len() {
            0 => None,
            1 => Some(Self { mean, std: None }),
            _ => Some(Self { mean, std: Some((squares / (n - 1.0)).sqrt()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_no_deviation() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[2.0]), Some(Spread { mean: 2.0, std: None }));
        assert_eq!(Spread::of(&[1.0, 3.0]), Some(Spread { mean: 2.0, std: Some(2f64.sqrt()) }));
    }
}
