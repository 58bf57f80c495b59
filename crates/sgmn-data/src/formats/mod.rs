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

pub mod idx;
mod inr;
mod mersenne;
mod named_layers;
pub(crate) mod spec_json;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, source::Dataset};

/// Declares the formats: modules, the enum with their options, their kinds and names.
macro_rules! register {
    ($($Kind:ident => $module:ident,)*) => {
        $(pub mod $module;)*

        /// A format with what the user chose for it; in files, `kind` names the format and the options stand beside it.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Format {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $Kind($module::Options),
            )*
        }

        /// The name of a format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FormatKind {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $Kind,
            )*
        }

        /// All formats, sorted by name.
        pub const ALL: &[FormatKind] = &[$(FormatKind::$Kind),*];

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
    CnnZoo => cnn_zoo,
    DwsFmnist => dws_fmnist,
    DwsMnist => dws_mnist,
    NfnCifar => nfn_cifar,
    Packed => packed,
    SafetensorsDir => safetensors_dir,
}

/// Finds the format of a file or folder by what is in it.
///
/// # Errors
/// [`Error::Format`] if none or several formats fit; the known ones are listed.
pub fn detect(path: &Path) -> Result<FormatKind> {
    let fitting: Vec<FormatKind> = ALL.iter().copied().filter(|kind| kind.detects(path)).collect();
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
        ALL.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| Error::Config {
            field: "format".to_owned(),
            expected: format!("one of {}", ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")),
            found: format!("{name:?}"),
        })
    }
}
