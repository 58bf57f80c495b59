//! `cargo xtask check-cuda`: type-checks and lints the feature `cuda` on a machine that has no CUDA.
//!
//! The build scripts of candle and cudarc want `nvcc` and a toolkit folder before the compiler runs. Both get a
//! stand-in that answers their questions and makes empty outputs; types are checked, nothing is linked or run.

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

use crate::repository;

/// The stand-in: says which toolkit it is and which devices it knows, and touches the files that it is asked for.
const NVCC: &str = r#"#!/bin/sh
case " $* " in
  *" --version "*)
    echo "nvcc: NVIDIA (R) Cuda compiler driver"
    echo "A stand-in that compiles nothing"
    echo "Built for a type check"
    echo "Cuda compilation tools, release 13.0, V13.0.88"
    exit 0 ;;
  *" --list-gpu-"*)
    printf 'sm_80\nsm_90\nsm_90a\ncompute_80\ncompute_90\ncompute_90a\n'
    exit 0 ;;
esac
folder=.
while [ $# -gt 0 ]; do
  case "$1" in
    -o) shift; : > "$1" ;;
    -odir|--output-directory) shift; folder=$1 ;;
    *.cu) sources="$sources $1" ;;
  esac
  shift
done
for source in $sources; do
  name=${source##*/}
  [ "$folder" = . ] || : > "$folder/${name%.cu}.ptx"
done
"#;

/// Any device the stand-in lists; without it the build script asks the driver.
const COMPUTE_CAPABILITY: &str = "90";

pub(crate) fn run() -> Result<()> {
    let target = repository::root().join("target").join("cuda-check");
    let toolkit = target.join("toolkit");
    stand_in(&toolkit).with_context(|| format!("could not write {}", toolkit.display()))?;
    #[allow(
        clippy::disallowed_methods,
        reason = "the stand-in has to come first where programs are looked for"
    )]
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([toolkit.join("bin")].into_iter().chain(env::split_paths(&path)))?;
    let mut check = repository::cargo(&[
        "clippy",
        "--package",
        "sgmn-nn",
        "--package",
        "sgmn-exp",
        "--features",
        "sgmn-nn/cuda,sgmn-exp/cuda",
        "--lib",
        "--bins",
        "--tests",
        "--target-dir",
    ]);
    check
        .arg(&target)
        .args(["--", "-D", "warnings"])
        .env("CUDA_COMPUTE_CAP", COMPUTE_CAPABILITY)
        .env("CUDA_HOME", &toolkit);
    // Not shown with the others: it is long and says nothing.
    println!("$ {}", repository::describe(&check));
    let status = check.env("PATH", path).status().context("could not start cargo")?;
    anyhow::ensure!(status.success(), "the feature cuda does not pass its checks");
    Ok(())
}

/// Writes a toolkit folder that holds the stand-in and an empty header.
fn stand_in(toolkit: &Path) -> Result<()> {
    fs::create_dir_all(toolkit.join("bin"))?;
    fs::create_dir_all(toolkit.join("include"))?;
    // Rewriting a file that is the same would make the build scripts run again.
    for (path, content) in [(toolkit.join("bin/nvcc"), NVCC), (toolkit.join("include/cuda.h"), "")] {
        if fs::read_to_string(&path).ok().as_deref() != Some(content) {
            fs::write(&path, content)?;
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(toolkit.join("bin/nvcc"), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
