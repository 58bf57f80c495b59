//! One case: its training step and its inference, timed, counted, and taken apart by kind of operation.

use std::{path::Path, time::Duration};

use anyhow::{Result, anyhow};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use sgmn_nn::{
    ops::{self, Tally, metered},
    testing::{Running, Setting, Stepped, Task, case},
};

use super::{
    super::{
        clock::{Effort, median_seconds},
        facts,
        order::Point,
    },
    earlier, named,
};

/// The best rates that were measured on the device, by number format.
#[derive(Debug, Default)]
pub(super) struct Rates {
    products: Vec<(String, f64)>,
    copy: Option<f64>,
}

impl Rates {
    /// Takes them from the lines of `sgmn measure facts`.
    pub(super) fn read(path: Option<&Path>) -> Result<Self> {
        let mut rates = Self::default();
        for line in earlier(path)?.iter().filter(|line| line["step"] == "facts") {
            match (line["what"].as_str(), line["precision"].as_str()) {
                (Some("product"), Some(precision)) if line["width"] == facts::WIDTH => {
                    let rate = line["flop_per_second"].as_f64();
                    rates.products.extend(rate.map(|rate| (precision.to_owned(), rate)));
                }
                (Some("copy"), _) => {
                    let rate = line["bytes_per_second"].as_f64();
                    rates.copy = rates.copy.into_iter().chain(rate).reduce(f64::max);
                }
                _ => {}
            }
        }
        Ok(rates)
    }

    fn product(&self, precision: &str) -> Option<f64> {
        let of_precision = self.products.iter().filter(|(name, _)| name == precision);
        of_precision.map(|(_, rate)| *rate).reduce(f64::max)
    }
}

