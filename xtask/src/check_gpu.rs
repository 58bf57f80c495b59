//! `cargo xtask check-gpu`: everything about a GPU that can be had for a quarter of an hour, learned in eight minutes.
//!
//! Here a bundle is built: programs, data and a script that needs neither Rust nor a network. There the script runs it
//! and leaves a few files of results. Back here they become a page. Without a GPU all of it is tried as far as that
//! goes.

mod bundle;
mod curve;
mod dry_run;
mod missing;
mod page;
mod programs;
mod results;
#[cfg(test)]
mod script_tests;
mod tables;
mod toolkit;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

pub(crate) use self::dry_run::quick;
use self::results::Results;
use crate::repository;

#[derive(Args)]
#[group(id = "check_gpu_job", required = true, multiple = true)]
pub(crate) struct Arguments {
    /// Build the bundle in this folder; what is there and current is left as it is
    #[arg(long, value_name = "FOLDER", conflicts_with = "read")]
    bundle: Option<PathBuf>,
    /// Folder with the IDX files of MNIST, to be fitted there [default: data/mnist in the repository]; where there is
    /// none, the digits that come with the project go along instead
    #[arg(long, value_name = "FOLDER", requires = "bundle", conflicts_with = "dry_run")]
    images: Option<PathBuf>,
    /// Turn what came back into a page
    #[arg(long, value_name = "FOLDER", conflicts_with = "dry_run")]
    read: Option<PathBuf>,
    /// Also write the page to docs/results, to be committed
    #[arg(long, requires = "read")]
    save_results: bool,
    /// Run the script here, where it finds no GPU: with the programs that tests use, or with those of a bundle that
    /// --bundle names
    #[arg(long)]
    dry_run: bool,
}

/// What `cargo xtask check-gpu --help` says after the options.
pub(crate) const ABOUT: &str = "\
Three steps:
  cargo xtask check-gpu --bundle target/gpu-bundle    here: needs python3, cc, strip, tar, xz, package registries
  bash run.sh OUT                                     there, in the bundle: eight minutes, eight small files in OUT
  cargo xtask check-gpu --read OUT --save-results     here: target/gpu/gpu.md and docs/results/gpu.md

A cold bundle takes ten minutes, most of them for the kernels of candle; a call that was ended goes on where it was.
Before the GPU is at hand, try the bundle: cargo xtask check-gpu --bundle target/gpu-bundle --dry-run";

/// Where results are kept that are committed.
const RESULTS: &str = "docs/results";
/// Where the page is written always.
const OUT: &str = "target/gpu";
/// Name of the page and beginning of its figure's.
const NAME: &str = "gpu";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match arguments {
        Arguments { read: Some(folder), save_results, .. } => {
            let results = Results::read(folder)?;
            write(&results, &repository::root().join(OUT))?;
            if *save_results {
                write(&results, &repository::root().join(RESULTS))?;
            }
            Ok(())
        }
        Arguments { dry_run: true, bundle: Some(folder), .. } => dry_run::of_bundle(folder),
        Arguments { dry_run: true, bundle: None, .. } => quick(),
        Arguments { bundle: Some(folder), images, .. } => bundle::make(folder, images.as_deref()),
        // Clap asks for one of them.
        _ => anyhow::bail!("expected one of --bundle, --read and --dry-run, found none"),
    }
}

/// Writes the page and its figure into a folder.
fn write(results: &Results, folder: &std::path::Path) -> Result<()> {
    let save = |file: String, text: String| {
        let path = folder.join(file);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("written: {}", repository::shown(&path).display());
        Ok::<(), anyhow::Error>(())
    };
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let figure = curve::figure(&results.epochs()).map(|figure| (format!("{NAME}-accuracy.svg"), figure));
    let name = figure.as_ref().map(|(name, _)| name.clone());
    if let Some((file, figure)) = figure {
        save(file, figure.to_svg())?;
    }
    save(format!("{NAME}.md"), page::page(results, name.as_deref()))
}
