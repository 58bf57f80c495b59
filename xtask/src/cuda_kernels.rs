//! `cargo xtask cuda-kernels`: compiles the CUDA kernels to the PTX text that is committed beside them.
//!
//! Only who changes a kernel needs this, with nvcc of CUDA 13.0 on the path; every build takes the text as it is.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use crate::repository;

const FOLDER: &str = "crates/sgmn-nn/src/ops/cuda";
/// Compute capability 8.0: devices from Ampere on compile the text for themselves.
const ARCHITECTURE: &str = "sm_80";
/// The first version of PTX that knows this architecture. nvcc writes its own, which older drivers refuse; the kernels
/// use nothing newer, or the check below fails.
const VERSION: &str = "7.0";
/// Architectures for which the text is assembled as a check.
const ASSEMBLED: &[&str] = &["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"];

pub(crate) fn run() -> Result<()> {
    let folder = repository::root().join(FOLDER);
    let (source, text) = (folder.join("kernels.cu"), folder.join("kernels.ptx"));
    let temporary = folder.join("kernels.ptx.tmp");
    let arch = format!("-arch={ARCHITECTURE}");
    let mut compile = Command::new("nvcc");
    compile.args(["--ptx", &arch, "-o"]).arg(&temporary).arg(&source);
    repository::run(&mut compile)?;
    let made = fs::read_to_string(&temporary).context("the output of nvcc")?;
    fs::write(&temporary, committed(&made, &fs::read_to_string(&source)?)?)?;
    for architecture in ASSEMBLED {
        let mut assemble = Command::new("ptxas");
        assemble.arg(format!("-arch={architecture}")).arg(&temporary).args(["-o", "/dev/null"]);
        repository::run(&mut assemble)?;
    }
    fs::rename(&temporary, &text).with_context(|| text.display().to_string())?;
    println!("written: {}", repository::shown(Path::new(&text)).display());
    Ok(())
}

/// The text as it is committed: which source it was made from, and for older drivers too.
fn committed(made: &str, source: &str) -> Result<String> {
    let Some(version) = made.lines().find(|line| line.starts_with(".version ")) else {
        bail!("nvcc: expected a line `.version`, found none")
    };
    let text = made.replacen(version, &format!(".version {VERSION}"), 1);
    ensure!(text.contains(".target sm_80"), "nvcc: expected text for {ARCHITECTURE}");
    Ok(format!("{}\n{text}", mark(source)))
}

/// The first line of the text, by which a test knows that the source was not changed since.
fn mark(source: &str) -> String {
    // FNV-1a; whoever changes the source on purpose is not who this is for.
    let hash = source.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("// Made by `cargo xtask cuda-kernels` from kernels.cu, FNV-1a {hash:016x}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_kernels_were_made_from_the_committed_source() {
        let folder = repository::root().join(FOLDER);
        let source = fs::read_to_string(folder.join("kernels.cu")).unwrap();
        let text = fs::read_to_string(folder.join("kernels.ptx")).unwrap();
        assert_eq!(text.lines().next(), Some(mark(&source).as_str()), "run cargo xtask cuda-kernels");
        assert!(text.contains(&format!(".version {VERSION}\n.target {ARCHITECTURE}\n")));
        let entries = |text: &str, word: &str| text.matches(word).count();
        assert_eq!(entries(&text, ".visible .entry "), entries(&source, "extern \"C\" __global__ void "));
    }
}
