//! `sgmn import-checkpoint`: a published PyTorch checkpoint of ScaleGMN to one of ours, outputs unchanged.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use sgmn_data::{
    containers::{self, ElementType, Tree},
    formats::FormatKind,
    nets::{self, Inside},
};
use sgmn_nn::checkpoint::{Checkpoint, Published};

use super::Verdict;
use crate::{
    data::architectures,
    files::{self, ReadArgs, refuse_existing},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The configuration is the published YAML file as JSON; its part `scalegmn_args` describes the model:
  python3 -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' < mnist_cls.yml > mnist_cls.json

Examples:
  sgmn import-checkpoint best.pt --config mnist_cls.json --data dws_mnist --out model.safetensors
  sgmn import-checkpoint best.pt --config own.json --nets my-nets/ --out model.safetensors
  sgmn import-checkpoint official.safetensors --data dws_mnist --out model.safetensors")]
pub(super) struct Args {
    /// PyTorch file with the model's state dict
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Published configuration, as JSON; a file that sgmn export-checkpoint wrote holds it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Checkpoint to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Published dataset whose nets the model reads: dws_mnist, dws_fmnist, nfn_cifar or cnn_zoo
    #[arg(long, value_name = "FORMAT", conflicts_with = "nets", required_unless_present = "nets")]
    data: Option<FormatKind>,
    /// Nets that the model reads, in place of --data
    #[arg(long, value_name = "PATH")]
    nets: Option<PathBuf>,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    read: ReadArgs,
}

/// Nets looked at for the architectures of `--nets`.
const MOST_NETS: usize = 1000;

/// Builds the configured model, loads the tensors into it, and writes it with its configuration.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    refuse_existing(&args.out, args.force)?;
    let tree = containers::read(&args.file)?;
    let config = args.config(&tree)?;
    let specs = args.specs()?.iter().map(|spec| spec.as_ref().clone()).collect();
    let inside = nets::one_inside(&tree, args.read.under())?;
    let (tensors, dtype) = tensors(&tree, &inside)?;
    let published = Published { args: config, tensors };
    let mut checkpoint = Checkpoint::from_published(&published, specs, dtype)
        .with_context(|| args.file.display().to_string())?;
    let origin = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    checkpoint.header.progress = serde_json::json!({ "imported_from": origin });
    checkpoint.write(&args.out)?;
    let n_params: usize = checkpoint.vars.values().map(Tensor::elem_count).sum();
    writeln!(out, "read {} variables with {n_params} numbers, {}", checkpoint.vars.len(), dtype.as_str())?;
    writeln!(
        out,
        "wrote {}, with published compatibility: its outputs are those of the published program",
        args.out.display()
    )?;
    Ok(Verdict::Pass)
}

impl Args {
    /// The model's part of the published configuration: of the file that is given, or from the metadata that
    /// `sgmn export-checkpoint` writes beside tensors.
    fn config(&self, tree: &Tree) -> Result<serde_json::Value> {
        let (path, text) = match &self.config {
            Some(path) => (path, std::fs::read_to_string(path).with_context(|| path.display().to_string())?),
            None => {
                let text = tree.metadata.get(Published::PART).with_context(|| {
                    let (file, part) = (self.file.display(), Published::PART);
                    format!("{file}: expected metadata `{part}`, or --config, found neither")
                })?;
                (&self.file, text.clone())
            }
        };
        let config: serde_json::Value = serde_json::from_str(&text)
            .with_context(|| format!("{}: expected the published configuration as JSON", path.display()))?;
        Ok(config.get(Published::PART).unwrap_or(&config).clone())
    }

    fn specs(&self) -> Result<Vec<std::sync::Arc<sgmn_graph::NetSpec>>> {
        let Some(path) = &self.nets else {
            let kind = self.data.context("the command line demands one of --data and --nets")?;
            return architectures::of_format(&kind.published()).context("--data");
        };
        let mut specs: Vec<std::sync::Arc<sgmn_graph::NetSpec>> = Vec::new();
        for sample in files::first_nets(path, &self.read, MOST_NETS)? {
            if !specs.contains(sample.net.spec()) {
                specs.push(sample.net.spec().clone());
            }
        }
        Ok(specs)
    }
}

/// The tensors in candle's form, and the widest of their number types.
fn tensors(tree: &Tree, inside: &Inside) -> Result<(BTreeMap<String, Tensor>, DType)> {
    let path = tree.path().display();
    let wide = inside.tensors.iter().any(|(_, tensor)| tensor.element == ElementType::F64);
    let dtype = if wide { DType::F64 } else { DType::F32 };
    let mut tensors = BTreeMap::new();
    for (name, tensor) in &inside.tensors {
        let read = tree.tensor(tensor)?;
        let Some(values) = read.floats() else {
            bail!("{path}: {name}: expected floating-point numbers, found {:?}", read.element);
        };
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            bail!("{path}: {name}: expected finite numbers, found {value}");
        }
        let tensor = Tensor::from_slice(values, read.shape.as_slice(), &Device::Cpu)?.to_dtype(dtype)?;
        tensors.insert(name.clone(), tensor);
    }
    Ok((tensors, dtype))
}
