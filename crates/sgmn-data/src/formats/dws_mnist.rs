//! MNIST as sine networks, published with DWSNets: one folder a net, label in the folder's name, a JSON of the split.
//!
//! ```text
//! mnist-inrs/mnist_splits.json
//! mnist-inrs/mnist_png_training_{label}_{id}/checkpoints/model_final.pth      seq.{0,1,2}.{weight,bias}
//! mnist-inrs/mnist_png_testing_{label}_{id}/checkpoints/model_final.pth
//! ```
//!
//! The publishers draw the split with a script and no fixed seed, so none comes with the data: without the file, nets of
//! the training images are cut by a seed of our own.
//!
//! A net `[2, 32, 32, 1]` maps (x, y) in [-1, 1]² to a grey value in [0, 1]; its output is shifted by 0.5.

use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use sgmn_graph::Seed;

use super::inr::{self, InrFile, Known, Listed};
use crate::{Error, Result, skip::OnBadNet, source::Dataset, split::Splits};

/// Added to the output of DWS's nets, so that a net of zeros is medium grey.
pub(super) const OUTPUT_OFFSET: f64 = 0.5;

const SPLIT_FILE: &str = "mnist_splits.json";

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The split file; a relative path counts from the data set's folder. Where the default one is missing, the split is
    /// drawn: folders named `testing` are the test set, one in twelve of the others is for validation.
    pub splits: PathBuf,
    /// What becomes of nets that cannot be read.
    #[serde(skip_serializing_if = "OnBadNet::is_error")]
    pub on_bad_net: OnBadNet,
}

impl Default for Options {
    /// The published file.
    fn default() -> Self {
        Self { splits: SPLIT_FILE.into(), on_bad_net: OnBadNet::Error }
    }
}

/// Opens the data set: items in the order of the split file, train first, then val, then test; without one, in the
/// order of the images.
///
/// # Errors
/// [`Error::Io`] and [`Error::Format`] for the split file; files of nets are opened when they are asked for.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let split_file = root.join(&options.splits);
    if !split_file.exists() && options.splits == Options::default().splits {
        return open_by_name(root, options.on_bad_net);
    }
    let mut files = Vec::new();
    let mut assignment = Vec::new();
    let Listed { lines, notes } = inr::read_splits(&split_file, 3)?;
    for (split, parts, written) in lines {
        let Some(class) = class_in_name(&parts[0]) else {
            let found = format!("{:?}", parts[0]);
            return Err(Error::format(split_file, "folders named mnist_png_{training,testing}_{label}_{id}", found));
        };
        if let Some(written) = written
            && written != class
        {
            let found = format!("{written} for {}", parts[0]);
            return Err(Error::format(split_file, "labels that agree with the folder's name", found));
        }
        let path = root.join(parts.iter().collect::<PathBuf>());
        files.push(InrFile { id: parts[0].clone(), path, class: Some(class) });
        assignment.push(Some(split));
    }
    let known = Known { root: &split_file, output_offset: OUTPUT_OFFSET, on_bad_net: options.on_bad_net };
    Ok(Dataset { notes, ..inr::dataset(&known, files, Splits::from_assignment(assignment))? })
}

/// Opens the data set without a split file.
fn open_by_name(root: &Path, on_bad_net: OnBadNet) -> Result<Dataset> {
    let mut folders: Vec<(bool, u32, u32, String)> = Vec::new();
    for entry in std::fs::read_dir(root).map_err(Error::io(root))? {
        let name = entry.map_err(Error::io(root))?.file_name().to_string_lossy().into_owned();
        if let (Some(class), Some(id)) = (class_in_name(&name), name.rsplit('_').next().and_then(|id| id.parse().ok())) {
            folders.push((name.starts_with("mnist_png_testing_"), id, class, name));
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(Error::format(root, "folders named mnist_png_{training,testing}_{label}_{id}", "none"));
    }
    let n_learn = folders.iter().filter(|(tested, ..)| !tested).count();
    let mut learn: Vec<usize> = (0..n_learn).collect();
    learn.shuffle(&mut Seed::new(0).child("dws_mnist validation").rng());
    let mut splits = Splits::default();
    let (val, train) = learn.split_at(n_learn / VAL_SHARE);
    let in_order = |items: &[usize]| {
        let mut items = items.to_vec();
        items.sort_unstable();
        items
    };
    (splits.train, splits.val, splits.test) = (in_order(train), in_order(val), (n_learn..folders.len()).collect());
    let file = |(_, _, class, name): &(bool, u32, u32, String)| InrFile {
        id: name.clone(),
        path: root.join(name).join("checkpoints").join("model_final.pth"),
        class: Some(*class),
    };
    let known = Known { root, output_offset: OUTPUT_OFFSET, on_bad_net };
    let note = format!("{SPLIT_FILE} is not there: one in {VAL_SHARE} nets of training images, drawn from seed 0, validates");
    Ok(Dataset { notes: vec![note], ..inr::dataset(&known, folders.iter().map(file).collect(), splits)? })
}

/// One in so many nets of training images is for validation, 5,000 of 60,000 as published.
const VAL_SHARE: usize = 12;

/// Whether the folder looks like this data set.
pub(super) fn detect(root: &Path) -> bool {
    root.join(SPLIT_FILE).is_file()
        || std::fs::read_dir(root).is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| class_in_name(&entry.file_name().to_string_lossy()).is_some()))
        })
}

/// The label in `mnist_png_training_5_0`: 5.
fn class_in_name(name: &str) -> Option<u32> {
    let rest = name.strip_prefix("mnist_png_")?;
    let (label, id) = rest.strip_prefix("training_").or_else(|| rest.strip_prefix("testing_"))?.split_once('_')?;
    id.parse::<u32>().ok().and_then(|_| label.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_split_file_the_split_follows_names_and_a_fixed_seed() {
        let root = tempfile::tempdir().unwrap();
        for id in 0..24 {
            std::fs::create_dir(root.path().join(format!("mnist_png_training_{}_{id}", id % 10))).unwrap();
        }
        std::fs::create_dir(root.path().join("mnist_png_testing_7_0")).unwrap();
        let splits = open(root.path(), &Options::default()).unwrap().splits;
        assert_eq!((splits.train.len(), splits.val.len(), splits.test.as_slice()), (22, 2, &[24][..]));
        assert_eq!(splits, open(root.path(), &Options::default()).unwrap().splits);
        let elsewhere = Options { splits: "elsewhere.json".into(), ..Options::default() };
        assert!(open(root.path(), &elsewhere).is_err(), "a file that was asked for must be there");
    }

    #[test]
    fn the_label_is_the_first_number_of_the_folder() {
        assert_eq!(class_in_name("mnist_png_training_5_0"), Some(5));
        assert_eq!(class_in_name("mnist_png_testing_9_69999"), Some(9));
        for name in ["mnist_png_5_0", "mnist_png_training_5", "mnist_png_training_x_1", "mnist_png_training_5_1_2"] {
            assert_eq!(class_in_name(name), None, "{name}");
        }
    }
}
