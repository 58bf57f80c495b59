//! A CUDA toolkit below `target/cuda`, small enough to fetch in a minute: what compiles and links, nothing that runs.
//!
//! The compiler comes from Python's registry. The large libraries are needed only where a program runs; to link,
//! stand-ins do, made here of the names of the functions that cudarc calls. The same stand-ins let a program start on
//! a machine without CUDA: every function answers that there is no device.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{CargoOpt, MetadataCommand};

use crate::repository;

/// The packages of the compiler and of the runtime's headers. Newer ones write code that drivers of the 580 series
/// refuse, older ones link against libraries of CUDA 12.
const PACKAGES: [&str; 5] = [
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-nvvm==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-cuda-cccl==13.0.85",
    "nvidia-cuda-runtime==13.0.96",
];

/// What every function of a stand-in returns: CUDA_ERROR_NO_DEVICE, and an error in the other libraries too.
const NO_DEVICE: i32 = 100;

/// A library for which there is a stand-in.
struct Library {
    /// Name of its file when a program starts.
    name: &'static str,
    /// Source of cudarc that names its functions, and how the names begin.
    source: &'static str,
    prefix: &'static str,
}

const LIBRARIES: [Library; 5] = [
    Library { name: "libcuda.so.1", source: "driver", prefix: "cu" },
    Library { name: "libcublas.so.13", source: "cublas", prefix: "cublas" },
    Library { name: "libcublasLt.so.13", source: "cublaslt", prefix: "cublasLt" },
    Library { name: "libcurand.so.10", source: "curand", prefix: "curand" },
    Library { name: "libnvrtc.so.13", source: "nvrtc", prefix: "nvrtc" },
];

/// Fewer functions than any of these libraries has mean that the sources of cudarc look different now.
const FEWEST_FUNCTIONS: usize = 10;

/// A toolkit that is complete.
pub(super) struct Toolkit {
    /// What CUDA_HOME names: `bin`, `include` and `lib64` are below.
    pub(super) home: PathBuf,
    /// Folder of the stand-ins.
    pub(super) stand_ins: PathBuf,
}

