//! How long something takes on a device: many calls between two waits, several times, the median.

use std::time::{Duration, Instant};

use anyhow::Result;
use candle_core::Device;

/// How much is timed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Calls before anything is timed: memory is fetched, kernels are loaded.
    pub(super) n_warm_up: usize,
    /// Samples, at least two.
    pub(super) n_rounds: usize,
    /// A sample is as many calls as take so long, or one.
    pub(super) sample: Duration,
    /// After so long no further sample is begun, once there are two.
    pub(super) most: Duration,
}

/// Seconds of one call, the median over samples.
///
/// The device has finished everything before and after each sample, so what it was only told to do is not left out.
///
/// # Errors
/// What a call says.
pub(super) fn median_seconds(
    device: &Device,
    effort: Effort,
    mut call: impl FnMut() -> Result<()>,
) -> Result<f64> {
    let mut calls = |n: usize| -> Result<f64> {
        device.synchronize()?;
        let began = Instant::now();
        for _ in 0..n {
            call()?;
        }
        device.synchronize()?;
        Ok(began.elapsed().as_secs_f64() / n as f64)
    };
    let began = Instant::now();
    calls(effort.n_warm_up.max(1))?;
    let once = calls(1)?;
    let n_calls = (effort.sample.as_secs_f64() / once.max(1e-9)).ceil().clamp(1.0, 1e6) as usize;
    // Not counted either: the clocks of an idle device are low.
    calls(n_calls)?;
    let mut seconds = Vec::new();
    for i in 0..effort.n_rounds.max(2) {
        if i >= 2 && began.elapsed() > effort.most {
            break;
        }
        seconds.push(calls(n_calls)?);
    }
    Ok(median(&mut seconds))
}

/// The middle of some numbers; the lower one of two.
pub(super) fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get((numbers.len().max(1) - 1) / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_and_the_median_is_in_the_middle() {
        let effort =
            Effort { n_warm_up: 3, n_rounds: 5, sample: Duration::ZERO, most: Duration::from_secs(9) };
        let mut n_calls = 0;
        let call = || {
            n_calls += 1;
            Ok(())
        };
        let seconds = median_seconds(&Device::Cpu, effort, call).unwrap();
        assert!(seconds >= 0.0);
        assert_eq!(n_calls, 3 + 1 + 1 + 5);
        let n_rounds = Effort { most: Duration::ZERO, ..effort };
        let mut n_calls = 0;
        let call = || {
            n_calls += 1;
            Ok(())
        };
        median_seconds(&Device::Cpu, n_rounds, call).unwrap();
        assert_eq!(n_calls, 3 + 1 + 1 + 2, "time is up after two samples");
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert!(median(&mut []).is_nan());
    }
}
