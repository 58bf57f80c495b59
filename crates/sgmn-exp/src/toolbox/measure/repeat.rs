//! `sgmn measure repeat`: whether one seed gives the same bits twice, and whether a run that was stopped ends with them.

use std::{collections::BTreeMap, io::Write, path::Path, sync::atomic::AtomicBool};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use sgmn_nn::{checkpoint::Checkpoint, ops::ProductPrecision};

use super::{super::Verdict, Place, precision};
use crate::{
    config::{Experiment, ExperimentFile},
    data::datasets,
    run::{
        device,
        folder::{RunFacts, RunFolder},
        train::{self, Outcome},
    },
    show::MachineFacts,
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A small model is trained on a few digits that come with the program, in a folder that goes away.
Exit status 1 if bits differ.")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Digits to train on
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(10..=2000))]
    nets: u32,
    /// Width of the model
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1024))]
    width: u32,
    /// Updates of the net of each digit
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    fit_steps: u32,
    /// Number formats of products
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', default_value = "f32", value_parser = precision)]
    precisions: Vec<ProductPrecision>,
}

/// Nets in a step; two epochs of at least two steps.
const BATCH: u64 = 16;
const N_EPOCHS: u64 = 2;
/// Times that a run is stopped and continued: once from its beginning, once from a checkpoint.
const N_STOPS: u64 = 2;

/// Trains three times and compares.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    // Before digits are fitted; training opens the device again.
    let device = args.place.device.open()?;
    for precision in &args.precisions {
        precision.check(DType::F32, device.is_cuda()).context("--precisions")?;
    }
    let mut results = args.place.results()?;
    let folder = tempfile::tempdir().context("a folder for the runs")?;
    let mut verdict = Verdict::Pass;
    for precision in &args.precisions {
        let word = precision.name();
        let experiment = experiment(args, word)?;
        let path = |name: &str| folder.path().join(format!("{word}-{name}"));
        let n_steps = straight(&experiment, folder.path(), &path("first"))?;
        let compare = |what: &str, name: &str| -> Result<(Value, Option<String>)> {
            let difference = difference(&path("first"), &path(name))?;
            let (first, largest) = difference.clone().map_or((None, 0.0), |(name, size)| (Some(name), size));
            let line = json!({"step": "repeat", "what": what, "precision": word, "same_bits": first.is_none(),
                "n_steps": n_steps, "first_difference": first, "largest_difference": largest});
            let said = difference.map(|(name, size)| format!("{name} first, at most {size:.1e}"));
            Ok((line, said))
        };
        for what in ["same-seed", "resume"] {
            match what {
                "same-seed" => drop(straight(&experiment, folder.path(), &path(what))?),
                _ => stopped(&experiment, folder.path(), &path(what), N_STOPS.min(n_steps / 2))?,
            }
            let (line, differs) = compare(what, what)?;
            results.write(&line)?;
            let said = differs.map_or("the same bits".to_owned(), |said| format!("differs: {said}"));
            writeln!(out, "{word:<5} {what:<10} {n_steps} steps: {said}")?;
            if line["same_bits"] != true {
                verdict = Verdict::Fail;
            }
        }
    }
    Ok(verdict)
}

/// `quick`, smaller, with chance in its layers.
fn experiment(args: &Args, precision: &str) -> Result<Experiment> {
    let mut file = ExperimentFile::parse("repeat", "inherits = \"quick\"")?;
    let (nets, width) = (args.nets, args.width);
    let assignments = [
        format!("data.n_train={nets}"),
        "data.n_val=10".to_owned(),
        "data.n_test=10".to_owned(),
        format!("data.recipe.max_steps={}", args.fit_steps),
        format!("model.d_hidden={width}"),
        format!("model.d_mlp=[{width}]"),
        format!("model.output.d_rho={width}"),
        "model.dropout=0.2".to_owned(),
        format!("train.batch_size={}", BATCH.min(u64::from(nets) / 2)),
        format!("train.epochs={N_EPOCHS}"),
        "train.warmup_steps=2".to_owned(),
        format!("train.precision={precision}"),
        format!("train.device={}", args.place.device.kind().name()),
    ];
    for assignment in &assignments {
        file.set(assignment)?;
    }
    file.resolve()
}

