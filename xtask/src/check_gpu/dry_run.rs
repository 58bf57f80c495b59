//! The script of a bundle, run where there is no GPU: what needs one says so in a line, all else works.
//!
//! The quick variant takes the programs that tests and lints have built, without the feature `cuda`. The full one takes
//! a bundle; its programs start because stand-ins take the place of the driver and of CUDA's large libraries.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    bundle, missing, programs,
    results::{Results, number, word},
    toolkit::Toolkit,
};
use crate::repository;

/// Seconds for the whole script: the fits end after five eighths of them.
const SECONDS: u32 = 24;
/// The steps that need a GPU.
const GPU_STEPS: [&str; 5] = ["facts", "checks", "steps", "repeat", "train"];
/// One of these words is in what a program says that finds no GPU, or was not built for one.
const NO_GPU: [&str; 2] =
    ["expected a cuda device, found none that works", "expected a build with the feature `cuda`"];
/// How `sgmn measure fastest` begins where no step was measured.
const NOTHING_MEASURED: &str = "no training step of ";
/// What may come back: files, and bytes of each.
const MOST_FILES: usize = 8;
const MOST_BYTES: u64 = 16_000_000;
/// A path for programs as bare as it can be.
const PATH: &str = "/usr/bin:/bin";

/// With the programs of daily work; built here unless they are.
pub(crate) fn quick() -> Result<()> {
    let folder = fresh()?;
    let inner = folder.join("bundle");
    bundle::lay_out(&inner, None)?;
    for (name, program) in programs::of_the_processor()? {
        link(&program, &inner.join("programs").join(name))?;
    }
    run(&inner, &folder, None)?;
    experiments(&inner.join("programs"), &folder)
}

/// Both experiments of bundles train: an epoch on a dozen nets, on the CPU.
fn experiments(programs: &Path, folder: &Path) -> Result<()> {
    let mut fit = Command::new(programs.join("sgmn"));
    fit.args(["fit", "--images", "mini", "--n", "12", "--out"]).arg(folder.join("inrs.packed"));
    repository::run(&mut fit)?;
    for (name, text) in [bundle::ON_MNIST, bundle::ON_DIGITS] {
        let file = folder.join(name);
        bundle::write(&file, text)?;
        let mut train = Command::new(programs.join("inr-classification-cuda"));
        train.arg("--experiment").arg(&file).arg("--run").arg(folder.join(format!("run-{name}")));
        train.arg("--data-dir").arg(folder).args(["--set", "train.device=cpu", "--set", "train.epochs=1"]);
        repository::run(&mut train)?;
    }
    Ok(())
}

/// With a bundle; the stand-ins come from the toolkit that it was built with.
pub(super) fn of_bundle(bundle: &Path) -> Result<()> {
    ensure!(
        bundle.join("bundle.json").is_file(),
        "--bundle: expected a bundle in {}, found none; without --dry-run one is built there",
        bundle.display()
    );
    let folder = fresh()?;
    let toolkit = Toolkit::make(&repository::root().join("target/cuda"))?;
    let libraries = [toolkit.stand_ins, toolkit.home.join("lib")];
    println!("stand-ins for libcuda, libcublas, libcublasLt, libcurand and libnvrtc; the real libcudart");
    run(bundle, &folder, Some(libraries.map(|folder| folder.display().to_string()).join(":")))
}

/// A folder for one dry run, empty but for a home.
fn fresh() -> Result<PathBuf> {
    let folder = repository::root().join("target/gpu/dry-run");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let home = folder.join("home");
    fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    Ok(folder)
}

/// Runs the script with nothing of this environment, and checks what it leaves.
fn run(bundle: &Path, folder: &Path, libraries: Option<String>) -> Result<()> {
    let out = folder.join("out");
    let mut command = Command::new("env");
    command.args(["-i", &format!("PATH={PATH}"), &format!("HOME={}", folder.join("home").display())]);
    if let Some(libraries) = libraries {
        command.arg(format!("LD_LIBRARY_PATH={libraries}"));
    }
    command.arg("bash").arg(bundle.join("run.sh")).arg(&out).arg(SECONDS.to_string());
    repository::run(&mut command)?;
    let results = Results::read(&out)?;
    check(&results)?;
    check_files(&out)?;
    super::write(&results, &folder.join("page"))?;
    println!("dry run: {} said that there is no GPU, fitting and reading work", GPU_STEPS.join(", "));
    Ok(())
}

