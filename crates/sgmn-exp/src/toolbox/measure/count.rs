//! `sgmn measure count`: what a device would have to do for a step, counted without one.

use std::{collections::BTreeMap, io::Write};

use anyhow::{Result, ensure};
use candle_core::Device;
use serde_json::json;
use sgmn_nn::{
    ops::{self, Kind, Tally, metered},
    testing::{PUBLISHED, Running, Setting, Task, case},
};

use super::{super::Verdict, super::results::Results};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The step is run on the CPU, operation by operation as on a device, and its operands are added up: launches, bytes read
and written once each, and floating-point operations of products. The time is an estimate: the larger of what bytes
and launches take at the given rates, as the host and the device work side by side.

Example:
  sgmn measure count --configs mnist --batches 128")]
pub(super) struct Args {
    /// Configurations [default: mnist,mnist-bidirectional,cnn-zoo-relu,editing]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    configs: Option<Vec<String>>,
    /// Nets in a step
    #[arg(long, value_name = "SIZES", value_delimiter = ',', default_value = "8")]
    batches: Vec<usize>,
    /// Bytes that the device's memory moves in a second
    #[arg(long, value_name = "RATE", default_value_t = 3e12)]
    bytes_per_second: f64,
    /// Seconds that a launch takes the host
    #[arg(long, value_name = "SECONDS", default_value_t = 5e-6)]
    seconds_per_launch: f64,
    /// File that results are added to, a line of JSON each
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
}

/// Counts case after case.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    ensure!(args.batches.iter().all(|n| (1..=1 << 12).contains(n)), "--batches: expected 1 to 4096 nets");
    let rates = [args.bytes_per_second, 1.0 / args.seconds_per_launch];
    ensure!(rates.iter().all(|rate| *rate > 0.0), "rates: expected numbers above 0, found {rates:?}");
    let configs = args.configs.clone().unwrap_or_else(|| PUBLISHED.map(str::to_owned).to_vec());
    let mut results = Results::open(args.json.as_deref())?;
    for config in &configs {
        let case = case(config)?;
        for &batch in &args.batches {
            let setting = Setting::default();
            let mut running: Running = case.running(&setting)?;
            let task = Task::random(&case.spec, batch, &setting)?;
            let step = || ops::step_by_step(|| running.step(&task).map(drop));
            let (counted, by_kind) = metered(&Device::Cpu, false, step)?;
            counted?;
            writeln!(out, "{config}, a training step on {batch} nets:")?;
            table(&by_kind, out)?;
            let all = total(&by_kind);
            let launches = all.launches;
            let (moving, launching) =
                (all.bytes as f64 / args.bytes_per_second, launches as f64 * args.seconds_per_launch);
            let seconds = moving.max(launching);
            writeln!(
                out,
                "estimate: {:.1} ms for the bytes, {:.1} ms for {launches} launches, so {:.0} nets/s",
                1e3 * moving,
                1e3 * launching,
                batch as f64 / seconds
            )?;
            results.write(&json!({
                "step": "count", "what": "training", "config": config, "batch": batch, "launches": launches,
                "bytes": all.bytes, "flop": all.flop, "estimated_seconds": seconds,
            }))?;
        }
    }
    Ok(Verdict::Pass)
}

fn table(by_kind: &BTreeMap<Kind, Tally>, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "  {:<16} {:>8} {:>10} {:>10}", "kind", "launches", "GB", "GFLOP")?;
    for (kind, tally) in Kind::ALL.into_iter().filter_map(|kind| Some((kind, by_kind.get(&kind)?))) {
        let Tally { launches, bytes, flop, .. } = tally;
        let (bytes, flop) = (*bytes as f64 / 1e9, *flop as f64 / 1e9);
        writeln!(out, "  {:<16} {launches:>8} {bytes:>10.3} {flop:>10.1}", kind.name())?;
    }
    Ok(())
}

fn total(by_kind: &BTreeMap<Kind, Tally>) -> Tally {
    let mut all = Tally::default();
    for tally in by_kind.values() {
        all.launches += tally.launches;
        all.bytes += tally.bytes;
        all.flop += tally.flop;
    }
    all
}
