//! Where the nets and images of a reproduction are, and what a person does to get what is missing.

use std::path::Path;

use anyhow::Result;
use sgmn_data::{
    fetch::{self, Places},
    manifest::Manifest,
};

/// Why the data of a manifest cannot be read, in a sentence that says how to get them; nothing if they are there.
pub(super) fn missing(manifests: &Path, name: &str, data_dir: &Path) -> Result<Option<String>> {
    let manifest = Manifest::named(manifests, name)?;
    let places = Places { data_dir: data_dir.to_owned(), hub_endpoint: None };
    if fetch::is_present(&manifest, &places) {
        return Ok(None);
    }
    Ok(Some(format!(
        "{}: not there; fetch it with `cargo xtask datasets fetch {}`, or {}",
        manifest.folder(data_dir).display(),
        manifest.name,
        fetch::by_hand(&manifest, &places),
    )))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Data, ExperimentFile};

    fn manifests() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets")
    }

    #[test]
    fn missing_nets_are_one_sentence_that_says_how_to_get_them() {
        let folder = tempfile::tempdir().unwrap();
        for manifest in ["mnist", "mnist-inr", "fmnist-inr", "cifar-inr", "cifar-inr-aug", "cnn-zoo-cifar10"]
        {
            let message = missing(&manifests(), manifest, folder.path()).unwrap().unwrap();
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
        assert_eq!(missing(&manifests(), "mnist", folder.path()).unwrap(), None);
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
            let manifest = Manifest::named(manifests(), manifest).unwrap();
            let experiment = ExperimentFile::open(experiment).unwrap().resolve().unwrap();
            let Data::Files(files) = experiment.data() else { panic!("{}", manifest.name) };
            assert_eq!(
                Path::new("data").join(&files.path),
                manifest.root(Path::new("data")),
                "{}",
                manifest.name
            );
        }
    }
}
