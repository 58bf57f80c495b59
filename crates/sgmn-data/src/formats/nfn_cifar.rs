//! CIFAR-10 as sine networks, published with NFN: label and number in the path, augmented copies beside the originals.
//!
//! ```text
//! siren_cifar_wts/randinit_smaller_{label}s/net{id}.pth              net.{0,1}.linear.{weight,bias}, net.2.{weight,bias}
//! siren_cifar_wts/randinit_smaller_aug{k}_{label}s/net{id}.pth       k in 0..20, the same images from other random starts
//! ```
//!
//! A net `[2, 32, 32, 3]` maps (x, y) to three colours; its output is not shifted. The split goes by the number. Of the
//! augmented copies only those of training images are used, behind the originals, as in the published experiments.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::inr::{self, InrFile, Known};
use crate::{
    Error, Result,
    skip::OnBadNet,
    source::Dataset,
    split::{Split, Splits},
};

/// NFN's nets give the colour itself.
const OUTPUT_OFFSET: f64 = 0.0;

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Beginning of the folders' names.
    pub prefix: String,
    /// Number of augmented copies of the training set that are added, from `aug0` on.
    pub augmentations: usize,
    /// First number of the validation set; smaller ones are for training.
    pub val_from: u32,
    /// First number of the test set.
    pub test_from: u32,
    /// What becomes of nets that cannot be read.
    #[serde(skip_serializing_if = "OnBadNet::is_error")]
    pub on_bad_net: OnBadNet,
}

impl Default for Options {
    /// The published experiments without augmentation. Source: NFN, `dset/cifar.yaml`.
    fn default() -> Self {
        Self {
            prefix: "randinit_smaller".to_owned(),
            augmentations: 0,
            val_from: 45_000,
            test_from: 50_000,
            on_bad_net: OnBadNet::Error,
        }
    }
}

/// Opens the data set: originals by number, then the copies `aug0`, `aug1`, ... each by number.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be listed; [`Error::Format`] if there are no nets, a copy is missing as a whole, or
/// one number stands in two folders; [`Error::Config`] if the limits of the split are reversed.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let Options { prefix, augmentations, val_from, test_from, on_bad_net } = options;
    if val_from > test_from {
        return Err(Error::Config {
            field: "val_from".to_owned(),
            expected: format!("at most test_from, {test_from}"),
            found: val_from.to_string(),
        });
    }
    let mut folders: BTreeMap<Option<usize>, Vec<(u32, PathBuf)>> = BTreeMap::new();
    for name in list(root)? {
        if let Some((copy, class)) = parse_folder(&name, prefix)
            && copy.is_none_or(|copy| copy < *augmentations)
        {
            folders.entry(copy).or_default().push((class, root.join(&name)));
        }
    }
    let mut files = Vec::new();
    let mut assignment = Vec::new();
    for copy in std::iter::once(None).chain((0..*augmentations).map(Some)) {
        let label = copy.map_or_else(String::new, |copy| format!("_aug{copy}"));
        let Some(folders) = folders.get(&copy) else {
            return Err(Error::format(root, format!("folders named {prefix}{label}_{{label}}s"), "none"));
        };
        for (number, (class, path)) in numbered(root, folders)? {
            let split = match number {
                _ if number < *val_from => Split::Train,
                _ if number < *test_from => Split::Val,
                _ => Split::Test,
            };
            if copy.is_some() && split != Split::Train {
                continue;
            }
            let id = copy.map_or_else(|| format!("net{number}"), |copy| format!("aug{copy}/net{number}"));
            files.push(InrFile { id, path, class: Some(class) });
            assignment.push(Some(split));
        }
    }
    let known = Known { root, output_offset: OUTPUT_OFFSET, on_bad_net: *on_bad_net };
    inr::dataset(&known, files, Splits::from_assignment(assignment))
}

/// Whether the folder looks like this data set.
pub(super) fn detect(root: &Path) -> bool {
    let prefix = Options::default().prefix;
    root.is_dir() && list(root).is_ok_and(|names| names.iter().any(|name| parse_folder(name, &prefix).is_some()))
}

/// Nets of some folders by number, each with its class and path.
fn numbered(root: &Path, folders: &[(u32, PathBuf)]) -> Result<BTreeMap<u32, (u32, PathBuf)>> {
    let mut nets: BTreeMap<u32, (u32, PathBuf)> = BTreeMap::new();
    for (class, folder) in folders {
        for name in list(folder)? {
            let number = name.strip_prefix("net").and_then(|rest| rest.strip_suffix(".pth")?.parse().ok());
            let Some(number) = number else {
                return Err(Error::format(folder, "files named net{id}.pth", format!("{name:?}")));
            };
            if let Some((_, before)) = nets.insert(number, (*class, folder.join(&name))) {
                let found = format!("net{number} in {} and in {}", before.display(), folder.display());
                return Err(Error::format(root, "every number once", found));
            }
        }
    }
    Ok(nets)
}

/// Names in a folder, sorted; names that are not text are no part of this data set, hidden files neither.
fn list(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(Error::io(folder))?.file_name();
        names.extend(name.into_string().ok().filter(|name| !name.starts_with('.')));
    }
    Ok(names)
}

/// Copy and class of `PREFIX_4s` (no copy) or `PREFIX_aug7_4s`.
fn parse_folder(name: &str, prefix: &str) -> Option<(Option<usize>, u32)> {
    let rest = name.strip_prefix(prefix)?.strip_prefix('_')?.strip_suffix('s')?;
    match rest.strip_prefix("aug") {
        Some(rest) => {
            let (copy, class) = rest.split_once('_')?;
            Some((Some(copy.parse().ok()?), class.parse().ok()?))
        }
        None => Some((None, rest.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_tell_copy_and_class() {
        assert_eq!(parse_folder("randinit_smaller_4s", "randinit_smaller"), Some((None, 4)));
        assert_eq!(parse_folder("randinit_smaller_aug17_9s", "randinit_smaller"), Some((Some(17), 9)));
        for name in ["randinit_smaller_s", "randinit_4s", "randinit_smaller_aug_4s", "randinit_smaller_4"] {
            assert_eq!(parse_folder(name, "randinit_smaller"), None, "{name}");
        }
    }
}