/// What a mode of a case came to: its lines, or why it failed.
type Measured = (&'static str, Result<Vec<Value>>);

/// Measures both modes on one model and one batch, each whatever becomes of the other.
pub(super) fn measure(point: &Point, device: &Device, rates: &Rates, left: Duration) -> [Measured; 2] {
    let (mut running, task) = match scoped(point, device, || start(point, device)) {
        Ok(started) => started,
        Err(error) => {
            let same = anyhow!("{error:#}");
            return [("training", Err(error)), ("inference", Err(same))];
        }
    };
    let trained = scoped(point, device, || training(point, device, rates, left / 2, (&mut running, &task)));
    let inferred = scoped(point, device, || inference(point, device, rates, left / 2, (&running, &task)));
    [("training", trained), ("inference", inferred)]
}

/// Runs something in the precision of a case. What failed may have left work behind: the device is idle afterwards.
fn scoped<R>(point: &Point, device: &Device, run: impl FnOnce() -> Result<R>) -> Result<R> {
    let result = point.precision.scope(DType::F32, device, run)?;
    let idle = device.synchronize();
    let result = result?;
    idle?;
    Ok(result)
}

/// Steps before anything is timed.
const N_WARM_UP: usize = 3;
/// A loss that has grown by more than this over the steps that were made is not one of a stable training.
const GROWTH: f64 = 1.2;

/// How long one mode may take: more for a case that is long, as far as there is time.
fn effort(left: Duration) -> Effort {
    let most = left.min(Duration::from_millis(1500));
    Effort { n_warm_up: N_WARM_UP, n_rounds: 5, sample: Duration::from_millis(100), most }
}

fn start(point: &Point, device: &Device) -> Result<(Running, Task)> {
    let case = case(point.config)?;
    let setting = Setting { device: device.clone(), ..Setting::default() };
    Ok((case.running(&setting)?, Task::random(&case.spec, point.batch, &setting)?))
}

fn training(
    point: &Point,
    device: &Device,
    rates: &Rates,
    left: Duration,
    (running, task): (&mut Running, &Task),
) -> Result<Vec<Value>> {
    let loss = |stepped: &Stepped| -> Result<f64> {
        Ok(stepped.loss.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar::<f64>()?)
    };
    let first = running.step(task)?;
    let mut last = first.clone();
    ops::forget_peak_memory(device);
    let seconds = median_seconds(device, effort(left), || {
        last = running.step(task)?;
        Ok(())
    })?;
    let memory = ops::peak_memory(device);
    let (counted, by_kind) = metered(device, false, || running.step(task))?;
    counted?;
    let mut line = line("training", point, seconds, memory, &total(by_kind.values()), rates);
    let losses = [loss(&first)?, loss(&last)?];
    // A norm that is no number has ruined every variable, which the loss would tell a step later.
    let is_finite = last.norm.read().is_ok() && losses.iter().all(|loss| loss.is_finite());
    (line["loss_first"], line["loss_last"]) = (json!(losses[0]), json!(losses[1]));
    line["stable"] = json!(is_finite && losses[1] <= GROWTH * losses[0]);
    let mut lines = vec![line];
    lines.extend(kinds(point, device, seconds, running, task)?);
    Ok(lines)
}

fn inference(
    point: &Point,
    device: &Device,
    rates: &Rates,
    left: Duration,
    (running, task): (&Running, &Task),
) -> Result<Vec<Value>> {
    drop(running.infer(task)?);
    ops::forget_peak_memory(device);
    let seconds = median_seconds(device, effort(left), || Ok(running.infer(task).map(drop)?))?;
    let memory = ops::peak_memory(device);
    let (counted, by_kind) = metered(device, false, || running.infer(task).map(drop))?;
    counted?;
    Ok(vec![line("inference", point, seconds, memory, &total(by_kind.values()), rates)])
}

/// A step taken apart: the device's time for each kind of operation, and `host`, what a step that is not taken apart takes
/// beyond their sum: the device waits for the host so long.
fn kinds(
    point: &Point,
    device: &Device,
    step_seconds: f64,
    running: &mut Running,
    task: &Task,
) -> Result<Vec<Value>> {
    occupy(device)?;
    let (stepped, by_kind) = metered(device, true, || running.step(task))?;
    stepped?;
    let kind = |name: &str, tally: &Tally| {
        let mut line = named(point);
        (line["step"], line["what"], line["kind"]) = (json!("steps"), json!("kind"), json!(name));
        line["seconds"] = json!(tally.seconds);
        (line["launches"], line["bytes"], line["flop"]) =
            (json!(tally.launches), json!(tally.bytes), json!(tally.flop));
        line
    };
    let all = total(by_kind.values());
    if all.launches == 0 {
        return Ok(Vec::new());
    }
    let mut lines: Vec<Value> = by_kind.iter().map(|(which, tally)| kind(which.name(), tally)).collect();
    let host = Tally { seconds: step_seconds - all.seconds, ..Tally::default() };
    lines.push(kind("host", &host));
    Ok(lines)
}

/// Gives a device so much to do that the host is far ahead of it for a step: what is timed then is the device's own time,
/// without the gaps in which it waits for the host.
fn occupy(device: &Device) -> Result<()> {
    /// An H100 multiplies two such matrices in some 20 ms.
    const WIDTH: usize = 8192;
    const N_PRODUCTS: usize = 4;
    if device.is_cuda() {
        let ones = Tensor::ones((WIDTH, WIDTH), DType::F32, device)?;
        for _ in 0..N_PRODUCTS {
            drop(ones.matmul(&ones)?);
        }
    }
    Ok(())
}

/// All kinds together.
fn total<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Tally {
    tallies.fold(Tally::default(), |sum, tally| Tally {
        launches: sum.launches + tally.launches,
        bytes: sum.bytes + tally.bytes,
        flop: sum.flop + tally.flop,
        seconds: sum.seconds + tally.seconds,
    })
}

fn line(
    what: &str,
    point: &Point,
    seconds: f64,
    memory: Option<u64>,
    counted: &Tally,
    rates: &Rates,
) -> Value {
    let mut line = named(point);
    // The passes of the CPU are not counted: nothing is no share of anything.
    let counted = Some(counted).filter(|counted| counted.launches > 0);
    let share = |amount: Option<u64>, rate: Option<f64>| Some(amount? as f64 / seconds / rate?);
    let (flop, bytes) = (counted.map(|counted| counted.flop), counted.map(|counted| counted.bytes));
    (line["step"], line["what"]) = (json!("steps"), json!(what));
    (line["nets_per_second"], line["seconds"]) = (json!(point.batch as f64 / seconds), json!(seconds));
    line["memory_bytes"] = json!(memory);
    (line["flop"], line["bytes"]) = (json!(flop), json!(bytes));
    line["launches"] = json!(counted.map(|counted| counted.launches));
    line["product_share"] = json!(share(flop, rates.product(point.precision.name())));
    line["memory_share"] = json!(share(bytes, rates.copy));
    line
}
