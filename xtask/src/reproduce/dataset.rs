//! The datasets that can be reproduced, and where their nets or images are.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;
use sgmn_data::{
    fetch::{self, Places},
    manifest::Manifest,
};

use crate::repository;

/// What the models read.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Dataset {
    /// Nets fitted here to the digits that come with the project: nothing is downloaded
    Mini,
    /// MNIST-INR
    Mnist,
    /// F-MNIST-INR
    Fmnist,
    /// CIFAR-10-INR
    Cifar,
    /// CIFAR-10-INR with augmented copies
    CifarAug,
}

/// Where the experiments find their nets.
pub(super) struct Nets {
    /// The folder that paths in experiments start from.
    pub(super) data_dir: PathBuf,
    /// What is laid over the experiments so that they read these nets.
    pub(super) overrides: Vec<String>,
}

impl Dataset {
    /// The name of the study.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mini => "mini",
            Self::Mnist => "mnist",
            Self::Fmnist => "fmnist",
            Self::Cifar => "cifar",
            Self::CifarAug => "cifar-aug",
        }
    }

    /// The manifest of the published nets; none for nets that are always fitted here.
    fn published(self) -> Option<&'static str> {
        match self {
            Self::Mini => None,
            Self::Mnist => Some("mnist-inr"),
            Self::Fmnist => Some("fmnist-inr"),
            Self::Cifar => Some("cifar-inr"),
            Self::CifarAug => Some("cifar-inr-aug"),
        }
    }

    /// The manifest of the images, where nets can be fitted to them by the published recipe.
    fn images(self) -> Option<&'static str> {
        match self {
            Self::Mnist => Some("mnist"),
            Self::Fmnist => Some("fashion-mnist"),
            Self::Mini | Self::Cifar | Self::CifarAug => None,
        }
    }

    /// Finds the nets below `data_dir`, or says in one sentence how they get there.
    ///
    /// Nets that come without a download are kept below `out`.
    pub(super) fn nets(self, data_dir: &Path, out: &Path, fit: bool) -> Result<Nets> {
        let manifests = repository::root().join("datasets");
        let places = Places { data_dir: data_dir.to_owned(), hub_endpoint: None };
        let Some(published) = self.published() else {
            return Ok(Nets { data_dir: out.join("data"), overrides: Vec::new() });
        };
        let (manifest, instead) = match (fit, self.images()) {
            (false, None) => (published, String::new()),
            (false, Some(images)) => {
                (published, format!("; `--fit` makes such nets from the images of `{images}` instead"))
            }
            (true, Some(images)) => (images, String::new()),
            (true, None) => bail!(
                "--fit: expected mnist or fmnist, found {}, for whose nets no recipe is known",
                self.name()
            ),
        };
        let manifest = Manifest::named(&manifests, manifest)?;
        let in_root = Places { data_dir: repository::root().join(data_dir), ..places.clone() };
        if !fetch::is_present(&manifest, &in_root) {
            bail!(
                "{}: not there; fetch it with `cargo xtask datasets fetch {}`, or {}{instead}",
                manifest.folder(data_dir).display(),
                manifest.name,
                fetch::by_hand(&manifest, &places),
            );
        }
        if !fit {
            return Ok(Nets { data_dir: data_dir.to_owned(), overrides: Vec::new() });
        }
        // The split has the sizes of the published one.
        let fitted = ["kind=fitted", "n_train=55000", "n_val=5000", "n_test=10000", "fit_seed=0"];
        let mut overrides: Vec<String> = fitted.map(|assignment| format!("data.{assignment}")).to_vec();
        overrides.push(format!("data.images={}", manifest.name));
        Ok(Nets { data_dir: data_dir.to_owned(), overrides })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_of_the_project_are_always_there() {
        let nets = Dataset::Mini.nets(Path::new("data"), Path::new("out"), false).unwrap();
        assert_eq!((nets.data_dir, nets.overrides.len()), (PathBuf::from("out/data"), 0));
    }

    #[test]
    fn missing_nets_are_one_sentence_that_says_how_to_get_them() {
        let folder = tempfile::tempdir().unwrap();
        for dataset in [Dataset::Mnist, Dataset::Fmnist, Dataset::Cifar, Dataset::CifarAug] {
            let message = dataset.nets(folder.path(), Path::new("out"), false).err().unwrap().to_string();
            let manifest = dataset.published().unwrap();
            assert!(message.contains(&format!("cargo xtask datasets fetch {manifest}")), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn experiments_look_where_the_published_nets_are_unpacked() {
        for dataset in [Dataset::Mnist, Dataset::Fmnist, Dataset::Cifar, Dataset::CifarAug] {
            let manifest =
                Manifest::named(repository::root().join("datasets"), dataset.published().unwrap()).unwrap();
            // The augmented copies lie beside the originals, whose experiment names the path.
            let name = dataset.name().trim_end_matches("-aug");
            let file = repository::root().join(format!("crates/sgmn-exp/experiments/{name}.toml"));
            let experiment: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
            let path = experiment["data"]["path"].as_str().unwrap();
            assert_eq!(Path::new("data").join(path), manifest.root(Path::new("data")), "{name}");
        }
    }

    #[test]
    fn nets_are_fitted_to_the_images_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Dataset::Cifar.nets(folder.path(), Path::new("out"), true).is_err());
        assert!(Dataset::Mnist.nets(folder.path(), Path::new("out"), true).is_err());
        let images = folder.path().join("mnist");
        std::fs::create_dir(&images).unwrap();
        for part in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
            std::fs::write(images.join(format!("{part}-ubyte.gz")), "").unwrap();
        }
        let nets = Dataset::Mnist.nets(folder.path(), Path::new("out"), true).unwrap();
        assert_eq!(nets.data_dir, folder.path());
        assert!(nets.overrides.contains(&"data.images=mnist".to_owned()));
    }
}
