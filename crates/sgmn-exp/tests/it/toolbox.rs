//! The toolbox `sgmn` as a person meets it: arguments in, text and files out.

mod align;
mod any_net;
mod check;
mod equal;
mod families;
mod fit;
mod import_checkpoint;
mod measure;
mod mixed;
mod one_net;
mod parity;
mod shards;
mod torch;
mod trained;
mod zoo;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use sgmn_data::formats::idx::{self, Idx};
use tempfile::TempDir;

/// What a call of the toolbox left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn sgmn(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_sgmn")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A call that must succeed; what it printed.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let Ran { code, out, err } = sgmn(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
    out
}

/// A call that must fail by the caller's fault; its one line of error.
pub(crate) fn refuse(arguments: &[&str]) -> String {
    let Ran { code, err, .. } = sgmn(arguments);
    assert_eq!(code, Some(1), "{arguments:?}: {err}");
    let lines: Vec<&str> = err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{err}");
    assert!(!err.contains("panicked"), "{err}");
    lines[0].to_owned()
}

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sgmn-nn/testdata/golden").join(name)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Paths below a folder that goes away with the test.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        text(&self.0.path().join(name)).to_owned()
    }
}

/// Writes `n` small images with gentle slopes, and their classes.
fn images(place: &Place, n: usize) -> [String; 2] {
    const SIDE: usize = 6;
    let pixel = |i: usize| (((i * 7919) % 251) / 2 + 60) as u8;
    let pixels = (0..n * SIDE * SIDE).map(pixel).collect();
    let [images, labels] = ["images.idx", "labels.idx"].map(|name| place.path(name));
    idx::write(images.as_ref(), &Idx::new(vec![n, SIDE, SIDE], pixels).unwrap()).unwrap();
    idx::write(labels.as_ref(), &Idx::new(vec![n], (0..n).map(|i| (i % 2) as u8).collect()).unwrap())
        .unwrap();
    [images, labels]
}

/// Calls `sgmn` twice with arguments that make `out`: stopped when its journal has passed `n_bytes`, then to the end.
#[cfg(unix)]
fn stop_and_continue(arguments: &[&str], out: &str, n_bytes: u64) {
    let journal = format!("{out}.partial");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_sgmn")).args(arguments).spawn().unwrap();
    while !std::fs::metadata(&journal).is_ok_and(|metadata| metadata.len() > n_bytes) {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::yield_now();
    }
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let code = child.wait().unwrap().code();
    // A machine that is fast enough finishes before the signal comes; then there is nothing to continue.
    if code != Some(0) {
        assert_eq!(code, Some(130));
        assert!(Path::new(&journal).exists() && !Path::new(out).exists());
        succeed(arguments);
    }
    assert!(!Path::new(&journal).exists());
}

#[test]
fn faults_of_the_caller_are_one_line_each() {
    let place = Place::new();
    let [image_file, label_file] = images(&place, 3);
    let text_file = place.path("notes.txt");
    std::fs::write(&text_file, "not a net").unwrap();
    let empty = place.path("empty.safetensors");
    std::fs::write(&empty, "").unwrap();
    let huge = place.path("huge.safetensors");
    std::fs::write(&huge, u64::MAX.to_le_bytes()).unwrap();
    let out = place.path("out.packed");
    for (arguments, said) in [
        (vec!["inspect", "nowhere.packed"], "nowhere.packed: expected a file or folder, found nothing"),
        (vec!["inspect", &text_file], "notes.txt: expected a file of weights"),
        (vec!["inspect", &empty], "empty.safetensors"),
        (vec!["inspect", &huge], "huge.safetensors: expected"),
        (vec!["inspect", "--item", "7", &image_file], "--item"),
        (vec!["check", "quik"], "expected one of cifar, "),
        (vec!["check", "quick", "--set", "model.d_hiden=3"], "model.d_hiden"),
        (vec!["check", &image_file], "expected a checkpoint, a golden file or an experiment, found images"),
        (vec!["check", "quick", "--symmetry", "twist"], "twist"),
        (vec!["fit", "--images", &image_file, "--out", &out, "--n", "4"], "--n: expected at most 3"),
        (vec!["fit", "--images", &image_file, "--out", &out, "--n", "0"], "--n: expected at least 1"),
        (
            vec!["fit", "--images", &image_file, "--labels", &image_file, "--out", &out],
            "labels of one dimension",
        ),
        (vec!["fit", "--images", &image_file, "--shares", "0.9,0.2", "--out", &out], "--shares"),
        (vec!["fit", "--images", &image_file, "--omega", "0", "--out", &out], "omega"),
        (vec!["fit", "--images", &label_file, "--out", &out], "three or four dimensions"),
        (vec!["fit", "--images", "mini", "--n", "3001", "--out", &out], "--n: expected at most 3000"),
        (vec!["convert", &image_file, &out], "expected nets, found images"),
        (vec!["canonicalize", &image_file, &out], "expected nets, found images"),
        (vec!["convert", &text_file, &text_file], "expected nothing there yet"),
        (vec!["list", "--datasets", &text_file], "--datasets: expected a folder"),
        (vec!["parity"], "required"),
        #[cfg(not(feature = "metal"))]
        (vec!["parity", &empty, "--device", "metal"], "--device: expected a build with the feature `metal`"),
        (vec!["--threads", "0", "list"], "--threads"),
        (vec!["dance"], "dance"),
    ] {
        let message = refuse(&arguments);
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn everything_that_has_a_name_is_listed() {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let out = succeed(&["list", "--datasets", text(&datasets)]);
    for name in [
        "zoo-tanh",
        "ng-gnn",
        "quick",
        "cifar-aug",
        "flat_mlp",
        "permutation",
        "folder",
        "mini",
        "leaky_relu:0.01",
    ] {
        assert!(out.lines().any(|line| line.trim().starts_with(name)), "no {name} in {out}");
    }
    assert!(succeed(&["--help"]).contains("Examples:"));
}