/// Every step that needs a GPU failed for that reason and said so, the fits went well, and the page says all of it.
fn check(results: &Results) -> Result<()> {
    let missed = missing::missing_or_failed(results);
    for step in GPU_STEPS {
        let line =
            results.last(step, "ended").with_context(|| format!("{step}: expected its end, found none"))?;
        let said = word(line, "first_error");
        ensure!(
            number(line, "status") != Some(0.0) && NO_GPU.iter().any(|reason| said.contains(reason)),
            "{step}: expected it to say that there is no GPU, found status {} and {said:?}",
            line["status"]
        );
        let begin = format!("{step}: ended with status");
        ensure!(
            missed.iter().any(|sentence| sentence.starts_with(&begin)),
            "{step}: expected the page to say how it ended, found {missed:?}"
        );
    }
    // These come in because no check passed.
    let plain = results.last("checks-plain", "ended").map(|line| word(line, "first_error"));
    ensure!(
        plain.is_some_and(|said| NO_GPU.iter().any(|reason| said.contains(reason))),
        "checks-plain: expected it to say that there is no GPU, found {plain:?}"
    );
    let choice = results.last("train", "choice").context("train: expected a choice, found none")?;
    ensure!(
        word(choice, "precision") == "f32" && word(choice, "why").starts_with(NOTHING_MEASURED),
        "train: expected f32 since nothing was measured, found {choice}"
    );
    let end = results.last("fit", "ended").context("fit: expected its end, found none")?;
    // Unless all nets are ready, its time is over.
    ensure!(
        [Some(0.0), Some(124.0)].contains(&number(end, "status")),
        "fit: expected status 0 or 124, found {end}"
    );
    let fitted = results.of("fit", "population").filter_map(|line| number(line, "n_fitted_now")).sum::<f64>();
    ensure!(
        fitted >= 1.0,
        "fit: expected a population, found none; it said {:?}",
        results.last("fit", "ended").map(|line| word(line, "first_error"))
    );
    Ok(())
}

/// The output folder holds few small files and nothing else.
fn check_files(out: &Path) -> Result<()> {
    let mut n_files = 0;
    for entry in fs::read_dir(out).with_context(|| out.display().to_string())? {
        let entry = entry?;
        let meta = entry.metadata()?;
        ensure!(
            meta.is_file() && meta.len() <= MOST_BYTES,
            "{}: expected a file of at most {MOST_BYTES} bytes, found {} bytes",
            entry.path().display(),
            meta.len()
        );
        n_files += 1;
    }
    ensure!(n_files <= MOST_FILES, "{}: expected at most {MOST_FILES} files, found {n_files}", out.display());
    Ok(())
}

fn link(to: &Path, at: &Path) -> Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(to, at).with_context(|| at.display().to_string());
    #[cfg(not(unix))]
    return fs::copy(to, at).map(drop).with_context(|| at.display().to_string());
}

#[cfg(test)]
mod tests {
    use super::{super::results::of_text, *};

    /// What the script writes where there is no GPU, with one step that does otherwise.
    fn lines(other: &str, said: &str) -> String {
        let mut text = String::from(
            "{\"step\":\"fit\",\"what\":\"population\",\"n_fitted_now\":50}\n\
             {\"step\":\"train\",\"what\":\"choice\",\"precision\":\"f32\",\"why\":\"no training step of any\"}\n\
             {\"step\":\"fit\",\"what\":\"ended\",\"status\":124}\n",
        );
        text +=
            &format!("{{\"step\":\"checks-plain\",\"what\":\"ended\",\"first_error\":\"{}\"}}\n", NO_GPU[0]);
        for step in GPU_STEPS {
            let said = if step == other { said } else { NO_GPU[1] };
            text += &format!(
                "{{\"step\":\"{step}\",\"what\":\"ended\",\"status\":1,\"seconds\":0,\"limit\":9,\"first_error\":\"{said}\"}}\n"
            );
        }
        text
    }

    #[test]
    fn a_step_that_fails_for_another_reason_is_found() {
        check(&of_text(&lines("", ""), "")).unwrap();
        let error = check(&of_text(&lines("repeat", "unknown option"), "")).unwrap_err().to_string();
        assert!(error.contains("repeat: expected it to say that there is no GPU"), "{error}");
        let works = lines("", "").replacen("\"status\":1", "\"status\":0", 1);
        assert!(check(&of_text(&works, "")).is_err());
        let silent =
            lines("", "").lines().filter(|line| !line.contains("\"facts\"")).collect::<Vec<_>>().join("\n");
        assert!(check(&of_text(&silent, "")).is_err());
        for (right, wrong) in [
            ("\"precision\":\"f32\"", "\"precision\":\"bf16\""),
            ("no training step of", "none was named:"),
            ("\"status\":124", "\"status\":1"),
            ("checks-plain", "checks-other"),
        ] {
            let text = lines("", "").replacen(right, wrong, 1);
            assert!(check(&of_text(&text, "")).is_err(), "{wrong}");
        }
        let unfitted = lines("", "").replace("\"n_fitted_now\":50", "\"n_fitted_now\":0");
        assert!(check(&of_text(&unfitted, "")).is_err());
    }

    #[test]
    fn a_folder_too_many_or_a_file_too_large_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        (0..MOST_FILES).for_each(|i| fs::write(out.join(i.to_string()), "").unwrap());
        check_files(out).unwrap();
        fs::write(out.join("more"), "").unwrap();
        assert!(check_files(out).is_err());
        fs::remove_file(out.join("more")).unwrap();
        fs::File::options().write(true).open(out.join("0")).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert!(check_files(out).is_err());
        fs::remove_file(out.join("0")).unwrap();
        fs::create_dir(out.join("0")).unwrap();
        assert!(check_files(out).is_err());
    }
}
