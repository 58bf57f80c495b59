//! The images that INRs are fitted to and CNNs are trained on: a small sample comes with the program, others lie in folders.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rand::seq::SliceRandom;
use sgmn_data::{fit::Images, formats::idx, split::Split};
use sgmn_graph::Seed;

use crate::config::Fitted;

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
    train_images: include_bytes!("../../../mini/mini-images-idx3-ubyte.gz"),
    train_labels: include_bytes!("../../../mini/mini-labels-idx1-ubyte.gz"),
    test_images: include_bytes!("../../../mini/mini-test-images-idx3-ubyte.gz"),
    test_labels: include_bytes!("../../../mini/mini-test-labels-idx1-ubyte.gz"),
};

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

/// Some images, drawn from all of them, with their labels.
///
/// # Errors
/// If there are fewer.
pub fn some_of(images: &Images, n_images: usize, seed: Seed) -> Result<Images> {
    if n_images > images.len() {
        bail!("expected at most {}, the images there are, found {n_images}", images.len());
    }
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.shuffle(&mut seed.rng());
    order.truncate(n_images);
    let pixels = order.iter().flat_map(|&i| images.image(i)).copied().collect();
    let labels = order.iter().map(|&i| images.label(i)).collect();
    Ok(Images::new(images.size(), pixels, labels)?)
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

fn plain_or_gz(folder: &Path, name: &str) -> Result<PathBuf> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => bail!("{}: expected this file, plain or as .gz, found neither", candidates[0].display()),
    }
}
