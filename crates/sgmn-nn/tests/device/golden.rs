//! Outputs and gradients of the published implementation, in f32: on our kernels, and composed of candle's operations.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use sgmn_nn::{
    golden::{Golden, Tolerance},
    ops,
};

use crate::check::{Check, Finding, said};

/// Checks of the groups `golden` and `golden-composed`, two a file: outputs and gradients.
pub(crate) fn checks(device: &Device, folder: &Path) -> Result<Vec<Check>, String> {
    let fault = |error: std::io::Error| format!("--golden {}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(fault)?.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    if files.is_empty() {
        return Err(format!("--golden {}: expected golden files, found none", folder.display()));
    }
    let mut checks = Vec::new();
    for group in ["golden", "golden-composed"] {
        for file in &files {
            let (file, device) = (file.clone(), device.clone());
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            checks.push(Check::new(group, name, move || compare(&file, &device, group == "golden-composed")));
        }
    }
    Ok(checks)
}

/// The worse of both errors, each as a multiple of its tolerance.
fn compare(file: &Path, device: &Device, composed: bool) -> Result<Finding, String> {
    let golden = said(Golden::read(file))?;
    let run = || golden.compare(DType::F32, device);
    let parity = said(if composed { ops::plainly(run) } else { run() })?;
    match Tolerance::F32.distance(&parity) {
        Some(worst) => Ok(Finding::Error { worst, tolerance: 1.0 }),
        None => Err("expected outputs and gradients in the file, found none".to_owned()),
    }
}
