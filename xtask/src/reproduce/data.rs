//! Where the nets and images of a reproduction are, and what a person does to get what is missing.

use std::path::{Path, PathBuf};

use anyhow::Result;
use sgmn_data::{
    fetch::{self, Places},
    manifest::Manifest,
};

use crate::repository;

/// Why the data of a manifest cannot be read, in a sentence that says how to get them; nothing if they are there.
///
/// `data_dir` counts from the root of the repository, where all commands run.
pub(super) fn missing(manifest: &str, data_dir: &Path) -> Result<Option<String>> {
    let manifest = Manifest::named(repository::root().join("datasets"), manifest)?;
    let places = Places { data_dir: data_dir.to_owned(), hub_endpoint: None };
    let in_root = Places { data_dir: in_root(data_dir), ..places.clone() };
    if fetch::is_present(&manifest, &in_root) {
        return Ok(None);
    }
    Ok(Some(format!(
        "{}: not there; fetch it with `cargo xtask datasets fetch {}`, or {}",
        manifest.folder(data_dir).display(),
        manifest.name,
        fetch::by_hand(&manifest, &places),
    )))
}

fn in_root(path: &Path) -> PathBuf {
    repository::root().join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_nets_are_one_sentence_that_says_how_to_get_them() {
        let folder = tempfile::tempdir().unwrap();
        for manifest in ["mnist", "mnist-inr", "fmnist-inr", "cifar-inr", "cifar-inr-aug", "cnn-zoo-cifar10"]
        {
            let message = missing(manifest, folder.path()).unwrap().unwrap();
            assert!(message.contains(&format!("cargo xtask datasets fetch {manifest}")), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn images_that_are_there_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("mnist");
        std::fs::create_dir(&images).unwrap();
        for part in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
            std::fs::write(images.join(format!("{part}-ubyte.gz")), "").unwrap();
        }
        assert_eq!(missing("mnist", folder.path()).unwrap(), None);
    }

    #[test]
    fn experiments_look_where_the_published_nets_are_unpacked() {
        for (experiment, manifest) in [
            ("mnist", "mnist-inr"),
            ("fmnist", "fmnist-inr"),
            ("cifar", "cifar-inr"),
            // The augmented copies lie beside the originals, whose experiment names the path.
            ("cifar", "cifar-inr-aug"),
            ("cifar10-gs-hetero", "cnn-zoo-cifar10"),
            ("svhn-gs-relu", "cnn-zoo-svhn"),
        ] {
            let manifest = Manifest::named(repository::root().join("datasets"), manifest).unwrap();
            let file = repository::root().join(format!("crates/sgmn-exp/experiments/published/{experiment}.toml"));
            let experiment: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
            let path = experiment["data"]["path"].as_str().unwrap();
            assert_eq!(Path::new("data").join(path), manifest.root(Path::new("data")), "{}", manifest.name);
        }
    }
}
