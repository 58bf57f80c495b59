//! From `[data]` of an experiment to nets that can be read: what is many small files is packed once and kept, and so
//! are INRs that are fitted here and CNNs that are trained here.

mod images;
mod kept;
mod make;
mod material;
mod own;
mod trained;
mod wild;

use std::{path::Path, sync::atomic::AtomicBool};

use anyhow::{Result, anyhow, bail};
use indicatif::ProgressBar;
use sgmn_data::{Dataset, formats::packed, skip::Skipped};

pub use self::{
    images::{MINI_NAME, image_sets, images, some_of},
    kept::{fitted_path, packed_path},
    material::{Material, existing_material, material, material_of},
    own::{OwnNets, architectures, own},
    trained::{name, trained_path},
    wild::wild_path,
};
use self::{
    kept::is_a_file_a_net,
    make::{fit_images, make_once, pack_files},
};
pub(crate) use self::{
    make::with_fit_bar,
    trained::{describe, train, train_wild, with_zoo_bar},
};
use crate::config::Data;

/// Opens the nets of an experiment, with progress where that takes long: published nets that lie in a file each are
/// first packed into one, INRs and CNNs that do not exist yet are fitted or trained, and all are kept below `data_dir`.
///
/// # Errors
/// If files are missing or damaged, what is kept cannot be written, or the
/// work was interrupted: finished nets are kept and the next call goes on from them, packing begins again.
pub fn open(data: &Data, data_dir: &Path, stop: &AtomicBool) -> Result<Dataset> {
    match data {
        Data::Files(files) => {
            let path = data_dir.join(&files.path);
            if !path.exists() {
                bail!(
                    "{}: expected {} nets, found nothing; `cargo xtask datasets list` says where they come from, \
                     --data-dir where they are looked for",
                    path.display(),
                    files.format.kind().name(),
                );
            }
            if !is_a_file_a_net(&files.format) {
                let dataset = files.format.open(&path)?;
                say(&path, &dataset.notes);
                return without_bad_nets(dataset, &path, stop);
            }
            let packed = packed_path(files, data_dir)?;
            if !packed.exists() {
                pack_files(files, &path, &packed, stop)?;
            }
            let dataset = packed::open(&packed, &packed::Options::default())?;
            say(&path, &dataset.notes);
            Ok(dataset)
        }
        Data::Fitted(fitted) => {
            let path = fitted_path(fitted, data_dir);
            make_once(&path, stop, || fit_images(fitted, data_dir, &path, stop))?;
            Ok(packed::open(&path, &packed::Options::default())?)
        }
        Data::Trained(trained) => trained::open(trained, data_dir, stop),
        Data::Wild(wild) => wild::open(wild, data_dir, stop),
    }
}

/// Opens the nets of an experiment as they are: nothing is packed, nothing is fitted.
///
/// # Errors
/// If they are not there, or damaged.
pub fn open_existing(data: &Data, data_dir: &Path) -> Result<Dataset> {
    let missing = |path: &Path| {
        anyhow!(
            "{}: expected the nets of the experiment, found nothing; --data-dir says where they are looked for",
            path.display()
        )
    };
    let kept = match data {
        Data::Files(files) => {
            let path = data_dir.join(&files.path);
            let packed = packed_path(files, data_dir)?;
            if !(is_a_file_a_net(&files.format) && packed.exists()) {
                if !path.exists() {
                    return Err(missing(&path));
                }
                return without_bad_nets(files.format.open(&path)?, &path, &AtomicBool::new(false));
            }
            packed
        }
        Data::Fitted(fitted) => fitted_path(fitted, data_dir),
        Data::Trained(trained) => {
            let path = trained_path(trained, data_dir);
            return if path.exists() { trained::read(trained, &path) } else { Err(missing(&path)) };
        }
        Data::Wild(wild) => {
            let path = wild_path(wild, data_dir);
            return if path.exists() { wild::read(wild, &path) } else { Err(missing(&path)) };
        }
    };
    if !kept.exists() {
        return Err(missing(&kept));
    }
    Ok(packed::open(&kept, &packed::Options::default())?)
}

/// Whether the nets of an experiment are there, so that [`open_existing`] finds them.
///
/// # Errors
/// As [`packed_path`].
pub fn exists(data: &Data, data_dir: &Path) -> Result<bool> {
    Ok(match data {
        Data::Files(files) => data_dir.join(&files.path).exists() || packed_path(files, data_dir)?.exists(),
        Data::Fitted(fitted) => fitted_path(fitted, data_dir).exists(),
        Data::Trained(trained) => trained_path(trained, data_dir).exists(),
        Data::Wild(wild) => wild_path(wild, data_dir).exists(),
    })
}

/// Says what was decided on opening.
fn say(path: &Path, notes: &[String]) {
    for note in notes {
        eprintln!("note: {}: {note}", path.display());
    }
}

/// Leaves out nets that cannot be read, if that was asked for, and says which.
pub(crate) fn without_bad_nets(dataset: Dataset, path: &Path, stop: &AtomicBool) -> Result<Dataset> {
    // The bar hides itself where nobody looks at a terminal.
    let bar = ProgressBar::new(dataset.source.len() as u64);
    let checked = dataset.checked(|n_done, _| bar.set_position(n_done as u64), stop);
    bar.finish_and_clear();
    let dataset = checked?;
    /// Nets that are named; a run's folder names all.
    const MOST: usize = 10;
    for Skipped { net, why } in dataset.skipped.iter().take(MOST) {
        eprintln!("left out: {}: {net}: {why}", path.display());
    }
    if dataset.skipped.len() > MOST {
        eprintln!("left out: {}: {} more nets", path.display(), dataset.skipped.len() - MOST);
    }
    Ok(dataset)
}
