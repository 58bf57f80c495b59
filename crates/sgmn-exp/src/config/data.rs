//! `[data]`: which nets are read. Every path is relative to the folder given by `--data-dir`.

use anyhow::{Result, anyhow};
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use sgmn_data::fit::Recipe;
use sgmn_data::formats::{self, Format, FormatKind, cnn_zoo::ZooActivation, flows};
use toml::{Table, Value};

use super::check;

/// Words for nets that are made here; every other `kind` is the name of a format.
const FITTED: &str = "fitted";
const TRAINED: &str = "trained";
const WILD: &str = "wild";

/// The source of the nets.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "an experiment has one")]
#[non_exhaustive]
pub enum Data {
    /// Nets that exist as files; `kind` is the name of a format of `sgmn-data`.
    Files(Files),
    /// INRs fitted to images by our own fitter when they are first needed, then kept as one packed file.
    Fitted(Fitted),
    /// CNNs trained on images here when they are first needed, then kept as a folder with the Small CNN Zoo's files.
    Trained(Trained),
    /// Nets of many architectures trained on images here when they are first needed, then kept as a packed file of flows.
    Wild(Wild),
}

/// Nets that exist as files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Files {
    /// The folder of the nets, or the file that holds them all.
    pub path: String,
    /// The format, its options beside it; what is left out is as published.
    #[serde(flatten)]
    pub format: Format,
}

/// INRs that are fitted here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// `mini` for the sample of MNIST digits that comes with the project, else a folder of IDX files.
    pub images: String,
    /// Nets to train on.
    pub n_train: usize,
    /// Nets to choose the best epoch on.
    pub n_val: usize,
    /// Nets to report on.
    pub n_test: usize,
    /// Seed of the fits: every net starts from a random point of its own.
    pub fit_seed: u64,
    /// How each net is fitted; what is left out is as published.
    #[serde(default, deserialize_with = "published_unless_written")]
    pub recipe: Recipe,
}

/// A zoo of CNNs that are trained here; its split is the published one, two fifths to train on and half to test on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// `mini` for the sample of MNIST digits that comes with the project, else a folder of IDX files.
    pub images: String,
    /// Nets of the zoo, of both activations.
    pub n_nets: usize,
    /// Images that nets are trained on, drawn from all; absent: all. All images of the test set are tested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_images: Option<usize>,
    /// Epochs of every net.
    pub epochs: u32,
    /// Seed of the zoo.
    pub zoo_seed: u64,
    /// Read the nets of one activation only; the zoo has both, so that experiments share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<ZooActivation>,
}

/// A wild zoo that is trained here, what is asked about its nets, and which are tested on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wild {
    /// `mini` for the sample of MNIST digits that comes with the project, else a folder of IDX files.
    pub images: String,
    /// Nets of the zoo.
    pub n_nets: usize,
    /// Nets in a row that share an architecture.
    pub per_architecture: usize,
    /// Epochs of a net at most.
    pub most_epochs: u32,
    /// Seed of the zoo.
    pub zoo_seed: u64,
    /// The column of the zoo that is asked about: numbers are predicted, words are classes.
    pub target: String,
    /// The nets that are tested on, of which none is seen in training; absent: those that the zoo has drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<flows::HeldOut>,
}

impl Data {
    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::Files(files) => check::inner_path("data.path", &files.path),
            Self::Fitted(fitted) => fitted.validate(),
            Self::Trained(trained) => trained.validate(),
            Self::Wild(wild) => wild.validate(),
        }
    }
}

impl Fitted {
    fn validate(&self) -> Result<()> {
        check::inner_path("data.images", &self.images)?;
        check::at_least("data.n_train", 1, self.n_train)?;
        check::at_least("data.n_val", 1, self.n_val)?;
        check::at_least("data.n_test", 1, self.n_test)?;
        self.recipe.validate().map_err(|error| anyhow!("data.recipe.{error}"))
    }
}

impl Trained {
    fn validate(&self) -> Result<()> {
        /// Fewer leave a part of the split empty.
        const MIN_NETS: usize = 4;
        check::inner_path("data.images", &self.images)?;
        check::at_least("data.n_nets", MIN_NETS, self.n_nets)?;
        self.n_images.map_or(Ok(()), |n| check::at_least("data.n_images", 1, n))?;
        check::at_least("data.epochs", 1, self.epochs)
    }
}

impl Wild {
    fn validate(&self) -> Result<()> {
        /// Fewer leave a part of the split empty.
        const MIN_NETS: usize = 10;
        check::inner_path("data.images", &self.images)?;
        check::at_least("data.n_nets", MIN_NETS, self.n_nets)?;
        check::at_least("data.per_architecture", 1, self.per_architecture)?;
        check::at_least("data.most_epochs", 1, self.most_epochs)
    }

    /// What is asked about the nets, and which are tested on.
    pub fn options(&self) -> flows::Options {
        flows::Options { target: Some(self.target.clone()), held_out: self.held_out.clone() }
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tagged<'a, T> {
            kind: &'static str,
            #[serde(flatten)]
            request: &'a T,
        }

        match self {
            Self::Files(files) => files.serialize(serializer),
            Self::Fitted(request) => Tagged { kind: FITTED, request }.serialize(serializer),
            Self::Trained(request) => Tagged { kind: TRAINED, request }.serialize(serializer),
            Self::Wild(request) => Tagged { kind: WILD, request }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Table::deserialize(deserializer)?;
        let formats = || formats::ALL.iter().map(|format| format.name());
        match table.get("kind").and_then(Value::as_str) {
            Some(FITTED) => {
                table.remove("kind");
                Fitted::deserialize(table).map(Self::Fitted).map_err(plain)
            }
            Some(TRAINED) => {
                table.remove("kind");
                Trained::deserialize(table).map(Self::Trained).map_err(plain)
            }
            Some(WILD) => {
                table.remove("kind");
                Wild::deserialize(table).map(Self::Wild).map_err(plain)
            }
            Some(kind) if kind.parse::<FormatKind>().is_err() => {
                let known: Vec<String> =
                    formats().chain([FITTED, TRAINED, WILD]).map(|format| format!("`{format}`")).collect();
                Err(de::Error::custom(format!("unknown kind `{kind}`, expected one of {}", known.join(", "))))
            }
            _ => Files::deserialize(table).map(Self::Files).map_err(plain),
        }
    }
}

/// Lays what is written over the recipe of the published INRs.
fn published_unless_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Recipe, D::Error> {
    let written = Table::deserialize(deserializer)?;
    let mut recipe = Table::try_from(Recipe::default()).map_err(de::Error::custom)?;
    recipe.extend(written);
    Recipe::deserialize(recipe).map_err(plain)
}

/// The message alone: where the key stands is found out by whoever reads the whole file.
fn plain<E: de::Error>(error: toml::de::Error) -> E {
    E::custom(error.message())
}
