//! `sgmn measure facts`: the device, the rate of its matrix products at the models' shapes, the rate of its memory.

use std::{io::Write, time::Duration};

use anyhow::{Result, bail};
use candle_core::{DType, Device, Tensor};
use serde_json::json;
use sgmn_graph::{Seed, normal};
use sgmn_nn::ops::{self, ProductPrecision};

use super::{
    super::{Verdict, results::Results},
    Place,
    clock::{Effort, median_seconds},
};
use crate::run::device::DeviceFacts;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Rows of the smallest product; the others have 2, 4, 8 and 16 times as many
    #[arg(long, value_name = "N", default_value_t = 16384, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
    /// Memory that the copied tensor takes, in MiB; larger than any cache
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..65536))]
    copy_mib: u32,
}

/// Width of the published models, and so of both factors.
pub(super) const WIDTH: usize = 128;

const EFFORT: Effort =
    Effort { n_warm_up: 3, n_rounds: 7, sample: Duration::from_millis(40), most: Duration::from_secs(2) };

/// Measures and says.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let device = args.place.device.open()?;
    let mut results = args.place.results()?;
    let facts = DeviceFacts::of(&device);
    let mut line = serde_json::to_value(&facts)?;
    (line["step"], line["what"]) = (json!("facts"), json!("device"));
    results.write(&line)?;
    for (name, value) in facts.rows() {
        writeln!(out, "{name:<20} {value}")?;
    }
    // As a training would find it: its memory stays with the process.
    note_faults(&device);
    writeln!(out, "\n{:<9} {:>9}  {:>10}", "product", "rows", "TFLOP/s")?;
    for precision in [ProductPrecision::F32, ProductPrecision::Tf32, ProductPrecision::Bf16] {
        if let Some(why) = lacks(precision, &device) {
            writeln!(out, "{:<9} not measured: {why}", precision.name())?;
            continue;
        }
        for multiple in [1, 2, 4, 8, 16] {
            let rows = args.rows as usize * multiple;
            match product(precision, rows, &device) {
                Ok(rate) => {
                    writeln!(out, "{:<9} {rows:>9}  {:>10.3}", precision.name(), rate / 1e12)?;
                    results
                        .write(&json!({"step": "facts", "what": "product", "precision": precision.name(),
                        "rows": rows, "width": WIDTH, "flop_per_second": rate}))?;
                }
                Err(error) => failed(&mut results, out, &format!("{} {rows}", precision.name()), &error)?,
            }
        }
    }
    match copy(args.copy_mib as usize, &device) {
        Ok((bytes, rate)) => {
            writeln!(out, "\ncopy of {} MiB: {:.1} GB/s, read and written", args.copy_mib, rate / 1e9)?;
            results
                .write(&json!({"step": "facts", "what": "copy", "bytes": bytes, "bytes_per_second": rate}))?;
        }
        Err(error) => failed(&mut results, out, "copy", &error)?,
    }
    Ok(Verdict::Pass)
}

/// Says what could not be measured; the rest is.
fn failed(results: &mut Results, out: &mut impl Write, what: &str, error: &anyhow::Error) -> Result<()> {
    let said = super::super::one_line(error);
    writeln!(out, "{what}: {said}")?;
    results.write(&json!({"step": "facts", "what": "failed", "of": what, "error": said}))
}

/// Why a device has no products of a precision.
fn lacks(precision: ProductPrecision, device: &Device) -> Option<String> {
    match (precision, device) {
        (ProductPrecision::Bf16, Device::Cpu) => {
            Some("the CPU has none, it rounds factors of f32".to_owned())
        }
        _ => precision.check(DType::F32, device.is_cuda()).err().map(|error| error.to_string()),
    }
}

/// Floating-point operations in a second of `[rows, 128] × [128, 128]`; in bf16 of factors that are bf16 already.
fn product(precision: ProductPrecision, rows: usize, device: &Device) -> Result<f64> {
    let dtype = if precision == ProductPrecision::Bf16 { DType::BF16 } else { DType::F32 };
    let x = numbers(rows, device)?.to_dtype(dtype)?;
    let w = numbers(WIDTH, device)?.to_dtype(dtype)?;
    let seconds = precision.scope(DType::F32, device, || {
        median_seconds(device, EFFORT, || Ok(x.matmul(&w.t()?).map(drop)?))
    })??;
    Ok((2 * rows * WIDTH * WIDTH) as f64 / seconds)
}

/// Bytes read and written by a copy, and how many of them in a second.
fn copy(mib: usize, device: &Device) -> Result<(usize, f64)> {
    let n_bytes = mib << 20;
    let tensor = Tensor::zeros(n_bytes / 4, DType::F32, device)?;
    let seconds = median_seconds(device, EFFORT, || Ok(tensor.copy().map(drop)?))?;
    if seconds <= 0.0 {
        bail!("expected a copy that takes time, found {seconds} s");
    }
    Ok((2 * n_bytes, (2 * n_bytes) as f64 / seconds))
}

/// Normal numbers, some rows of them repeated: what they are does not matter, that they are no zeros does.
fn numbers(rows: usize, device: &Device) -> Result<Tensor> {
    const N_DIFFERENT: usize = 1 << 10;
    let mut rng = Seed::new(1).rng();
    let different: Vec<f32> =
        (0..N_DIFFERENT.min(rows) * WIDTH).map(|_| normal(&mut rng) as f32 * 0.1).collect();
    let values: Vec<f32> = different.iter().copied().cycle().take(rows * WIDTH).collect();
    Ok(Tensor::from_vec(values, (rows, WIDTH), device)?)
}

/// Why kernels of this build are not used on a device, for the standard error.
pub(super) fn note_faults(device: &Device) {
    for fault in ops::faults(device) {
        eprintln!("note: {fault}");
    }
}
