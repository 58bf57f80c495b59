//! `sgmn measure steps`: a training step and an inference of the published configurations, at several batch sizes.

mod point;

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use candle_core::{DType, Device};
use serde_json::{Value, json};
use sgmn_nn::{ops::ProductPrecision, testing::PUBLISHED};

use self::point::Rates;
use super::{
    super::{Verdict, one_line, results},
    Place, facts,
    order::{Point, points},
    precision,
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Published batch sizes in f32 and tf32 are measured first: what --seconds cuts is what matters least.
A case that fails, for want of memory too, is a line, and the next goes on.
Shares are of the best rates that `sgmn measure facts` wrote into the same file.")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Configurations [default: mnist,mnist-bidirectional,cnn-zoo-relu,editing]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    configs: Option<Vec<String>>,
    /// Nets in a step
    #[arg(long, value_name = "SIZES", value_delimiter = ',', default_value = "32,64,128,256,512")]
    batches: Vec<usize>,
    /// Number formats of products [default: those that the device has]
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', value_parser = precision)]
    precisions: Option<Vec<ProductPrecision>>,
    /// After so many seconds no further case is begun
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0)]
    seconds: f64,
}

/// Measures case after case and says what came out.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let began = Instant::now();
    anyhow::ensure!(
        args.seconds >= 0.0 && args.seconds.is_finite(),
        "--seconds: expected 0 or more, found {}",
        args.seconds
    );
    anyhow::ensure!(
        args.batches.iter().all(|n| (1..=1 << 16).contains(n)),
        "--batches: expected 1 to 65536 nets"
    );
    let device = args.place.device.open()?;
    let configs = args.configs.clone().unwrap_or_else(|| PUBLISHED.map(str::to_owned).to_vec());
    let precisions = args.precisions.clone().unwrap_or_else(|| of_device(&device));
    let points = points(&configs, &args.batches, &precisions)?;
    let mut results = args.place.results()?;
    let rates = Rates::read(args.place.json.as_deref())?;
    facts::note_faults(&device);
    heading(out)?;
    let mut n_failed = 0;
    for (i, point) in points.iter().enumerate() {
        let left = args.seconds - began.elapsed().as_secs_f64();
        if i > 0 && left <= 0.0 {
            let n_left = points.len() - i;
            writeln!(out, "{n_left} cases were not measured for want of time")?;
            results
                .write(&json!({"step": "steps", "what": "left_out", "n": n_left, "first": named(point)}))?;
            break;
        }
        for (mode, result) in point::measure(point, &device, &rates, Duration::from_secs_f64(left.max(0.1))) {
            let lines = match result {
                Ok(lines) => lines,
                Err(error) => {
                    n_failed += 1;
                    let mut line = named(point);
                    (line["step"], line["what"]) = (json!("steps"), json!("failed"));
                    (line["mode"], line["error"]) = (json!(mode), json!(one_line(&error)));
                    vec![line]
                }
            };
            for line in lines {
                results.write(&line)?;
                row(&line, out)?;
            }
            out.flush()?;
        }
    }
    if n_failed > 0 {
        writeln!(out, "{n_failed} failed")?;
    }
    Ok(Verdict::Pass)
}

/// The formats that a device has.
fn of_device(device: &Device) -> Vec<ProductPrecision> {
    let known = [ProductPrecision::F32, ProductPrecision::Tf32, ProductPrecision::Bf16];
    known.into_iter().filter(|precision| precision.check(DType::F32, device.is_cuda()).is_ok()).collect()
}

/// What a case is.
fn named(point: &Point) -> Value {
    json!({"config": point.config, "batch": point.batch, "precision": point.precision.name()})
}

fn heading(out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:<20} {:>5} {:<5} {:<9} {:>9} {:>9} {:>8} {:>8} {:>9} {:>8}",
        "configuration", "batch", "in", "what", "nets/s", "ms", "GiB", "launches", "of product", "of memory"
    )
}

/// A line of the table; kinds of operations stand below their step.
fn row(line: &Value, out: &mut impl Write) -> std::io::Result<()> {
    let number = |key: &str, factor: f64, digits: usize| {
        line[key].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{:.digits$}", factor * value))
    };
    let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
    let milliseconds = number("seconds", 1e3, 3);
    match line["what"].as_str() {
        Some("kind") => {
            writeln!(
                out,
                "{:>45} {:>15} ms {:>12} launches",
                text("kind"),
                milliseconds,
                number("launches", 1.0, 0)
            )
        }
        Some("failed") => writeln!(
            out,
            "{:<20} {:>5} {:<5} {:<9} {}",
            text("config"),
            line["batch"],
            text("precision"),
            text("mode"),
            text("error")
        ),
        _ => {
            let unstable = if line["stable"] == false { " unstable" } else { "" };
            writeln!(
                out,
                "{:<20} {:>5} {:<5} {:<9} {:>9} {milliseconds:>9} {:>8} {:>8} {:>8} % {:>7} %{unstable}",
                text("config"),
                line["batch"],
                text("precision"),
                text("what"),
                number("nets_per_second", 1.0, 0),
                number("memory_bytes", 1.0 / f64::from(1 << 30), 2),
                number("launches", 1.0, 0),
                number("product_share", 100.0, 1),
                number("memory_share", 100.0, 1),
            )
        }
    }
}

/// Lines that other measurements left in the file, if there is one.
fn earlier(path: Option<&Path>) -> Result<Vec<Value>> {
    path.filter(|path| path.exists()).map_or_else(|| Ok(Vec::new()), results::read)
}
