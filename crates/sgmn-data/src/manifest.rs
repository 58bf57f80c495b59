//! Manifests: one TOML file per dataset that says what it holds, where it comes from and how to check it.
//!
//! A manifest states only what is known: an unknown size or checksum is absent, never guessed.

mod check;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{Error, Result};

/// One published dataset, as `datasets/NAME.toml` describes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Short name: the name of the file without `.toml`, and of the folder that holds the data.
    pub name: String,
    /// Name as people write it.
    pub title: String,
    /// What it holds, in a few sentences.
    pub description: String,
    /// Whether the items are nets or images.
    pub contents: Contents,
    /// Which reader of [`crate::formats`] opens it.
    pub format: Format,
    /// Folder of the data below the data folder, where two datasets share one, or for embedded data from the folder of the
    /// manifest; absent: the name.
    pub folder: Option<String>,
    /// Folder inside the dataset's own folder at which the reader is opened; absent: that folder itself.
    pub root: Option<String>,
    /// What is asked about an item.
    pub target: Question,
    /// License of the data, as its publishers state it.
    pub license: String,
    /// BibTeX entry or one line to cite.
    pub citation: String,
    /// Page of the publishers.
    pub homepage: String,
    /// How the items are divided.
    pub splits: Splits,
    /// What a person does who cannot fetch: an instruction without final dot, to which the place is added.
    pub by_hand: String,
    /// The files, in the order in which they are fetched.
    pub files: Vec<RemoteFile>,
    /// Folder in which the manifest itself lies.
    #[serde(skip)]
    directory: PathBuf,
}

/// The kind of thing a dataset holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contents {
    /// Trained networks.
    Nets,
    /// Images with labels, to fit nets to.
    Images,
}

/// How the files are laid out; each but the last is the name of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Folders `mnist_png_{training,testing}_LABEL_ID` of PyTorch state dicts.
    DwsMnist,
    /// `{train,test}/model_ID.pth`, the label inside the file.
    DwsFmnist,
    /// `randinit_smaller_LABELs/netID.pth` and augmented copies.
    NfnCifar,
    /// `weights.npy`, `metrics.csv.gz`, `layout.csv`.
    CnnZoo,
    /// The project's own memory-mapped file.
    Packed,
    /// The IDX image and label files of MNIST.
    Idx,
    /// Parquet tables of encoded images, as the Hugging Face Hub keeps them; fetched and checked, not yet read.
    Parquet,
}

/// What is to be predicted from an item.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// One of `n_classes` classes.
    Class {
        /// Number of classes.
        n_classes: u32,
    },
    /// A number in [0, 1].
    Score {
        /// What the number measures, by the name of its column.
        metric: String,
    },
}

/// How the items of a dataset are divided into training, validation and test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Splits {
    /// Items for training, where the publishers state a number.
    pub train: Option<u64>,
    /// Items for validation.
    pub validation: Option<u64>,
    /// Items for the test.
    pub test: Option<u64>,
    /// File that lists the members, inside the dataset's own folder.
    pub file: Option<String>,
    /// The rule in words.
    pub rule: String,
}

/// One file of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteFile {
    /// Where it lies inside the dataset's own folder.
    pub path: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Length in bytes, if known.
    pub size_bytes: Option<u64>,
    /// SHA-256 in lower-case hexadecimal, if known.
    pub sha256: Option<String>,
    /// How it is unpacked, if it is an archive.
    pub unpack: Option<Unpack>,
    /// The one folder that unpacking leaves beside the archive.
    pub creates: Option<String>,
    /// Which part of an image dataset it is.
    pub role: Option<Role>,
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// Addresses of the same file, tried in order.
    Https {
        /// The addresses.
        urls: Vec<String>,
    },
    /// A dataset repository on the Hugging Face Hub.
    Hub {
        /// `owner/name`.
        repo: String,
        /// Branch, tag or commit.
        revision: String,
        /// Path inside the repository.
        path: String,
    },
    /// Part of this project: it lies in the dataset's folder, counted from that of the manifest.
    Embedded {},
}

/// Archive formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unpack {
    /// `.zip`.
    Zip,
    /// `.tar`.
    Tar,
    /// `.tar.gz`.
    TarGz,
    /// `.tar.xz`.
    TarXz,
}

/// Parts of an image dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Images to train on.
    TrainImages,
    /// Their labels.
    TrainLabels,
    /// Held-out images.
    TestImages,
    /// Their labels.
    TestLabels,
}

impl Manifest {
    /// Reads and checks one manifest.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML of this form, or a field has a value that cannot be meant; file and
    /// field are named.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        let mut manifest: Self = toml::from_str(&text).map_err(|e| {
            Error::format(path, "a dataset manifest", e.to_string().trim_end().replace('\n', " "))
        })?;
        manifest.directory = path.parent().unwrap_or(Path::new("")).to_path_buf();
        manifest.check(path)?;
        Ok(manifest)
    }

    /// Reads every `*.toml` of a folder, in order of name.
    ///
    /// # Errors
    /// As [`Manifest::load`]; and the folder cannot be listed.
    pub fn all(directory: impl AsRef<Path>) -> Result<Vec<Self>> {
        let directory = directory.as_ref();
        let mut manifests = Vec::new();
        for entry in fs::read_dir(directory).map_err(Error::io(directory))? {
            let path = entry.map_err(Error::io(directory))?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                manifests.push(Self::load(path)?);
            }
        }
        manifests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(manifests)
    }

    /// Reads the manifest called `name`.
    ///
    /// # Errors
    /// As [`Manifest::load`]; an unknown name lists the known ones.
    pub fn named(directory: impl AsRef<Path>, name: &str) -> Result<Self> {
        let directory = directory.as_ref();
        let known: Vec<String> = Self::all(directory)?.into_iter().map(|m| m.name).collect();
        if !known.iter().any(|k| k == name) {
            let expected = format!("one of {}", known.join(", "));
            return Err(Error::Config { field: "dataset".into(), expected, found: name.into() });
        }
        Self::load(directory.join(format!("{name}.toml")))
    }

    /// The folder of this dataset, by default `data_dir/NAME`; for embedded data it counts from the folder of the
    /// manifest.
    pub fn folder(&self, data_dir: &Path) -> PathBuf {
        let folder = self.folder.as_ref().unwrap_or(&self.name);
        if self.is_embedded() { self.directory.join(folder) } else { data_dir.join(folder) }
    }

    /// The folder at which the dataset's reader is opened.
    pub fn root(&self, data_dir: &Path) -> PathBuf {
        let folder = self.folder(data_dir);
        self.root.as_ref().map_or_else(|| folder.clone(), |root| folder.join(root))
    }

    /// The path of the file that plays `role`, if the dataset has one.
    pub fn part(&self, role: Role, data_dir: &Path) -> Option<PathBuf> {
        let file = self.files.iter().find(|f| f.role == Some(role))?;
        Some(self.folder(data_dir).join(&file.path))
    }

    /// Whether the data are part of this project.
    pub fn is_embedded(&self) -> bool {
        self.files.iter().any(|f| f.origin == Origin::Embedded {})
    }

    /// Sum of the known file sizes in bytes, and whether any is unknown.
    pub fn size(&self) -> (u64, bool) {
        let known = self.files.iter().filter_map(|f| f.size_bytes).fold(0u64, u64::saturating_add);
        (known, self.files.iter().any(|f| f.size_bytes.is_none()))
    }
}
