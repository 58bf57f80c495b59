//! Fashion-MNIST as sine networks, published with DWSNets: one file a net, the label inside the file.
//!
//! ```text
//! fmnist_inrs/fmnist_splits.json
//! fmnist_inrs/train/model_{id}.pth      seq.{0,1,2}.{weight,bias} and label, a whole number
//! fmnist_inrs/test/model_{id}.pth
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    dws_mnist::OUTPUT_OFFSET,
    inr::{self, InrFile, Known, Listed},
};
use crate::{Error, Result, skip::OnBadNet, source::Dataset, split::Splits};

const SPLIT_FILE: &str = "fmnist_splits.json";

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The split file; a relative path counts from the data set's folder.
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

/// Opens the data set: items in the order of the split file, train first, then val, then test.
///
/// # Errors
/// [`Error::Io`] and [`Error::Format`] for the split file; files of nets are opened when they are asked for.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let split_file = root.join(&options.splits);
    let mut files = Vec::new();
    let mut assignment = Vec::new();
    let Listed { lines, notes } = inr::read_splits(&split_file, 2)?;
    for (split, parts, class) in lines {
        let (folder, file) = (&parts[0], &parts[1]);
        let Some(name) = file.strip_suffix(".pth") else {
            return Err(Error::format(split_file, "files named {train,test}/model_{id}.pth", format!("{file:?}")));
        };
        files.push(InrFile { id: format!("{folder}/{name}"), path: root.join(folder).join(file), class });
        assignment.push(Some(split));
    }
    let known = Known { root: &split_file, output_offset: OUTPUT_OFFSET, on_bad_net: options.on_bad_net };
    Ok(Dataset { notes, ..inr::dataset(&known, files, Splits::from_assignment(assignment))? })
}

/// Whether the folder looks like this data set.
pub(super) fn detect(root: &Path) -> bool {
    root.join(SPLIT_FILE).is_file()
}
