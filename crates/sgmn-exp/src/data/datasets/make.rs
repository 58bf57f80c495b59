//! What is made on the first call: INRs fitted to images, many small files packed into one.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use sgmn_data::{
    Error,
    fit::{self, Request},
    formats::packed,
    skip,
};
use sgmn_graph::Seed;

use super::images;
use crate::{
    config::{Files, Fitted},
    show::progress::PopulationProgress,
};

/// Fits the INRs of a request and writes them to `path`, which appears when all are there.
pub(super) fn fit_images(fitted: &Fitted, data_dir: &Path, path: &Path, stop: &AtomicBool) -> Result<()> {
    let (images, ids, splits) = images::images(fitted, data_dir)?;
    let folder = path.parent().expect("the path was joined to a folder");
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let seed = Seed::new(fitted.fit_seed).child("fit");
    let request =
        Request { images: &images, ids: &ids, splits: &splits, recipe: &fitted.recipe, seed: &seed };
    let summary = with_fit_bar("fitting INRs", |report| fit::fit_to_packed(&request, path, report, stop))?;
    eprintln!(
        "fitted {} INRs in {:.0} s ({:.1} nets/s): median PSNR {:.2} dB, {:.1} % reached {} dB -> {}",
        summary.n_nets,
        summary.seconds,
        summary.nets_per_second().unwrap_or(0.0),
        summary.psnr_db_median,
        100.0 * summary.share_reached,
        fitted.recipe.goal_psnr_db,
        path.display(),
    );
    Ok(())
}

/// Shows how far a population of INRs, or a part of one, is.
///
/// # Errors
/// As `fit`.
pub(crate) fn with_fit_bar<T>(
    name: &'static str,
    fit: impl FnOnce(&(dyn Fn(fit::Progress) + Sync)) -> sgmn_data::Result<T>,
) -> Result<T> {
    let bar = PopulationProgress::new(name, "fits/s");
    let report = |progress: fit::Progress| {
        let share = progress.n_reached_now as f64 / progress.n_done_now.max(1) as f64;
        bar.update(
            progress.n_done,
            progress.n_done_now,
            progress.n_total,
            &format!("{:.0} % at goal", 100.0 * share),
        );
    };
    let fitted = fit(&report);
    bar.finish();
    Ok(fitted?)
}

/// Makes nets that are not there, or waits for another process that is making the very same: of many workers that need
/// them at once, one makes them.
///
/// # Errors
/// As `make`, and [`Error::Interrupted`] if `stop` becomes true while it waits.
pub(super) fn make_once(path: &Path, stop: &AtomicBool, mut make: impl FnMut() -> Result<()>) -> Result<()> {
    /// Making nets takes minutes and more.
    const GLANCE: Duration = Duration::from_secs(5);
    let mut has_said = false;
    while !path.exists() {
        match make() {
            Err(why) if matches!(why.downcast_ref(), Some(Error::InUse { .. })) => {
                if !has_said {
                    eprintln!("{}: another process is making these nets; waiting for it", path.display());
                    has_said = true;
                }
                if stop.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted.into());
                }
                sleep(GLANCE);
            }
            made => return made,
        }
    }
    Ok(())
}

/// Copies nets that lie in a file each into one file, which appears when it is complete.
pub(super) fn pack_files(files: &Files, path: &Path, packed: &Path, stop: &AtomicBool) -> Result<()> {
    let dataset = files.format.open(path)?;
    let folder = packed.parent().expect("the path was joined to a folder");
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let n_nets = dataset.source.len();
    eprintln!("packing {n_nets} nets, once: {} -> {}", path.display(), packed.display());
    let provenance = BTreeMap::from([
        ("format".to_owned(), files.format.kind().name().to_owned()),
        ("path".to_owned(), files.path.clone()),
    ]);
    // The bar hides itself where nobody looks at a terminal.
    let bar = ProgressBar::new(n_nets as u64);
    let done = packed::pack(&dataset, packed, provenance, |n_done, _| bar.set_position(n_done as u64), stop);
    bar.finish_and_clear();
    let packed::Packed { n_rounded, skipped, .. } = done?;
    if !skipped.is_empty() {
        let list = packed.with_extension("skipped.csv");
        skip::write_skipped(&list, &skipped)?;
        eprintln!("{} nets were left out: {}", skipped.len(), list.display());
    }
    if n_rounded > 0 {
        eprintln!("{}: {n_rounded} parameters were rounded to f32", packed.display());
    }
    Ok(())
}