impl Toolkit {
    /// Makes the toolkit below a folder, or takes the one that is there.
    ///
    /// # Errors
    /// A program is missing (python3, cc), a package cannot be fetched, or cudarc's sources are not as expected.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        let venv = folder.join("toolkit");
        let cudarc = cudarc()?;
        // Written last: a call that was ended before leaves none, and the next one goes on.
        let mark = venv.join("complete");
        let version = cudarc.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let content = format!("{}\n{version}\n", PACKAGES.join("\n"));
        if fs::read_to_string(&mark).ok().as_deref() == Some(&content) {
            let toolkit = Self::in_venv(&venv)?;
            println!("toolkit: {} is complete", repository::shown(&venv).display());
            return Ok(toolkit);
        }
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        if !venv.join("bin/python3").exists() {
            repository::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        }
        let mut install = Command::new(venv.join("bin/python3"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        repository::run(install.args(PACKAGES))?;
        let toolkit = Self::in_venv(&venv)?;
        let lib = toolkit.home.join("lib");
        link("libcudart.so.13", &lib.join("libcudart.so"))?;
        link("lib", &toolkit.home.join("lib64"))?;
        for library in &LIBRARIES {
            library.stand_in(&cudarc, &toolkit.stand_ins)?;
        }
        fs::write(&mark, content).with_context(|| mark.display().to_string())?;
        Ok(toolkit)
    }

    fn in_venv(venv: &Path) -> Result<Self> {
        let lib = venv.join("lib");
        let versions = fs::read_dir(&lib).with_context(|| lib.display().to_string())?;
        let homes = versions.flatten().map(|version| version.path().join("site-packages/nvidia/cu13"));
        let home = homes
            .into_iter()
            .find(|home| home.join("bin/nvcc").is_file())
            .with_context(|| format!("{}: expected nvidia/cu13/bin/nvcc in it, found none", lib.display()))?;
        let stand_ins = home.join("lib/stubs");
        Ok(Self { home, stand_ins })
    }

    /// What the compiler calls itself.
    pub(super) fn nvcc_version(&self) -> Result<String> {
        said(Command::new(self.home.join("bin/nvcc")).arg("--version"), |line| line.starts_with("Cuda comp"))
    }
}

impl Library {
    /// Compiles the stand-in, with the short name that the linker looks for beside it.
    fn stand_in(&self, cudarc: &Path, folder: &Path) -> Result<()> {
        let path = cudarc.join("src").join(self.source).join("sys/mod.rs");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let names = functions(&text, self.prefix);
        ensure!(
            names.len() >= FEWEST_FUNCTIONS,
            "{}: expected functions whose names begin with {}, found {}",
            path.display(),
            self.prefix,
            names.len()
        );
        let mut source = String::new();
        for name in &names {
            let _ = writeln!(source, "int {name}(void) {{ return {NO_DEVICE}; }}");
        }
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let file = folder.join(format!("{}.c", self.name));
        fs::write(&file, source).with_context(|| file.display().to_string())?;
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-w"]).arg(format!("-Wl,-soname,{}", self.name));
        repository::run(compile.arg("-o").arg(folder.join(self.name)).arg(&file))?;
        let short = self.name.split_inclusive(".so").next().unwrap_or(self.name);
        link(self.name, &folder.join(short))
    }
}

/// The names of the functions in a source that begin with `prefix` and a capital letter.
fn functions<'a>(source: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    source
        .split("fn ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
        .filter(|name| {
            name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        })
        .collect()
}

/// The folder of cudarc's sources.
fn cudarc() -> Result<PathBuf> {
    let features = ["sgmn-exp/cuda", "sgmn-nn/cuda"].map(str::to_owned);
    let metadata = MetadataCommand::new()
        .current_dir(repository::root())
        .features(CargoOpt::SomeFeatures(features.into()))
        .exec()
        .context("cargo metadata")?;
    let package = metadata.packages.iter().find(|package| *package.name == "cudarc");
    let manifest = &package.context("expected cudarc among the dependencies, found none")?.manifest_path;
    let folder = manifest.parent().context("a manifest lies in a folder")?;
    Ok(folder.as_std_path().to_path_buf())
}

/// The first line of a command's output that is meant.
pub(super) fn said(command: &mut Command, is_meant: impl Fn(&str) -> bool) -> Result<String> {
    let line = repository::describe(command);
    let output = command.output().with_context(|| format!("could not start: {line}"))?;
    ensure!(output.status.success(), "failed with {}: {line}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.lines().find(|line| is_meant(line)).map(|line| line.trim().to_owned());
    found.with_context(|| format!("{line}: expected another output, found {text:?}"))
}

/// A symbolic link, unless there is something of this name.
fn link(to: &str, at: &Path) -> Result<()> {
    if at.symlink_metadata().is_ok() {
        return Ok(());
    }
    #[cfg(unix)]
    return std::os::unix::fs::symlink(to, at).with_context(|| at.display().to_string());
    #[cfg(not(unix))]
    anyhow::bail!("{}: expected a system with symbolic links to {to}", at.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_by_the_beginning_of_their_names() {
        let source = "extern \"C\" { pub fn cuInit(flags: u32) -> R; fn cublasLtCreate(); fn custom(); }\n\
            pub unsafe fn cuInit(flags: u32) {} fn cublasCreate_v2(";
        assert_eq!(functions(source, "cu"), BTreeSet::from(["cuInit"]));
        assert_eq!(functions(source, "cublas"), BTreeSet::from(["cublasLtCreate", "cublasCreate_v2"]));
        assert_eq!(functions(source, "cublasLt"), BTreeSet::from(["cublasLtCreate"]));
        assert_eq!(functions(source, "nvrtc"), BTreeSet::new());
    }
}
