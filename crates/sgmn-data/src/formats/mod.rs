//! Readers of every published on-disk format, and our own packed one.
//!
//! A format is one file or folder here and one line in the list below: it has `Options` (what the user may choose),
//! `open` (path and options to a [`Dataset`]) and `detect` (does this path look like it?).
//!
//! ```no_run
//! use sgmn_data::formats::{self, Format};
//! # fn main() -> sgmn_data::Result<()> {
//! let path = std::path::Path::new("data/mnist-inrs");
//! let dataset = formats::detect(path)?.published().open(path)?;
//! for &i in &dataset.splits.train {
//!     let sample = dataset.source.get(i)?; // a name, a net, a target
//! }
//! // In an experiment file the format and its options stand side by side.
//! let format: Format = serde_json::from_str(r#"{"kind": "nfn_cifar", "augmentations": 20}"#).unwrap();
//! # Ok(())
//! # }
//! ```

mod architectures;
pub mod idx;
mod inr;
mod known;
mod mersenne;
pub(crate) mod spec_json;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::known::Epochs;
use crate::{Error, Result, source::Dataset};

/// Declares the formats: modules, the enum with their options, their kinds and names, and names they had before.
macro_rules! register {
    ($($Kind:ident => $module:ident $(was $before:literal)?,)*) => {
        $(pub mod $module;)*

        /// A format with what the user chose for it; in files, `kind` names the format and the options stand beside it.
        ///
        /// Matched in full by programs, which say of each format which nets it has.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Format {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $(#[serde(alias = $before)])?
                $Kind($module::Options),
            )*
        }

        /// The name of a format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FormatKind {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $(#[serde(alias = $before)])?
                $Kind,
            )*
        }

        /// All formats, sorted by name.
        pub const ALL: &[FormatKind] = &[$(FormatKind::$Kind),*];

        /// Names that formats had before, which are still read.
        const FORMER: &[(&str, FormatKind)] = &[$($(($before, FormatKind::$Kind),)?)*];

        impl FormatKind {
            /// The word used in files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Kind => stringify!($module),)*
                }
            }

            /// The format with the options of the published data set.
            pub fn published(self) -> Format {
                match self {
                    $(Self::$Kind => Format::$Kind($module::Options::default()),)*
                }
            }

            fn detects(self, path: &Path) -> bool {
                match self {
                    $(Self::$Kind => $module::detect(path),)*
                }
            }
        }

        impl Format {
            /// Which format this is.
            pub fn kind(&self) -> FormatKind {
                match self {
                    $(Self::$Kind(_) => FormatKind::$Kind,)*
                }
            }

            /// Opens a file or folder of this format.
            ///
            /// # Errors
            /// Those of the format: a missing or damaged file, named with what was expected and found.
            pub fn open(&self, path: &Path) -> Result<Dataset> {
                match self {
                    $(Self::$Kind(options) => $module::open(path, options),)*
                }
            }
        }
    };
}

register! {
    CnnPark => cnn_park,
    CnnZoo => cnn_zoo,
    DwsFmnist => dws_fmnist,
    DwsMnist => dws_mnist,
    Flows => flows,
    Folder => folder was "safetensors_dir",
    ModelZoo => model_zoo,
    NfnCifar => nfn_cifar,
    Packed => packed,
}

/// Finds the format of a file or folder by what is in it. A folder of nets is one only if it is none of the others.
///
/// # Errors
/// [`Error::Format`] if none or several formats fit; the known ones are listed.
pub fn detect(path: &Path) -> Result<FormatKind> {
    let others = ALL.iter().copied().filter(|kind| *kind != FormatKind::Folder);
    let mut fitting: Vec<FormatKind> = others.filter(|kind| kind.detects(path)).collect();
    if fitting.is_empty() && FormatKind::Folder.detects(path) {
        fitting.push(FormatKind::Folder);
    }
    let names = |kinds: &[FormatKind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    match fitting[..] {
        [kind] => Ok(kind),
        [] => Err(Error::format(
            path,
            format!("a dataset of one of the formats {}", names(ALL)),
            "none of them",
        )),
        _ => Err(Error::format(path, "signs of one format only", names(&fitting))),
    }
}

impl std::str::FromStr for FormatKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = ALL.iter().map(|kind| (kind.name(), *kind)).chain(FORMER.iter().copied());
        known.into_iter().find(|(known, _)| *known == name).map(|(_, kind)| kind).ok_or_else(|| {
            Error::Config {
                field: "format".to_owned(),
                expected: format!(
                    "one of {}",
                    ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
                ),
                found: format!("{name:?}"),
            }
        })
    }
}
