//! In which order steps are measured: what the published experiments do comes first, so that a time limit cuts the rest.

use anyhow::{Result, bail};
use sgmn_nn::{ops::ProductPrecision, testing::PUBLISHED};

use crate::config::ExperimentFile;

/// What is measured at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// One of [`PUBLISHED`].
    pub(super) config: &'static str,
    /// Nets in a step.
    pub(super) batch: usize,
    /// Number format of products.
    pub(super) precision: ProductPrecision,
}

/// The published experiment of a configuration.
const EXPERIMENTS: [(&str, &str); 4] = [
    ("mnist", "mnist"),
    ("mnist-bidirectional", "mnist-bidirectional"),
    ("cnn-zoo-relu", "cifar10-gs-relu"),
    ("editing", "mnist-editing"),
];

/// All points: published batch sizes in f32 and tf32, then in bf16, then the other sizes in the same order.
///
/// # Errors
/// If a configuration is not one of the published ones.
pub(super) fn points(
    configs: &[String],
    batches: &[usize],
    precisions: &[ProductPrecision],
) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for name in configs {
        let Some(config) = PUBLISHED.into_iter().find(|known| known == name) else {
            bail!("--configs: expected some of {}, found {name}", PUBLISHED.join(", "));
        };
        let published = published_batch(config)?;
        for &batch in batches {
            for &precision in precisions {
                let rank = (batch != published, precision == ProductPrecision::Bf16);
                points.push((rank, Point { config, batch, precision }));
            }
        }
    }
    // Stable: within a rank the order is that of the options.
    points.sort_by_key(|(rank, _)| *rank);
    Ok(points.into_iter().map(|(_, point)| point).collect())
}

/// Nets in a step of the published experiment.
fn published_batch(config: &str) -> Result<usize> {
    let experiment = EXPERIMENTS.iter().find(|(name, _)| *name == config).map_or(config, |(_, name)| name);
    Ok(ExperimentFile::open(experiment)?.resolve()?.train().batch_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_batches_come_first_and_bf16_after_the_rest() {
        use ProductPrecision::{Bf16, F32, Tf32};
        let configs = PUBLISHED.map(str::to_owned);
        let points = points(&configs, &[32, 64, 128], &[F32, Tf32, Bf16]).unwrap();
        assert_eq!(points.len(), 4 * 3 * 3);
        let first = |i: usize| (points[i].config, points[i].batch, points[i].precision);
        assert_eq!([first(0), first(1)], [("mnist", 128, F32), ("mnist", 128, Tf32)]);
        let n_published = points.iter().position(|point| point.precision == Bf16).unwrap();
        assert_eq!(n_published, 4 * 2, "every published experiment has a batch size among these");
        assert!(points[8..12].iter().all(|point| point.precision == Bf16));
        assert_eq!(first(12), ("mnist", 32, F32));
    }

    #[test]
    fn an_unknown_configuration_is_refused_with_the_known_ones() {
        let message = points(&["mnist-2".to_owned()], &[1], &[]).unwrap_err().to_string();
        assert!(message.contains("expected some of mnist, mnist-bidirectional, "), "{message}");
    }
}
