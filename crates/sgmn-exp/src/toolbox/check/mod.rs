//! `sgmn check`: how far a model is from respecting the symmetries of the nets it reads, or a net from having those that
//! are inferred.

mod net;
mod subject;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use sgmn_graph::{Net, Seed, Topology};
use sgmn_nn::models::{Compatibility, ModelConfig, Returns};
use sgmn_symmetry::{ScaleGroup, Sites, Symmetry, check, tolerance};

use self::subject::{Source, Subject};
use super::{Verdict, precision::Precision};
use crate::{
    files::{self, ReadArgs},
    run::device::DeviceArg,
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nets are moved by random elements of the symmetries: other numbers, the same functions. A model's output must stay
(or, if it edits nets, move along). A configuration is checked with random variables, a checkpoint with its own.
Scalings are log-uniform in [1/30, 30]. The nets are random nets of the architectures that the model reads.

Files of nets (.onnx, .pt2, published folders, tensors with --architecture) are checked themselves: what may change in
each is inferred from its graph, random elements act on it, and its answers to random inputs must stay. Then changes
just outside of the group are made, and must be seen.

Examples:
  sgmn check quick-bidirectional --dtype f32
  sgmn check runs/quick/checkpoints/best.safetensors --nets digits.packed
  sgmn check my-experiment.toml --elements 20 --set model.compatibility=published
  sgmn check resnet18.onnx --elements 8
  sgmn check *.onnx --save any-net.md")]
pub(super) struct Args {
    /// Checkpoint, golden file, experiment file (.toml), name of an experiment; or files of nets
    #[arg(value_name = "SUBJECT", required = true)]
    subjects: Vec<String>,
    /// Random elements a net
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    elements: u32,
    /// Number format of the computation
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    dtype: Precision,
    #[command(flatten)]
    device: DeviceArg,
    /// Number of nets
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Take the first nets of this file or folder instead of random ones
    #[arg(long, value_name = "PATH")]
    nets: Option<PathBuf>,
    /// Symmetries to check, in place of those that the model claims
    #[arg(long = "symmetry", value_name = "NAME", value_delimiter = ',')]
    symmetries: Vec<Symmetry>,
    /// Where chance begins
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Override a value of the experiment, such as model.d_hidden=8
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    any_net: net::Args,
}

/// A model whose outputs differ by less than so many tolerances is taken for blind to the nets.
const MOST_BLIND: f64 = 100.0;

/// Measures, and says what was measured.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let seed = Seed::new(args.seed).child("check");
    let any_nets: Vec<&Path> =
        args.subjects.iter().map(Path::new).filter(|path| args.any_net.take(path)).collect();
    if any_nets.len() == args.subjects.len() {
        return net::run(&any_nets, &args.any_net, args.elements, seed, out);
    }
    let [subject] = &args.subjects[..] else {
        bail!("{}: expected one model, or files of nets only, found {:?}", args.subjects[0], args.subjects);
    };
    run_model(args, subject, seed, out)
}

fn run_model(args: &Args, subject_name: &str, seed: Seed, out: &mut impl Write) -> Result<Verdict> {
    let n_nets = args.n as usize;
    let given = match &args.nets {
        Some(path) => {
            Some(files::first_nets(path, &args.read, n_nets)?.into_iter().map(|sample| sample.net).collect())
        }
        None => None,
    };
    let source = Source::find(subject_name, &args.overrides, &args.read)?;
    let subject = Subject::new(source, given, n_nets, args.dtype.dtype(), args.device.open()?, seed)?;
    let claimed = subject.config().blueprint().respected().to_vec();
    let symmetries = match (args.symmetries.as_slice(), claimed.as_slice()) {
        ([], []) => Symmetry::of_group(ScaleGroup::NonZero)
            .into_iter()
            .chain([Symmetry::Sign, Symmetry::Positive])
            .collect(),
        ([], claimed) => claimed.to_vec(),
        (chosen, _) => chosen.to_vec(),
    };

    writeln!(out, "{}", subject.title())?;
    if claimed.is_empty() {
        writeln!(out, "this model claims no symmetry; it is measured nevertheless")?;
    }
    if is_published(subject.config()) {
        writeln!(
            out,
            "published compatibility: the published program is not equivariant in all configurations; this is what it measures"
        )?;
    }
    describe_sites(subject.nets(), &symmetries, out)?;

    let trials = check::Trials::new(seed.child("trials"), &symmetries, args.elements as usize);
    let edits = matches!(subject.config().blueprint().returns(), Returns::PerParam { .. });
    let report = subject.symmetry_error(&trials).with_context(|| subject_name.to_owned())?;

    let tolerance = match args.dtype {
        Precision::F64 => tolerance::MODEL_F64,
        Precision::F32 => tolerance::MODEL_F32,
    };
    let spread = subject.spread()?;
    writeln!(out, "outputs of different nets differ by {spread:.1e}, relative to the largest")?;
    if spread < MOST_BLIND * tolerance {
        writeln!(
            out,
            "note: this model hardly tells these nets apart, so a small error says little; --dtype f64 says more"
        )?;
    }
    writeln!(
        out,
        "{} error in {}: {report}",
        if edits { "equivariance" } else { "invariance" },
        args.dtype.name()
    )?;
    let passed = report.within(tolerance);
    match (passed, report.n_moving) {
        (true, _) => writeln!(out, "pass: within {tolerance:.0e}")?,
        (false, 0) => writeln!(
            out,
            "FAIL: no element changed anything, so nothing was shown; do these nets have these symmetries?"
        )?,
        (false, _) => writeln!(out, "FAIL: above {tolerance:.0e}")?,
    }
    Ok(if passed { Verdict::Pass } else { Verdict::Fail })
}

fn is_published(config: &ModelConfig) -> bool {
    matches!(config, ModelConfig::ScaleGmn(config) if config.compatibility == Compatibility::Published)
}

/// Says for each architecture which symmetries act at which hidden layer, and which the nets have besides.
fn describe_sites(nets: &[Net], symmetries: &[Symmetry], out: &mut impl Write) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    for net in nets {
        let fingerprint = net.spec().fingerprint();
        if seen.contains(&fingerprint) {
            continue;
        }
        seen.push(fingerprint);
        let topology = Topology::new(net.spec().clone())?;
        writeln!(out, "nets of widths {:?}:", topology.widths())?;
        let all = Sites::new(&topology, Symmetry::ALL);
        for (site, all) in Sites::new(&topology, symmetries).layers().iter().zip(all.layers()) {
            let names = |list: &[Symmetry]| {
                list.iter().map(|symmetry| symmetry.name()).collect::<Vec<_>>().join(", ")
            };
            let used = if site.symmetries.is_empty() { "none".to_owned() } else { names(&site.symmetries) };
            let left: Vec<Symmetry> =
                all.symmetries.iter().filter(|one| !site.symmetries.contains(one)).copied().collect();
            let left =
                if left.is_empty() { String::new() } else { format!(" (not checked: {})", names(&left)) };
            writeln!(out, "  hidden layer {}, {} units: {used}{left}", site.layer, site.n_units)?;
        }
    }
    Ok(())
}