/// A run from beginning to end; returns its steps.
fn straight(experiment: &Experiment, data: &Path, path: &Path) -> Result<u64> {
    match call(experiment, data, path, false)? {
        Outcome::Finished(summary) => Ok(summary.n_steps),
        Outcome::Interrupted => bail!("expected a run that ends, found one that was stopped"),
    }
}

/// A run that is stopped after each of its first steps, read again from its checkpoint each time, and then left alone.
fn stopped(experiment: &Experiment, data: &Path, path: &Path, n_stops: u64) -> Result<()> {
    for _ in 0..n_stops {
        if let Outcome::Finished(_) = call(experiment, data, path, true)? {
            bail!("expected a run that stops, found one that ended");
        }
    }
    straight(experiment, data, path).map(drop)
}

fn call(experiment: &Experiment, data: &Path, path: &Path, stop: bool) -> Result<Outcome> {
    let material = datasets::material(experiment, data, &AtomicBool::new(false))?;
    let folder = RunFolder::open(path).or_else(|_| {
        let facts = RunFacts {
            experiment: experiment.hash(),
            commit: None,
            command: Vec::new(),
            machine: MachineFacts::read(),
        };
        RunFolder::create(path, experiment, &facts)
    })?;
    let device = device::open(experiment.train().device).context("train.device")?;
    train::run(experiment, material, &folder, &device, &AtomicBool::new(stop))
}

/// The first tensor by name that differs between the last checkpoints of two runs, the optimizer's too, and the largest
/// difference of any number.
fn difference(a: &Path, b: &Path) -> Result<Option<(String, f64)>> {
    let read = |path: &Path| -> Result<BTreeMap<String, Tensor>> {
        let path = RunFolder::open(path)?.last_checkpoint();
        let Checkpoint { vars, optimizer, .. } = Checkpoint::read(&path, &Device::Cpu)?;
        let optimizer = optimizer.into_iter().map(|(name, tensor)| (format!("optimizer.{name}"), tensor));
        Ok(vars.into_iter().chain(optimizer).collect())
    };
    first_difference(&read(a)?, &read(b)?)
}

fn first_difference(
    a: &BTreeMap<String, Tensor>,
    b: &BTreeMap<String, Tensor>,
) -> Result<Option<(String, f64)>> {
    let mut found: Option<(String, f64)> = None;
    for (name, a) in a {
        let b = b.get(name).with_context(|| format!("{name}: expected in both runs, found in one"))?;
        let values = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        let (a, b) = (values(a)?, values(b)?);
        if a.len() != b.len() {
            bail!("{name}: expected {} numbers, found {}", a.len(), b.len());
        }
        // Bits, so that NaN equals itself and the zeros of both signs differ.
        for (a, b) in a.iter().zip(&b).filter(|(a, b)| a.to_bits() != b.to_bits()) {
            let (_, largest) = found.get_or_insert_with(|| (name.clone(), 0.0));
            let size = (a - b).abs();
            *largest = if size.is_nan() { f64::INFINITY } else { largest.max(size) };
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_bit_is_found_by_name() {
        let tensors = |values: [[f32; 2]; 2]| -> BTreeMap<String, Tensor> {
            let named = ["a", "b"].into_iter().zip(values);
            named.map(|(name, v)| (name.to_owned(), Tensor::new(&v, &Device::Cpu).unwrap())).collect()
        };
        let one = tensors([[1.0, 2.0], [3.0, f32::NAN]]);
        assert_eq!(first_difference(&one, &one).unwrap(), None);
        let other = tensors([[1.0, 2.0], [3.0000002, f32::NAN]]);
        let (name, size) = first_difference(&one, &other).unwrap().unwrap();
        assert!(name == "b" && (2e-7..3e-7).contains(&size), "{name} {size}");
        let zeros = [tensors([[0.0, 1.0], [1.0, 1.0]]), tensors([[-0.0, 1.0], [1.0, 1.0]])];
        assert_eq!(first_difference(&zeros[0], &zeros[1]).unwrap(), Some(("a".to_owned(), 0.0)));
    }
}
