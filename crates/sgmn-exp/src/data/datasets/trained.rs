//! A zoo of CNNs trained here: when it is first needed, with progress, kept for everyone who asks for the same.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result};
use sgmn_data::{
    Dataset,
    formats::cnn_zoo,
    zoo::{self, Recipe, Request, Summary, wild},
};
use sgmn_graph::Seed;

use super::{image_sets, kept::kept_digest, make::make_once, some_of};
use crate::{config::Trained, show::progress::PopulationProgress};

/// Where the zoo of a request is kept: the name holds a digest of the request, so another one has another folder.
///
/// The activation that is asked for does not enter: the zoo holds nets of both, and experiments on either share it.
pub fn trained_path(trained: &Trained, data_dir: &Path) -> PathBuf {
    let whole = Trained { activation: None, ..trained.clone() };
    let request = serde_json::to_vec(&whole).expect("a request is plain numbers and names");
    data_dir.join("zoo").join(format!("{}-{}", name(&trained.images), kept_digest(&request)))
}

/// The name of a folder of images, in letters that may stand in a file's name.
pub fn name(images: &str) -> String {
    images.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// Opens the zoo of a request, training it first if it does not exist yet.
pub(super) fn open(trained: &Trained, data_dir: &Path, stop: &AtomicBool) -> Result<Dataset> {
    let path = trained_path(trained, data_dir);
    make_once(&path, stop, || {
        let (mut train_images, test_images) = image_sets(&trained.images, data_dir)?;
        if let Some(n_images) = trained.n_images {
            let seed = Seed::new(trained.zoo_seed).child("images");
            train_images = some_of(&train_images, n_images, seed).context("data.n_images")?;
        }
        let parent = path.parent().expect("the path was joined to a folder");
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        // Experiments read the finished nets only.
        let recipe = Recipe {
            epochs: trained.epochs,
            checkpoints: Vec::new(),
            ..Recipe::published(train_images.len())
        };
        let request = Request {
            train: &train_images,
            test: &test_images,
            dataset: &name(&trained.images),
            n_nets: trained.n_nets,
            recipe: &recipe,
            activation: None,
            seed: &Seed::new(trained.zoo_seed),
        };
        let summary = train(&request, &path, stop)?;
        eprintln!("{} -> {}", describe(&summary, "CNNs"), path.display());
        Ok(())
    })?;
    read(trained, &path)
}

/// Opens a finished zoo.
pub(super) fn read(trained: &Trained, path: &Path) -> Result<Dataset> {
    let options = cnn_zoo::Options {
        activation: trained.activation,
        step: trained.epochs.into(),
        ..Default::default()
    };
    Ok(cnn_zoo::open(path, &options)?)
}

/// Trains a zoo of CNNs into a folder, with a bar.
///
/// # Errors
/// As [`zoo::train_to_zoo`].
pub(crate) fn train(request: &Request<'_>, folder: &Path, stop: &AtomicBool) -> Result<Summary> {
    with_zoo_bar("training CNNs", |report| zoo::train_to_zoo(request, folder, report, stop))
}

/// Trains a wild zoo into a folder, with a bar.
///
/// # Errors
/// As [`wild::train_to_flows`].
pub(crate) fn train_wild(request: &wild::Request<'_>, folder: &Path, stop: &AtomicBool) -> Result<Summary> {
    with_zoo_bar("training nets", |report| wild::train_to_flows(request, folder, report, stop))
}

/// Shows how far a zoo, or a part of one, is.
///
/// # Errors
/// As `train`.
pub(crate) fn with_zoo_bar<T>(
    name: &'static str,
    train: impl FnOnce(&(dyn Fn(zoo::Progress) + Sync)) -> sgmn_data::Result<T>,
) -> Result<T> {
    let bar = PopulationProgress::new(name, "nets/s");
    let report = |progress: zoo::Progress| {
        let rate = progress.n_images_now as f64 / progress.seconds;
        bar.update(progress.n_done, progress.n_done_now, progress.n_total, &format!("{rate:.0} images/s"));
    };
    let trained = train(&report);
    bar.finish();
    Ok(trained?)
}

/// What a zoo turned out to be, in one line.
pub(crate) fn describe(summary: &Summary, nets: &str) -> String {
    let Summary { n_nets, n_trained_now, n_diverged, n_images_now, seconds, .. } = *summary;
    let mut line = match n_trained_now {
        0 => format!("trained no {nets}"),
        _ => format!("trained {n_trained_now} {nets} in {seconds:.1} s"),
    };
    if let Some(rate) = summary.images_per_second() {
        let images = n_images_now as f64 / 1e6;
        line += &format!(" ({images:.1} million images, {rate:.0} images/s");
        if let Some(work) = summary.multiply_adds_per_second() {
            line += &format!(", {:.1} G multiply-adds/s", work / 1e9);
        }
        line += ")";
    }
    let accuracies =
        summary.accuracy_quantiles.iter().map(|[_, accuracy]| format!("{:.1}", 100.0 * accuracy));
    let shares = summary.accuracy_quantiles.iter().map(|[share, _]| format!("{:.0}", 100.0 * share));
    line += &format!(
        "; {} more were there already; {n_diverged} draws diverged; test accuracy {} % at the quantiles {} %",
        n_nets - n_trained_now,
        accuracies.collect::<Vec<_>>().join(", "),
        shares.collect::<Vec<_>>().join(", "),
    );
    line
}
