//! The programs of a bundle: built with the feature `cuda` and without, stripped, compressed.
//!
//! Compressing is left to the programs `tar` and `xz`: who can build a toolkit has them, and there Python can unpack
//! what they made. The programs with the feature go into one archive, since most of each is the same kernels of candle.

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
/// Of `xz`: it looks back far enough to find in one program what stood in the one before.
const COMPRESSION: &str = "--lzma2=preset=6,dict=192MiB";
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

/// The archives of a bundle, and which programs they hold. The first is unpacked first: nets are fitted with it.
const ARCHIVES: [(&str, Build); 2] = [("cpu.tar.xz", Build::Cpu), ("cuda.tar.xz", Build::Cuda)];

/// An archive of a bundle, ready to be copied into it.
pub(super) struct Archive {
    /// Name of its file.
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    /// Its programs, each with the SHA-256 that it has when it is unpacked.
    pub(super) programs: Vec<(&'static str, String)>,
}

/// Builds, strips and compresses all programs below a folder; what is current is left as it is.
///
/// # Errors
/// A program is missing (cargo, strip, tar, xz), or something does not build.
pub(super) fn pack(folder: &Path, toolkit: &Toolkit) -> Result<Vec<Archive>> {
    let packed = folder.join("programs");
    fs::create_dir_all(&packed).with_context(|| packed.display().to_string())?;
    let mut archives = Vec::new();
    for (name, build) in ARCHIVES {
        let built = built(build, &folder.join("build"), toolkit)?;
        let mut programs = Vec::new();
        for program in PROGRAMS.iter().filter(|program| program.build == build) {
            let from = built
                .get(program.target)
                .with_context(|| format!("cargo built no {}: expected one for the bundle", program.target))?;
            let stripped = packed.join(program.name);
            let part = packed.join(format!("{}.part", program.name));
            repository::run(Command::new("strip").arg("-o").arg(&part).arg(from))?;
            fs::rename(&part, &stripped).with_context(|| stripped.display().to_string())?;
            programs.push((program.name, sha256(&stripped)?));
        }
        archives.push(archive(name, programs, &packed)?);
    }
    Ok(archives)
}

/// Puts stripped programs of a folder into one archive there, unless that was done with these very ones.
fn archive(name: &'static str, programs: Vec<(&'static str, String)>, folder: &Path) -> Result<Archive> {
    let (path, note) = (folder.join(name), folder.join(format!("{name}.made-from")));
    let content: String = programs.iter().map(|(program, digest)| format!("{digest}  {program}\n")).collect();
    if path.is_file() && fs::read_to_string(&note).ok().as_deref() == Some(&content) {
        println!("{}: is current", repository::shown(&path).display());
        return Ok(Archive { name, path, programs });
    }
    // The note goes first and comes back last, so that it never speaks of another archive.
    if note.exists() {
        fs::remove_file(&note).with_context(|| note.display().to_string())?;
    }
    let plain = folder.join(name.trim_end_matches(".xz"));
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(folder).arg("-cf").arg(&plain).args(programs.iter().map(|(program, _)| program));
    repository::run(&mut tar)?;
    // Writes under a name that is not the archive's, and removes what it read.
    let mut compress = Command::new("xz");
    compress.args(["--force", "--suffix=.part", COMPRESSION]).arg(&plain);
    repository::run(&mut compress)?;
    let part = folder.join(format!("{}.part", name.trim_end_matches(".xz")));
    fs::rename(&part, &path).with_context(|| path.display().to_string())?;
    fs::write(&note, content).with_context(|| note.display().to_string())?;
    Ok(Archive { name, path, programs })
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
