//! `sgmn inspect`: what is in a file or folder.

mod checkpoint;
mod dataset;
mod flow;
mod flows;
mod net;
mod tree;
mod unsaid;

use std::{io::Write, path::PathBuf};

use anyhow::{Result, bail};
use sgmn_data::{any_net, nets::NetOptions};
use sgmn_nn::golden::Golden;

use super::Verdict;
use crate::{
    any_net::{args::NetArgs, description::Description},
    files::{self, Input, ReadArgs},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Known are packed files (of chains and of flows), datasets in folders, files of tensors (PyTorch's in all its forms, safetensors, npz), our
checkpoints, golden files and IDX images. What a file does not tell is listed with the option that tells it. Of nets of
any architecture (ONNX and .pt2 by what is in them, published folders by their config.json or adapter_config.json,
tensors with --architecture) it shows what may change in them
without changing their function: which units may be reordered, and by which scalars they may be multiplied, as follows
from the graph of the net.

Examples:
  sgmn inspect resnet18.onnx
  sgmn inspect net.pt2 --all
  sgmn inspect Qwen2-0.5B/ --size length=32
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
            "--all and --json: expected a net of any architecture (.onnx, .pt2, a folder with config.json), found {}",
            args.file.display()
        );
    }
    match files::open(&args.file, &args.read)? {
        Input::Net(file) if file.spec().is_none() => unsaid::describe(&file, out)?,
        Input::Net(file) => net::describe(&files::sample(&file)?, out)?,
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
        // Who says how a net is to be read wants a net.
        Input::Tree(_, why) if args.read.net_options() != NetOptions::default() => return Err(why.into()),
        Input::Tree(tree, why) => tree::describe(&tree, &why, out)?,
        Input::Flows(nets) => flows::describe(&nets, args.item, out)?,
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
