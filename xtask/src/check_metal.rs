//! `cargo xtask check-metal`: type-checks the feature `metal`, where the target of Apple's machines is installed.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use crate::repository;

const TARGET: &str = "aarch64-apple-darwin";

pub(crate) fn run() -> Result<()> {
    let rustc = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(repository::root())
        .output()
        .context("could not start rustc")?;
    let sysroot = String::from_utf8_lossy(&rustc.stdout);
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib").exists() {
        println!("skipped: the target {TARGET} is not installed (rustup target add {TARGET})");
        return Ok(());
    }
    let target = repository::root().join("target").join("metal-check");
    let mut check = repository::cargo(&[
        "check",
        "--package",
        "sgmn-exp",
        "--features",
        "metal",
        "--lib",
        "--bins",
        "--target",
        TARGET,
        "--target-dir",
    ]);
    repository::run(check.arg(target))
}
