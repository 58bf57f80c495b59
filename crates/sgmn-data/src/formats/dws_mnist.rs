//! MNIST as sine networks, published with DWSNets: one folder a net, label in the folder's name, a JSON of the split.
//!
//! ```text
//! mnist-inrs/mnist_splits.json
//! mnist-inrs/mnist_png_training_{label}_{id}/checkpoints/model_final.pth      seq.{0,1,2}.{weight,bias}
//! mnist-inrs/mnist_png_testing_{label}_{id}/checkpoints/model_final.pth
//! ```
//!
//! A net `[2, 32, 32, 1]` maps (x, y) in [-1, 1]² to a grey value in [0, 1]; its output is shifted by 0.5.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::inr::{self, InrFile, InrFiles};
use crate::{Error, Result, source::Dataset, split::Splits};

/// Added to the output of DWS's nets, so that a net of zeros is medium grey.
pub(super) const OUTPUT_OFFSET: f64 = 0.5;

const SPLIT_FILE: &str = "mnist_splits.json";

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The split file; a relative path counts from the data set's folder.
    pub splits: PathBuf,
}

impl Default for Options {
    /// The published file.
    fn default() -> Self {
        Self { splits: SPLIT_FILE.into() }
    }
}

/// Opens the data set: items in the order of the split file, train first, then val, then test.
///
/// # Errors
/// [`Error::Io`] and [`Error::Format`] for the split file; files of nets are opened when they are asked for.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let split_file = root.join(&options.splits);
    let mut files = Vec::new();
    let mut assignment = Vec::new();
    for (split, parts, written) in inr::read_splits(&split_file, 3)? {
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
    let source = InrFiles::new(&split_file, files, OUTPUT_OFFSET)?;
    Ok(Dataset { source: Box::new(source), splits: Splits::from_assignment(assignment) })
}

/// Whether the folder looks like this data set.
pub(super) fn detect(root: &Path) -> bool {
    root.join(SPLIT_FILE).is_file()
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
    fn the_label_is_the_first_number_of_the_folder() {
        assert_eq!(class_in_name("mnist_png_training_5_0"), Some(5));
        assert_eq!(class_in_name("mnist_png_testing_9_69999"), Some(9));
        for name in ["mnist_png_5_0", "mnist_png_training_5", "mnist_png_training_x_1", "mnist_png_training_5_1_2"] {
            assert_eq!(class_in_name(name), None, "{name}");
        }
    }
}
