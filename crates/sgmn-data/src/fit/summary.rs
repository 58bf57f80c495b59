//! How well and how fast a population was fitted.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a population turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Nets in the dataset.
    pub n_nets: usize,
    /// Lowest peak signal-to-noise ratio, in decibels.
    pub psnr_db_min: f64,
    /// Median of the peak signal-to-noise ratio, in decibels (the lower middle one of an even number).
    pub psnr_db_median: f64,
    /// Mean peak signal-to-noise ratio, in decibels.
    pub psnr_db_mean: f64,
    /// Highest peak signal-to-noise ratio, in decibels.
    pub psnr_db_max: f64,
    /// Share of nets that reached the recipe's goal, in [0, 1].
    pub share_reached: f64,
    /// Fewest updates of a net.
    pub n_steps_min: u32,
    /// Median number of updates (the lower middle one of an even number).
    pub n_steps_median: u32,
    /// Mean number of updates.
    pub n_steps_mean: f64,
    /// Most updates of a net.
    pub n_steps_max: u32,
    /// Nets fitted by this call; the others were in the journal.
    pub n_fitted_now: usize,
    /// Time of this call, in seconds.
    pub seconds: f64,
}

impl Summary {
    /// The summary of nets given as (PSNR in dB, updates), at least one.
    pub(super) fn new(nets: &[(f64, u32)], goal_psnr_db: f64, n_fitted_now: usize, seconds: f64) -> Self {
        let (mut psnr_db, mut n_steps): (Vec<f64>, Vec<u32>) = nets.iter().copied().unzip();
        psnr_db.sort_by(f64::total_cmp);
        n_steps.sort_unstable();
        let n = nets.len() as f64;
        let (last, middle) = (nets.len() - 1, (nets.len() - 1) / 2);
        Self {
            n_nets: nets.len(),
            psnr_db_min: psnr_db[0],
            psnr_db_median: psnr_db[middle],
            psnr_db_mean: psnr_db.iter().sum::<f64>() / n,
            psnr_db_max: psnr_db[last],
            share_reached: psnr_db.iter().filter(|&&psnr_db| psnr_db >= goal_psnr_db).count() as f64 / n,
            n_steps_min: n_steps[0],
            n_steps_median: n_steps[middle],
            n_steps_mean: n_steps.iter().map(|&n_steps| f64::from(n_steps)).sum::<f64>() / n,
            n_steps_max: n_steps[last],
            n_fitted_now,
            seconds,
        }
    }

    /// Rate of this call, in nets per second; `None` if everything was in the journal.
    pub fn nets_per_second(&self) -> Option<f64> {
        (self.n_fitted_now > 0).then(|| self.n_fitted_now as f64 / self.seconds)
    }

    /// What depends on the request only, as text for a dataset's provenance.
    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        let facts = [
            ("psnr_db_min", self.psnr_db_min.to_string()),
            ("psnr_db_median", self.psnr_db_median.to_string()),
            ("psnr_db_mean", self.psnr_db_mean.to_string()),
            ("psnr_db_max", self.psnr_db_max.to_string()),
            ("share_reached", self.share_reached.to_string()),
            ("n_steps_mean", self.n_steps_mean.to_string()),
        ];
        facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn a_summary_counts_what_it_says() {
        let summary = Summary::new(&[(41.0, 10), (39.0, 30), (40.0, 20), (40.0, 20)], 40.0, 2, 0.5);
        assert_eq!((summary.psnr_db_min, summary.psnr_db_median, summary.psnr_db_max), (39.0, 40.0, 41.0));
        assert_eq!((summary.psnr_db_mean, summary.share_reached), (40.0, 0.75));
        assert_eq!((summary.n_steps_min, summary.n_steps_median, summary.n_steps_max), (10, 20, 30));
        assert_eq!(summary.nets_per_second(), Some(4.0));
    }
}
