//! `cargo xtask cuda-kernels`: compiles the CUDA kernels to the PTX text that is committed beside them.
//!
//! Only who changes a kernel needs this, with nvcc of CUDA 13.0 on the path; every build takes the text as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::repository;

const FOLDER: &str = "crates/sgmn-nn/src/ops/cuda/kernels";
/// What every file of kernels includes.
const SHARED: &str = "common.h";
/// Compute capability 8.0: devices from Ampere on compile the text for themselves.
const ARCHITECTURE: &str = "sm_80";
/// The first version of PTX that knows this architecture. nvcc writes its own, which older drivers refuse; the kernels
/// use nothing newer, or the check below fails.
const VERSION: &str = "7.0";
/// Architectures for which the text is assembled as a check.
const ASSEMBLED: &[&str] = &["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"];

pub(crate) fn run() -> Result<()> {
    for source in sources()? {
        let text = source.with_extension("ptx");
        let temporary = source.with_extension("ptx.tmp");
        let arch = format!("-arch={ARCHITECTURE}");
        let mut compile = Command::new("nvcc");
        compile.args(["--ptx", &arch, "-o"]).arg(&temporary).arg(&source);
        repository::run(&mut compile)?;
        let made = fs::read_to_string(&temporary).context("the output of nvcc")?;
        fs::write(&temporary, committed(&made, &source)?)?;
        for architecture in ASSEMBLED {
            let mut assemble = Command::new("ptxas");
            assemble.arg(format!("-arch={architecture}")).arg(&temporary).args(["-o", "/dev/null"]);
            repository::run(&mut assemble)?;
        }
        fs::rename(&temporary, &text).with_context(|| text.display().to_string())?;
        println!("written: {}", repository::shown(&text).display());
    }
    Ok(())
}

/// The files of kernels, by name.
fn sources() -> Result<Vec<PathBuf>> {
    let folder = repository::root().join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "cu") {
            sources.push(path);
        }
    }
    ensure!(!sources.is_empty(), "{}: expected files of kernels, found none", folder.display());
    sources.sort();
    Ok(sources)
}

/// The text as it is committed: which source it was made from, and for older drivers too.
fn committed(made: &str, source: &Path) -> Result<String> {
    let Some(version) = made.lines().find(|line| line.starts_with(".version ")) else {
        bail!("nvcc: expected a line `.version`, found none")
    };
    let text = made.replacen(version, &format!(".version {VERSION}"), 1);
    ensure!(text.contains(".target sm_80"), "nvcc: expected text for {ARCHITECTURE}");
    Ok(format!("{}\n{text}", mark(source)?))
}

/// The first line of the text, by which a test knows that neither the source nor what all share was changed since.
fn mark(source: &Path) -> Result<String> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| path.display().to_string());
    let text = read(&source.with_file_name(SHARED))? + &read(source)?;
    // FNV-1a; whoever changes the source on purpose is not who this is for.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("// Made by `cargo xtask cuda-kernels` from {name} and {SHARED}, FNV-1a {hash:016x}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_kernels_were_made_from_the_committed_sources() {
        for path in sources().unwrap() {
            let source = fs::read_to_string(&path).unwrap();
            let text = fs::read_to_string(path.with_extension("ptx")).unwrap();
            assert_eq!(text.lines().next(), Some(&*mark(&path).unwrap()), "run cargo xtask cuda-kernels");
            assert!(text.contains(&format!(".version {VERSION}\n.target {ARCHITECTURE}\n")));
            let entries = |text: &str, word: &str| text.matches(word).count();
            assert_eq!(entries(&text, ".visible .entry "), entries(&source, "extern \"C\" __global__ void "));
        }
    }
}
