//! `sgmn inspect`: what is in a file or folder.

mod checkpoint;
mod dataset;
mod flow;
mod net;

use std::{io::Write, path::PathBuf};

use anyhow::{Result, bail};
use sgmn_data::{any_net, containers::Value};
use sgmn_nn::golden::Golden;

use super::{
    Verdict,
    files::{self, Input, ReadArgs},
};
use crate::any_net::{args::NetArgs, description::Description};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Known are packed files, datasets in folders, nets as .safetensors or .pth, our checkpoints, golden files, IDX images,
and PyTorch archives in general. Of nets of any architecture (.onnx, .pt2, tensors with --architecture) it shows what may
change in them without changing their function: which units may be reordered, and by which scalars they may be
multiplied, as follows from the graph of the net.

Examples:
  sgmn inspect resnet18.onnx
  sgmn inspect net.pt2 --all
  sgmn inspect detector.onnx --input images=1x3x320x320 --json
  sgmn inspect digits.packed --item 12
  sgmn inspect net.safetensors --activation relu
  sgmn inspect runs/quick/checkpoints/best.safetensors --variables")]
pub(super) struct Args {
    /// File or folder
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which net of a dataset to show, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    item: usize,
    /// Show every variable of a checkpoint, not only sums
    #[arg(long)]
    variables: bool,
    /// Of a net of any architecture: leave nothing out
    #[arg(long)]
    all: bool,
    /// Of a net of any architecture: as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    any_net: NetArgs,
}

/// Describes the file.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    if args.any_net.take(&args.file) {
        let file = any_net::open(&args.file, &args.any_net.options())?;
        let net = Description::of(&file);
        if args.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&net)?)?;
        } else {
            flow::describe(&net, args.all, out)?;
        }
        return Ok(Verdict::Pass);
    }
    if args.all || args.json {
        bail!(
            "--all and --json: expected a net of any architecture (.onnx, .pt2), found {}",
            args.file.display()
        );
    }
    match files::open(&args.file, &args.read)? {
        Input::Net(sample) => net::describe(&sample, out)?,
        Input::Dataset(opened) => dataset::describe(&opened, args.item, out)?,
        Input::Checkpoint => checkpoint::describe(&args.file, args.variables, out)?,
        Input::Golden => {
            let golden = Golden::read(&args.file)?;
            writeln!(out, "golden file of another implementation; `sgmn parity` compares it with ours")?;
            checkpoint::describe_config(golden.config(), out)?;
            writeln!(out, "\n{} input nets, the first:", golden.nets().len())?;
            if let Some(first) = golden.nets().first() {
                net::describe_net(first, out)?;
            }
        }
        Input::Archive(tree) => {
            writeln!(out, "{} that holds no chain of dense layers", tree.container)?;
            describe_value(&tree.root, 1, out)?;
        }
        Input::Idx(idx) => {
            let kind = if idx.shape().len() == 1 { "labels" } else { "images" };
            writeln!(out, "IDX file of {} {kind}, shape {:?}, one byte each", idx.len(), idx.shape())?;
            if args.item > 0 {
                bail!("--item: expected a dataset of nets, found {kind}");
            }
        }
    }
    Ok(Verdict::Pass)
}

/// Entries of an archive, two levels deep.
fn describe_value(value: &Value, depth: usize, out: &mut impl Write) -> std::io::Result<()> {
    const DEEPEST: usize = 2;
    let Some(entries) = value.entries() else { return Ok(()) };
    for (key, value) in entries {
        writeln!(out, "{}{key}: {}", "  ".repeat(depth), value.describe())?;
        if depth < DEEPEST {
            describe_value(value, depth + 1, out)?;
        }
    }
    Ok(())
}
