//! From `[data]` of an experiment to nets that can be read: what is many small files is packed once and kept, and so
//! are INRs that are fitted here and CNNs that are trained here.

mod own;
mod trained;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result, anyhow, bail};
use indicatif::ProgressBar;
use rand::seq::SliceRandom;
use sgmn_data::{
    fit::{self, Images, Request},
    formats::{Format, idx, packed},
    skip::{self, Skipped},
    source::Dataset,
    split::Split,
};
use sgmn_graph::Seed;
use sha2::{Digest, Sha256};

pub(crate) use self::trained::{describe, train};
pub use self::{
    own::{OwnNets, architectures, own},
    trained::{name, trained_path},
};
use crate::{
    config::{Data, EditTarget, EditTask, Experiment, Files, Fitted, Task},
    editing::Pictures,
    progress::PopulationProgress,
};

/// Images that come with the program, so that everything runs without a download.
struct Embedded {
    train_images: &'static [u8],
    train_labels: &'static [u8],
    test_images: &'static [u8],
    test_labels: &'static [u8],
}

/// The name by which an experiment asks for the digits that come with the program.
pub const MINI_NAME: &str = "mini";

/// A balanced sample of MNIST; `mini/README.md` says how it was taken.
const MINI: Embedded = Embedded {
    train_images: include_bytes!("../mini/mini-images-idx3-ubyte.gz"),
    train_labels: include_bytes!("../mini/mini-labels-idx1-ubyte.gz"),
    test_images: include_bytes!("../mini/mini-test-images-idx3-ubyte.gz"),
    test_labels: include_bytes!("../mini/mini-test-labels-idx1-ubyte.gz"),
};

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
            if !path.exists() {
                fit_images(fitted, data_dir, &path, stop)?;
            }
            Ok(packed::open(&path, &packed::Options::default())?)
        }
        Data::Trained(trained) => trained::open(trained, data_dir, stop),
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
    };
    if !kept.exists() {
        return Err(missing(&kept));
    }
    Ok(packed::open(&kept, &packed::Options::default())?)
}

/// The nets of an experiment, and their images where the experiment asks about them.
#[derive(Debug)]
pub struct Material {
    /// The nets.
    pub dataset: Dataset,
    /// The image of each net.
    pub pictures: Option<Pictures>,
}

impl Material {
    fn new(dataset: Dataset, folder: Option<&str>, data_dir: &Path) -> Result<Self> {
        let pictures = folder.map(|folder| Pictures::open(folder, &dataset, data_dir)).transpose()?;
        Ok(Self { dataset, pictures })
    }
}

impl From<Dataset> for Material {
    fn from(dataset: Dataset) -> Self {
        Self { dataset, pictures: None }
    }
}

/// Opens everything that an experiment reads, see [`open`].
///
/// # Errors
/// As [`open`] and [`Pictures::open`].
pub fn material(experiment: &Experiment, data_dir: &Path, stop: &AtomicBool) -> Result<Material> {
    let folder = folder_of_images(experiment)?;
    Material::new(open(experiment.data(), data_dir, stop)?, folder, data_dir)
}

/// The same, of nets that were opened already.
///
/// # Errors
/// As [`Pictures::open`].
pub fn material_of(experiment: &Experiment, dataset: Dataset, data_dir: &Path) -> Result<Material> {
    Material::new(dataset, folder_of_images(experiment)?, data_dir)
}

/// What [`material`] opens, if it is there: nothing is packed, fitted or trained.
///
/// # Errors
/// If the nets or their images are damaged.
pub fn existing_material(experiment: &Experiment, data_dir: &Path) -> Result<Option<Material>> {
    if !exists(experiment.data(), data_dir)? {
        return Ok(None);
    }
    let folder = folder_of_images(experiment)?;
    Material::new(open_existing(experiment.data(), data_dir)?, folder, data_dir).map(Some)
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
    })
}

/// The folder of the images that an experiment asks about, if it does.
fn folder_of_images(experiment: &Experiment) -> Result<Option<&str>> {
    let Task::Edit(EditTask { target: EditTarget::Image, images, .. }) = experiment.task() else {
        return Ok(None);
    };
    match (images, experiment.data()) {
        (Some(folder), _) => Ok(Some(folder)),
        (None, Data::Fitted(fitted)) => Ok(Some(&fitted.images)),
        (None, _) => {
            bail!(
                "task.images: expected the folder of the images that the nets were fitted to, found nothing"
            )
        }
    }
}

/// Where the INRs of a request are kept: the name holds a digest of the request, so another one has another file.
pub fn fitted_path(fitted: &Fitted, data_dir: &Path) -> PathBuf {
    let request = serde_json::to_vec(fitted).expect("a request is plain numbers and names");
    data_dir.join("fitted").join(kept_name(&fitted.images, &request))
}

/// Where the packed copy of nets that lie in a file each is kept.
///
/// The name holds a digest of the request and of the split file, so another choice or another split has another copy.
///
/// # Errors
/// If the split file is there and cannot be read.
pub fn packed_path(files: &Files, data_dir: &Path) -> Result<PathBuf> {
    let mut request = serde_json::to_vec(files).expect("a request is plain numbers and names");
    let splits = match &files.format {
        Format::DwsMnist(options) => Some(&options.splits),
        Format::DwsFmnist(options) => Some(&options.splits),
        Format::CnnPark(options) => Some(&options.splits),
        _ => None,
    };
    if matches!(files.format, Format::ModelZoo(_)) {
        // Copies of versions whose reader knew no pooling hold the same numbers as other nets.
        request.extend(b"pooled");
    }
    // Without the file the reader draws a split or says what is missing.
    if let Some(splits) =
        splits.map(|splits| data_dir.join(&files.path).join(splits)).filter(|path| path.exists())
    {
        request.extend(std::fs::read(&splits).with_context(|| splits.display().to_string())?);
    }
    Ok(data_dir.join("packed").join(kept_name(&files.path, &request)))
}

