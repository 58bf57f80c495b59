//! `cargo xtask check-metal`: type-checks the feature `metal`, where the target of Apple's machines is installed.
//!
//! Some crates compile C for themselves, which needs Apple's tools. They get stand-ins that make empty outputs: types
//! are checked, nothing is linked or run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::repository;

const TARGET: &str = "aarch64-apple-darwin";

/// The stand-in for a C compiler: touches the file that it is asked for.
const COMPILER: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    -o) shift; : > "$1" ;;
  esac
  shift
done
"#;

/// The stand-in for the archiver, which is called as `ar FLAGS ARCHIVE OBJECT…`.
const ARCHIVER: &str = r#"#!/bin/sh
: > "$2"
"#;

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
    let tools = target.join("tools");
    fs::create_dir_all(&tools).with_context(|| tools.display().to_string())?;
    let compiler = stand_in(tools.join("cc"), COMPILER)?;
    let archiver = stand_in(tools.join("ar"), ARCHIVER)?;
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
    check.arg(target).env("CC_aarch64_apple_darwin", compiler).env("AR_aarch64_apple_darwin", archiver);
    repository::run(&mut check)
}

/// Writes a program, unless it is there: a newer file would make build scripts run again.
fn stand_in(path: PathBuf, text: &str) -> Result<PathBuf> {
    if fs::read_to_string(&path).ok().as_deref() != Some(text) {
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(path)
}
