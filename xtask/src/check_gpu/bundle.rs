//! The folder that travels: programs, images, golden files, an experiment, the script, and what they are.
//!
//! ```text
//! run.sh            what is called there, with the folder of the results
//! libraries.sh      the part of it that unpacks programs and finds CUDA's libraries
//! bundle.json       commit, date, compilers, SHA-256 of every program
//! programs/         stripped and compressed: cpu.tar.xz, which fits nets, and cuda.tar.xz
//! golden/           numbers of the published program, to compare with
//! mnist/            the IDX files to train on, where they were found
//! experiments/      the one that is trained there
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{
    programs::{self, Archive},
    toolkit::{Toolkit, said},
};
use crate::repository;

/// The script that runs there.
const SCRIPT: &str = include_str!("run.sh");
/// The part of it about programs and libraries.
const LIBRARIES: &str = include_str!("libraries.sh");
/// Experiments: on MNIST, and on the digits that the programs bring along.
pub(super) const ON_MNIST: (&str, &str) = ("gpu-mnist.toml", include_str!("gpu-mnist.toml"));
pub(super) const ON_DIGITS: (&str, &str) = ("gpu-digits.toml", include_str!("gpu-digits.toml"));
/// The files of MNIST that the script fits nets to; its images to test on are not read.
const MNIST: [&str; 2] = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"];
/// Where they are looked for, and where the golden files are.
const IMAGES: &str = "data/mnist";
const GOLDEN: &str = "crates/sgmn-nn/testdata/golden";
/// What a bundle may weigh, in bytes.
const MOST_BYTES: u64 = 40_000_000;

/// Builds everything and lays it out in a folder.
///
/// # Errors
/// Something does not build, the folder cannot be written, or the bundle would be too large.
pub(super) fn make(folder: &Path, images: Option<&Path>) -> Result<()> {
    let images = match images {
        Some(images) => Some(found(images)?),
        None => found(&repository::root().join(IMAGES)).ok(),
    };
    let cuda = repository::root().join("target/cuda");
    let toolkit = Toolkit::make(&cuda)?;
    let archives = programs::pack(&cuda, &toolkit)?;
    fs::create_dir_all(folder.join("programs")).with_context(|| folder.display().to_string())?;
    // Of an earlier bundle, whose archives had other names.
    let programs = folder.join("programs");
    for entry in fs::read_dir(&programs).with_context(|| programs.display().to_string())?.flatten() {
        if archives.iter().all(|archive| entry.file_name() != archive.name) {
            fs::remove_file(entry.path()).with_context(|| entry.path().display().to_string())?;
        }
    }
    for archive in &archives {
        copy(&archive.path, &folder.join("programs").join(archive.name))?;
    }
    lay_out(folder, images.as_deref())?;
    let facts = facts(&archives, &toolkit, images.is_some())?;
    write(&folder.join("bundle.json"), &format!("{facts:#}\n"))?;
    weigh(folder, MOST_BYTES)?;
    println!("the bundle is complete: {}", repository::shown(folder).display());
    Ok(())
}

/// Everything beside the programs; without images the experiment is the one on the digits of the programs.
pub(super) fn lay_out(folder: &Path, images: Option<&Path>) -> Result<()> {
    let experiments = folder.join("experiments");
    for part in ["programs", "golden", "experiments"] {
        let part = folder.join(part);
        fs::create_dir_all(&part).with_context(|| part.display().to_string())?;
    }
    write(&folder.join("run.sh"), SCRIPT)?;
    write(&folder.join("libraries.sh"), LIBRARIES)?;
    let golden = repository::root().join(GOLDEN);
    for entry in fs::read_dir(&golden).with_context(|| golden.display().to_string())? {
        let entry = entry?;
        ensure!(entry.file_type()?.is_file(), "{}: expected files only", golden.display());
        copy(&entry.path(), &folder.join("golden").join(entry.file_name()))?;
    }
    let mnist = folder.join("mnist");
    let ((name, text), other) = match images {
        Some(images) => {
            fs::create_dir_all(&mnist).with_context(|| mnist.display().to_string())?;
            // Of an earlier bundle, which took more of them.
            for entry in fs::read_dir(&mnist).with_context(|| mnist.display().to_string())?.flatten() {
                if MNIST.iter().all(|file| entry.file_name() != *file) {
                    fs::remove_file(entry.path()).with_context(|| entry.path().display().to_string())?;
                }
            }
            for file in MNIST {
                copy(&images.join(file), &mnist.join(file))?;
            }
            (ON_MNIST, ON_DIGITS.0)
        }
        None => {
            println!("images: none of MNIST here, the digits that come with the programs go along");
            if mnist.exists() {
                fs::remove_dir_all(&mnist).with_context(|| mnist.display().to_string())?;
            }
            (ON_DIGITS, ON_MNIST.0)
        }
    };
    // The script takes the experiment that is there: one is.
    let other = experiments.join(other);
    if other.exists() {
        fs::remove_file(&other).with_context(|| other.display().to_string())?;
    }
    write(&experiments.join(name), text)
}

