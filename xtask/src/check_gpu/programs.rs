//! The programs of a bundle: built with the feature `cuda` and without, stripped, compressed.
//!
//! Compressing is left to the program `xz`: who has the compiler of a toolkit has it, and it takes both cores.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use sha2::{Digest, Sha256};

use super::toolkit::Toolkit;
use crate::repository;

/// Compute capability of the H100, which the kernels of candle are compiled for.
const COMPUTE_CAPABILITY: &str = "90";
/// Of `xz`: 9 needs 64 MiB where the program is unpacked, and makes an eighth of the size.
const COMPRESSION: &str = "-9";
/// Bytes of a file that are digested at a time.
const PIECE: usize = 1 << 20;

/// Where a program of a bundle comes from.
struct Program {
    /// Its name in the bundle.
    name: &'static str,
    /// Its name for cargo.
    target: &'static str,
    build: Build,
}

#[derive(Clone, Copy, PartialEq)]
enum Build {
    Cpu,
    Cuda,
}

/// All programs of a bundle.
const PROGRAMS: [Program; 4] = [
    Program { name: "sgmn", target: "sgmn", build: Build::Cpu },
    Program { name: "sgmn-cuda", target: "sgmn", build: Build::Cuda },
    Program { name: "inr-classification-cuda", target: "inr-classification", build: Build::Cuda },
    Program { name: "device-checks", target: "device", build: Build::Cuda },
];

/// What cargo builds for a bundle. All of one call, so that the kernels of candle are compiled once.
const TARGETS: [&str; 10] = [
    "--package",
    "sgmn-exp",
    "--package",
    "sgmn-nn",
    "--bin",
    "sgmn",
    "--bin",
    "inr-classification",
    "--test",
    "device",
];

/// A program of a bundle, ready to be copied into it.
pub(super) struct Packed {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    /// SHA-256 of the program when it is unpacked.
    pub(super) sha256: String,
}

/// Builds, strips and compresses all programs below a folder; what is current is left as it is.
///
/// # Errors
/// A program is missing (cargo, strip, xz), or something does not build.
pub(super) fn pack(folder: &Path, toolkit: &Toolkit) -> Result<Vec<Packed>> {
    let packed = folder.join("programs");
    fs::create_dir_all(&packed).with_context(|| packed.display().to_string())?;
    let mut all = Vec::new();
    for build in [Build::Cpu, Build::Cuda] {
        let built = built(build, &folder.join("build"), toolkit)?;
        for program in PROGRAMS.iter().filter(|program| program.build == build) {
            let from = built
                .get(program.target)
                .with_context(|| format!("cargo built no {}: expected one for the bundle", program.target))?;
            all.push(program.pack(from, &packed)?);
        }
    }
    Ok(all)
}

/// The programs of the dev profile without the feature, by their names in a bundle: those that tests and lints build.
///
/// # Errors
/// They do not build.
pub(super) fn of_the_processor() -> Result<Vec<(&'static str, PathBuf)>> {
    let mut build = repository::cargo(&["build", "--workspace", "--bins", "--test", "device"]);
    let built = executables(&mut build, |_| {})?;
    PROGRAMS
        .iter()
        .map(|program| {
            let path = built.get(program.target);
            let path = path.with_context(|| format!("cargo built no {}", program.target))?;
            Ok((program.name, path.clone()))
        })
        .collect()
}

/// Builds in a folder of its own: neither the features nor the profile are those of daily work.
fn built(build: Build, target_dir: &Path, toolkit: &Toolkit) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = repository::cargo(&["build", "--release", "--locked"]);
    command.arg("--target-dir").arg(target_dir);
    match build {
        Build::Cpu => {
            command.args(["--package", "sgmn-exp", "--bin", "sgmn"]);
            executables(&mut command, |_| {})
        }
        Build::Cuda => {
            command.args(TARGETS).args(["--features", "sgmn-exp/cuda,sgmn-nn/cuda"]);
            command.env("CUDA_COMPUTE_CAP", COMPUTE_CAPABILITY).env("CUDA_HOME", &toolkit.home);
            #[allow(
                clippy::disallowed_methods,
                reason = "the toolkit's compiler has to be found by the build scripts of candle"
            )]
            let path = env::var_os("PATH").unwrap_or_default();
            let path =
                env::join_paths([toolkit.home.join("bin")].into_iter().chain(env::split_paths(&path)))?;
            executables(&mut command, |command| {
                command.env("PATH", &path);
            })
        }
    }
}

/// Runs a build and lists what it made, by the name of the target; `unseen` changes the command after it was printed.
fn executables(command: &mut Command, unseen: impl Fn(&mut Command)) -> Result<BTreeMap<String, PathBuf>> {
    command.arg("--message-format=json-render-diagnostics");
    println!("$ {}", repository::describe(command));
    unseen(command);
    let output = command.stderr(Stdio::inherit()).output().context("could not start cargo")?;
    ensure!(output.status.success(), "the programs do not build");
    let mut built = BTreeMap::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message.context("a message of cargo")?
            && let Some(program) = artifact.executable
        {
            built.insert(artifact.target.name, program.into_std_path_buf());
        }
    }
    Ok(built)
}

impl Program {
    /// Strips and compresses a program that cargo built, unless that was done with this very one.
    fn pack(&self, built: &Path, folder: &Path) -> Result<Packed> {
        let (path, note) =
            (folder.join(format!("{}.xz", self.name)), folder.join(format!("{}.made-from", self.name)));
        let source = sha256(built)?;
        // Two words: of the program as cargo built it, and of the stripped one.
        if let Ok(text) = fs::read_to_string(&note)
            && let Some((made_from, stripped)) = text.trim().split_once(' ')
            && made_from == source
            && path.is_file()
        {
            println!("{}: {} is current", self.name, repository::shown(&path).display());
            return Ok(Packed { name: self.name, path, sha256: stripped.to_owned() });
        }
        let stripped = folder.join(format!("{}.part", self.name));
        repository::run(Command::new("strip").arg("-o").arg(&stripped).arg(built))?;
        let digest = sha256(&stripped)?;
        let part = compress(&stripped)?;
        // The note goes first and comes back last, so that it never speaks of another file.
        if note.exists() {
            fs::remove_file(&note).with_context(|| note.display().to_string())?;
        }
        fs::rename(&part, &path).with_context(|| path.display().to_string())?;
        fs::remove_file(&stripped).with_context(|| stripped.display().to_string())?;
        fs::write(&note, format!("{source} {digest}\n")).with_context(|| note.display().to_string())?;
        Ok(Packed { name: self.name, path, sha256: digest })
    }
}

/// Compresses a file with `xz`; the result lies beside it, with `.xz` behind its name.
fn compress(path: &Path) -> Result<PathBuf> {
    let mut made = path.as_os_str().to_owned();
    made.push(".xz");
    let mut command = Command::new("xz");
    command.args([COMPRESSION, "--threads=0", "--keep", "--force"]).arg(path);
    repository::run(&mut command)?;
    Ok(made.into())
}

/// SHA-256 of a file, lower-case hexadecimal.
fn sha256(path: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let mut piece = vec![0; PIECE];
    loop {
        let n = file.read(&mut piece).with_context(|| path.display().to_string())?;
        if n == 0 {
            break;
        }
        digest.update(&piece[..n]);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
