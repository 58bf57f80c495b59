//! Outputs and gradients of the published implementation, at 24 configurations of width 8.

use std::path::{Path, PathBuf};

use candle_core::DType;
use sgmn_nn::golden::{Golden, Tolerance};

use crate::setup::device;

/// The 24 files.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 24);
    files
}

fn compare(dtype: DType) {
    let tolerance = if dtype == DType::F64 { Tolerance::F64 } else { Tolerance::F32 };
    let mut faults = Vec::new();
    for file in files() {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        match Golden::read(&file).and_then(|golden| golden.compare(dtype, &device())) {
            Ok(parity) => {
                println!("{name}: {:?} {:?}", parity.output, parity.gradient);
                if !tolerance.admits(&parity) {
                    faults.push(format!("{name}: {parity:?}"));
                }
            }
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    assert!(faults.is_empty(), "{} of 24 fail:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn all_golden_files_agree_in_f64() {
    compare(DType::F64);
}

#[test]
fn all_golden_files_agree_in_f32() {
    compare(DType::F32);
}

#[test]
fn all_golden_files_agree_in_plain_operations() {
    sgmn_nn::ops::plainly(|| compare(DType::F64));
}

#[test]
fn all_golden_files_agree_step_by_step() {
    sgmn_nn::ops::step_by_step(|| compare(DType::F64));
}
