//! `sgmn parity`: our models against files of outputs and gradients that another implementation computed.

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use sgmn_nn::{
    golden::{Golden, Parity, Tolerance, Worst},
    ops,
};

use super::{Verdict, precision::Precision};
use crate::run::device::DeviceArg;

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file holds a model's configuration, variables, inputs, outputs and gradients. The model is rebuilt from the file
and run; an error is the largest difference in a tensor over the largest magnitude in that tensor.

Example:
  sgmn parity crates/sgmn-nn/testdata/golden/*.safetensors")]
pub(super) struct Args {
    /// Golden files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Number format of our computation
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    dtype: Precision,
    /// Compose models of candle's own operations, without our kernels
    #[arg(long)]
    plainly: bool,
    #[command(flatten)]
    device: DeviceArg,
}

/// Compares every file; the verdict is a failure if one is above its tolerance or cannot be read.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let tolerance = match args.dtype {
        Precision::F64 => Tolerance::F64,
        Precision::F32 => Tolerance::F32,
    };
    let device = args.device.open()?;
    let names: Vec<String> = args.files.iter().map(|file| name(file)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("file".len());
    let heading = format!("{:<width$}  result   output  gradient  worst gradient, worst output", "file");
    writeln!(out, "{heading}")?;
    let mut all = Summary::default();
    for (file, name) in args.files.iter().zip(&names) {
        let compare = || Golden::read(file)?.compare(args.dtype.dtype(), &device);
        match if args.plainly { ops::plainly(compare) } else { compare() } {
            Ok(parity) => {
                let result = if tolerance.admits(&parity) { "pass" } else { "FAIL" };
                let Parity { output, gradient } = &parity;
                let row =
                    format!("{name:<width$}  {result:<6} {:>8.1e}  {:>8.1e}", output.error, gradient.error);
                let said = |worst: &Worst| {
                    if worst.tensor.is_empty() { "none in the file".to_owned() } else { worst.tensor.clone() }
                };
                writeln!(out, "{row}  {}, {}", said(gradient), said(output))?;
                all.add(&parity, tolerance);
            }
            Err(error) => {
                writeln!(out, "{name:<width$}  ERROR  {error}")?;
                all.n_failed += 1;
            }
        }
        out.flush()?;
    }
    let Summary { n_failed, output, gradient } = all;
    let n_files = args.files.len();
    writeln!(
        out,
        "{} of {n_files} agree in {}: worst output {output:.1e} (tolerance {:.0e}), worst gradient {gradient:.1e} ({:.0e})",
        n_files - n_failed,
        args.dtype.name(),
        tolerance.output,
        tolerance.gradient,
    )?;
    Ok(if n_failed == 0 { Verdict::Pass } else { Verdict::Fail })
}

/// What all files together say.
#[derive(Debug, Default)]
struct Summary {
    n_failed: usize,
    output: f64,
    gradient: f64,
}

impl Summary {
    fn add(&mut self, parity: &Parity, tolerance: Tolerance) {
        self.n_failed += usize::from(!tolerance.admits(parity));
        self.output = self.output.max(parity.output.error);
        self.gradient = self.gradient.max(parity.gradient.error);
    }
}

fn name(file: &std::path::Path) -> String {
    file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