/// A folder that holds the files of MNIST.
fn found(folder: &Path) -> Result<PathBuf> {
    for file in MNIST {
        ensure!(folder.join(file).is_file(), "--images: expected {file} in {}, found none", folder.display());
    }
    Ok(folder.to_path_buf())
}

/// What is in a bundle and what made it.
fn facts(archives: &[Archive], toolkit: &Toolkit, has_images: bool) -> Result<serde_json::Value> {
    let any = |_: &str| true;
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.args(words).current_dir(repository::root());
        command
    };
    let changed = git(&["status", "--porcelain"]).output().context("could not start git")?;
    ensure!(changed.status.success(), "git status failed with {}", changed.status);
    let programs = archives.iter().flat_map(|archive| &archive.programs);
    let programs: serde_json::Map<String, serde_json::Value> =
        programs.map(|(name, sha256)| ((*name).to_owned(), json!({ "sha256": sha256 }))).collect();
    Ok(json!({
        "commit": said(&mut git(&["rev-parse", "HEAD"]), any)?,
        "is_changed": !changed.stdout.is_empty(),
        "date": said(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]), any)?,
        "compiler": said(Command::new("rustc").arg("--version").current_dir(repository::root()), any)?,
        "nvcc": toolkit.nvcc_version()?,
        "images": if has_images { "mnist" } else { "digits" },
        "programs": programs,
    }))
}

/// Refuses a bundle above the limit and says how large its parts are.
fn weigh(folder: &Path, most: u64) -> Result<()> {
    let mut sizes = Vec::new();
    collect(folder, folder, &mut sizes)?;
    sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let total: u64 = sizes.iter().map(|(_, bytes)| bytes).sum();
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    println!("the bundle has {} in {} files", megabytes(total), sizes.len());
    let list: Vec<String> =
        sizes.iter().take(8).map(|(name, bytes)| format!("{name} {}", megabytes(*bytes))).collect();
    ensure!(
        total <= most,
        "{}: expected a bundle of at most {}, found {}: {}, …",
        folder.display(),
        megabytes(most),
        megabytes(total),
        list.join(", ")
    );
    Ok(())
}

/// Every file below a folder with its size.
fn collect(root: &Path, folder: &Path, sizes: &mut Vec<(String, u64)>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, sizes)?;
        } else {
            let bytes = path.metadata().with_context(|| path.display().to_string())?.len();
            let inner = path.strip_prefix(root).unwrap_or(&path);
            sizes.push((inner.display().to_string(), bytes));
        }
    }
    Ok(())
}

/// Copies a file so that it appears whole or not at all, unless the same bytes are there.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| from.display().to_string())?;
    write_bytes(to, &bytes)
}

/// Writes a text in the same way.
pub(super) fn write(to: &Path, text: &str) -> Result<()> {
    write_bytes(to, text.as_bytes())
}

fn write_bytes(to: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    fs::write(&part, bytes).with_context(|| to.display().to_string())?;
    fs::rename(&part, to).with_context(|| to.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_has_one_experiment_and_images_only_where_they_were_found() {
        let (bundle, images) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let bundle = bundle.path();
        assert!(found(images.path()).is_err());
        for file in MNIST {
            fs::write(images.path().join(file), file).unwrap();
        }
        let experiments = || {
            let entries = fs::read_dir(bundle.join("experiments")).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        lay_out(bundle, Some(&found(images.path()).unwrap())).unwrap();
        assert_eq!(experiments(), ["gpu-mnist.toml"]);
        assert_eq!(fs::read(bundle.join("mnist").join(MNIST[1])).unwrap(), MNIST[1].as_bytes());
        assert!(bundle.join("run.sh").is_file() && bundle.join("golden").read_dir().unwrap().count() > 1);
        // The same folder again, without the images.
        lay_out(bundle, None).unwrap();
        assert_eq!(experiments(), ["gpu-digits.toml"]);
        assert!(!bundle.join("mnist").exists());
    }

    #[test]
    fn a_bundle_that_is_too_large_is_refused_with_its_parts() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("programs")).unwrap();
        fs::write(folder.path().join("programs/large.xz"), [0; 600]).unwrap();
        fs::write(folder.path().join("small"), [0; 100]).unwrap();
        assert!(weigh(folder.path(), 700).is_ok());
        let error = weigh(folder.path(), 699).unwrap_err().to_string();
        assert!(error.contains("programs/large.xz 0.0 MB, small"), "{error}");
    }

    #[test]
    fn the_script_fits_nets_to_the_images_of_the_bundle() {
        for file in MNIST {
            assert!(SCRIPT.contains(file), "{file}");
        }
    }
}