/// Whether a dataset of this format is tens of thousands of small files, too slow to open in every epoch.
fn is_a_file_a_net(format: &Format) -> bool {
    // A folder of one's own changes, and is read as it is.
    matches!(
        format,
        Format::DwsMnist(_)
            | Format::DwsFmnist(_)
            | Format::NfnCifar(_)
            | Format::CnnPark(_)
            | Format::ModelZoo(_)
    )
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

fn kept_name(name: &str, request: &[u8]) -> String {
    format!("{}-{}.packed", name.replace(['/', '\\'], "-"), kept_digest(request))
}

/// Twelve digits that tell requests apart.
fn kept_digest(request: &[u8]) -> String {
    Sha256::digest(request).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Copies nets that lie in a file each into one file, which appears when it is complete.
fn pack_files(files: &Files, path: &Path, packed: &Path, stop: &AtomicBool) -> Result<()> {
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

/// Images to train on and images to test on, by the name an experiment has for them: [`MINI_NAME`], or a folder below
/// `data_dir` with the four IDX files of MNIST, plain or gzipped.
///
/// # Errors
/// If files are missing or damaged.
pub fn image_sets(name: &str, data_dir: &Path) -> Result<(Images, Images)> {
    if name == MINI_NAME {
        let read = |images, labels| -> Result<Images> {
            let name = Path::new("embedded mini digits");
            Ok(Images::from_idx(&idx::read_bytes(name, images)?, Some(&idx::read_bytes(name, labels)?))?)
        };
        return Ok((read(MINI.train_images, MINI.train_labels)?, read(MINI.test_images, MINI.test_labels)?));
    }
    let folder = data_dir.join(name);
    let read = |part: &str| -> Result<Images> {
        let images = idx::read_images(&plain_or_gz(&folder, &format!("{part}-images-idx3-ubyte"))?)?;
        let labels = idx::read_labels(&plain_or_gz(&folder, &format!("{part}-labels-idx1-ubyte"))?)?;
        Ok(Images::from_idx(&images, Some(&labels))?)
    };
    Ok((read("train")?, read("t10k")?))
}

/// The images of a request, those of the test set last, and the part of the dataset each belongs to.
///
/// # Errors
/// If files are missing or damaged, or hold fewer images than asked for.
pub fn images(fitted: &Fitted, data_dir: &Path) -> Result<(Images, Vec<String>, Vec<Option<Split>>)> {
    let (train, test) = image_sets(&fitted.images, data_dir)?;
    let n_learn = fitted.n_train + fitted.n_val;
    for (key, expected, images) in
        [("data.n_train + data.n_val", n_learn, &train), ("data.n_test", fitted.n_test, &test)]
    {
        if expected > images.len() {
            bail!("{key}: expected at most {}, the images there are, found {expected}", images.len());
        }
    }
    // Drawn rather than taken in order, so that any number of images is a fair sample of the set.
    let draw = |part: &str, n: usize, images: &Images| {
        let mut order: Vec<usize> = (0..images.len()).collect();
        order.shuffle(&mut Seed::new(fitted.fit_seed).child("choice").child(part).rng());
        order.truncate(n);
        order
    };
    let (learn, tested) = (draw("train", n_learn, &train), draw("test", fitted.n_test, &test));
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    let mut ids = Vec::new();
    let mut splits = Vec::new();
    for (part, order, images) in [("train", &learn, &train), ("test", &tested, &test)] {
        for (place, &i) in order.iter().enumerate() {
            pixels.extend_from_slice(images.image(i));
            labels.push(images.label(i).context("labels were read beside the images")?);
            ids.push(format!("{part}-{i}"));
            splits.push(Some(match part {
                "test" => Split::Test,
                _ if place < fitted.n_train => Split::Train,
                _ => Split::Val,
            }));
        }
    }
    Ok((Images::new(train.size(), pixels, Some(labels))?, ids, splits))
}

fn fit_images(fitted: &Fitted, data_dir: &Path, path: &Path, stop: &AtomicBool) -> Result<()> {
    let (images, ids, splits) = images(fitted, data_dir)?;
    let folder = path.parent().expect("the path was joined to a folder");
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let seed = Seed::new(fitted.fit_seed).child("fit");
    let request =
        Request { images: &images, ids: &ids, splits: &splits, recipe: &fitted.recipe, seed: &seed };
    let bar = PopulationProgress::new("fitting INRs", "fits/s");
    let report = |progress: fit::Progress| {
        let share = progress.n_reached_now as f64 / progress.n_done_now.max(1) as f64;
        bar.update(
            progress.n_done,
            progress.n_done_now,
            progress.n_total,
            &format!("{:.0} % at goal", 100.0 * share),
        );
    };
    let summary = fit::fit_to_packed(&request, path, &report, stop);
    bar.finish();
    let summary = summary?;
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

fn plain_or_gz(folder: &Path, name: &str) -> Result<PathBuf> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => bail!("{}: expected this file, plain or as .gz, found neither", candidates[0].display()),
    }
}
