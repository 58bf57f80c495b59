//! Where nets are kept that are made or packed once: below the folder of data, by a digest of what was asked for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sgmn_data::formats::Format;
use sha2::{Digest, Sha256};

use crate::config::{Files, Fitted};

/// Where the INRs of a request are kept: the name holds a digest of the request, so another one has another file.
pub fn fitted_path(fitted: &Fitted, data_dir: &Path) -> PathBuf {
    let request = serde_json::to_vec(fitted).expect("a request is plain numbers and names");
    data_dir.join("fitted").join(kept_name(&fitted.images, &request))
}

/// Where the packed copy of nets that lie in a file each is kept.
///
/// The name holds a digest of the request and of the split file, so another choice or another split has another copy.
///
/// # Errors
/// If the split file is there and cannot be read.
pub fn packed_path(files: &Files, data_dir: &Path) -> Result<PathBuf> {
    let mut request = serde_json::to_vec(files).expect("a request is plain numbers and names");
    let splits = match &files.format {
        Format::DwsMnist(options) => Some(&options.splits),
        Format::DwsFmnist(options) => Some(&options.splits),
        Format::CnnPark(options) => Some(&options.splits),
        _ => None,
    };
    if matches!(files.format, Format::ModelZoo(_)) {
        // Copies of versions whose reader knew no pooling hold the same numbers as other nets.
        request.extend(b"pooled");
    }
    // Without the file the reader draws a split or says what is missing.
    if let Some(splits) =
        splits.map(|splits| data_dir.join(&files.path).join(splits)).filter(|path| path.exists())
    {
        request.extend(std::fs::read(&splits).with_context(|| splits.display().to_string())?);
    }
    Ok(data_dir.join("packed").join(kept_name(&files.path, &request)))
}

/// Whether a dataset of this format is tens of thousands of small files, too slow to open in every epoch.
pub(super) fn is_a_file_a_net(format: &Format) -> bool {
    // A folder of one's own changes, and is read as it is.
    matches!(
        format,
        Format::DwsMnist(_)
            | Format::DwsFmnist(_)
            | Format::NfnCifar(_)
            | Format::CnnPark(_)
            | Format::ModelZoo(_)
    )
}

pub(super) fn kept_name(name: &str, request: &[u8]) -> String {
    format!("{}-{}.packed", name.replace(['/', '\\'], "-"), kept_digest(request))
}

/// Twelve digits that tell requests apart.
pub(super) fn kept_digest(request: &[u8]) -> String {
    Sha256::digest(request).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
