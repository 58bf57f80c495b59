//! Damaged and malicious files: every format answers with one clear error and never panics, aborts, or takes memory
//! that a header promises and the file does not hold. Here: the published data sets, and what all these tests share.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use sgmn_data::{
    Error, Sample, Target,
    formats::{Format, FormatKind, nfn_cifar},
};
use tempfile::TempDir;

use crate::formats::testdata;

/// A copy of a data set in which one file is damaged again and again.
pub(crate) struct Victim {
    pub(crate) folder: TempDir,
    pub(crate) format: Format,
    file: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Victim {
    /// A copy of a folder of the test data, or of one by its whole path.
    pub(crate) fn new(format: Format, name: &str, file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&testdata(name), folder.path());
        let file = folder.path().join(file);
        Self { bytes: std::fs::read(&file).unwrap(), folder, format, file }
    }

    /// What reading everything gives with other bytes in the file.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Vec<Sample>, Error> {
        std::fs::write(&self.file, bytes).unwrap();
        read_all(&self.format, self.folder.path())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

pub(crate) fn read_all(format: &Format, path: &Path) -> Result<Vec<Sample>, Error> {
    let dataset = format.open(path)?;
    (0..dataset.source.len()).map(|i| dataset.source.get(i)).collect()
}

/// Runs a reader that must not panic; an error must be one plain line.
pub(crate) fn survive<T>(what: &str, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let result =
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| panic!("{what}: the reader panicked"));
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(!message.contains('\n') && message.len() < 1000, "{what}: {message:?}");
    }
    result
}

/// Lengths to cut at: all of the first and last bytes, and some between.
pub(crate) fn lengths(len: usize) -> impl Iterator<Item = usize> {
    (0..len).filter(move |&at| at < 80 || at + 80 > len || at.is_multiple_of(len / 150 + 1))
}

/// Copies with one changed bit, at up to `n` places.
pub(crate) fn flips(bytes: &[u8], n: usize) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let step = bytes.len() / n + 1;
    (0..bytes.len()).step_by(step).map(|at| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at * 5 % 8);
        (at, flipped)
    })
}

fn victims() -> Vec<(&'static str, Victim)> {
    let cifar = nfn_cifar::Options { val_from: 10, test_from: 20, augmentations: 1, ..Default::default() };
    let published = FormatKind::published;
    let zoo = |file| Victim::new(published(FormatKind::CnnZoo), "smallcnnzoo", file);
    let mnist = |file| Victim::new(published(FormatKind::DwsMnist), "mnist-inrs", file);
    vec![
        ("mnist net", mnist("mnist_png_training_1_40/checkpoints/model_final.pth")),
        ("mnist split", mnist("mnist_splits.json")),
        ("fashion net", Victim::new(published(FormatKind::DwsFmnist), "fmnist_inrs", "train/model_8.pth")),
        ("fashion split", Victim::new(published(FormatKind::DwsFmnist), "fmnist_inrs", "fmnist_splits.json")),
        (
            "cifar net",
            Victim::new(Format::NfnCifar(cifar), "siren_cifar_wts", "randinit_smaller_3s/net14.pth"),
        ),
        ("zoo weights", zoo("weights.npy")),
        ("zoo layout", zoo("layout.csv")),
        ("zoo metrics", zoo("metrics.csv.gz")),
        ("zoo split", zoo("mini_split.csv")),
    ]
}

#[test]
fn files_of_published_formats_cut_anywhere_are_errors() {
    for (name, victim) in victims() {
        let whole = victim.read(&victim.bytes).unwrap();
        for len in lengths(victim.bytes.len()) {
            let what = format!("{name} cut to {len} bytes");
            let result = survive(&what, || victim.read(&victim.bytes[..len]));
            assert!(!result.as_ref().is_err_and(|error| error.to_string().ends_with('.')), "{what}");
            // A text that lost only its last line end (two bytes), and a closing quote before it, has lost nothing.
            let lost_nothing = len + 3 >= victim.bytes.len();
            // A list of fewer rows is a smaller zoo, and its reader says so.
            let is_fewer = |samples: &[Sample]| name == "zoo split" && samples.len() <= whole.len();
            assert!(
                result.is_err()
                    || result.is_ok_and(|samples| is_fewer(&samples) || (lost_nothing && samples == whole)),
                "{what}"
            );
        }
    }
}

#[test]
fn flipped_bits_in_published_formats_never_panic_and_never_pass_a_checksum() {
    for (name, victim) in victims() {
        let whole = victim.read(&victim.bytes).unwrap();
        for (at, flipped) in flips(&victim.bytes, 400) {
            let what = format!("{name} with a flipped bit in byte {at}");
            let result = survive(&what, || victim.read(&flipped));
            // Zip and gzip hold checksums of their contents: a flip elsewhere (a time stamp) may change nothing.
            if name.ends_with("net") || name == "zoo metrics" {
                assert!(result.is_err() || result.is_ok_and(|samples| samples == whole), "{what}");
            }
        }
    }
}

#[test]
fn the_header_of_the_zoo_table_survives_every_bit() {
    let victim = Victim::new(FormatKind::CnnZoo.published(), "smallcnnzoo", "weights.npy");
    for bit in 0..128 * 8 {
        let mut bytes = victim.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        drop(survive(&format!("bit {bit}"), || victim.read(&bytes)));
    }
    let header = |text: &str| {
        let mut header = format!("{text:117}\n").into_bytes();
        header.splice(..0, [0x93, b'N', b'U', b'M', b'P', b'Y', 1, 0, 118, 0]);
        [header, victim.bytes[128..].to_vec()].concat()
    };
    let with_shape =
        |shape: &str| header(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"));
    assert!(victim.read(&with_shape("(10, 4970)")).is_ok());
    for shape in
        ["(100000000000, 4970)", "(4294967296, 4294967296)", "(10,)", "(4970, 10)", "(10, 4970", "(-1, 4970)"]
    {
        assert!(survive(shape, || victim.read(&with_shape(shape))).is_err(), "{shape}");
    }
    for text in [
        "{'descr': '|O', 'fortran_order': False, 'shape': (10, 4970), }",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (10, 4970), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (10, 4970), }",
    ] {
        assert!(
            survive(text, || victim.read(&header(text)))
                .unwrap_err()
                .to_string()
                .contains("floats of 2, 4 or 8 bytes")
        );
    }
    assert_modest_memory();
}

#[test]
fn a_nan_in_the_zoo_is_named_by_its_row() {
    let victim = Victim::new(FormatKind::CnnZoo.published(), "smallcnnzoo", "weights.npy");
    let mut bytes = victim.bytes.clone();
    let at = 128 + 4 * (3 * 4970 + 17);
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let message = victim.read(&bytes).unwrap_err().to_string();
    assert!(
        message.contains("weights.npy row 3: layer 0 weight: value ") && message.contains("is NaN"),
        "{message}"
    );
}

#[test]
fn split_files_that_lead_elsewhere_or_contradict_names_are_refused() {
    let mnist = Victim::new(FormatKind::DwsMnist.published(), "mnist-inrs", "mnist_splits.json");
    let read = |name: &str, label: &str| {
        let list = format!(r#"{{"path": ["{name}"], "label": [{label}]}}"#);
        let empty = r#"{"path": [], "label": []}"#;
        let bytes = format!(r#"{{"train": {list}, "val": {empty}, "test": {empty}}}"#);
        survive("a split file", || mnist.read(bytes.as_bytes()))
    };
    let good = "x/mnist_png_training_5_0/checkpoints/model_final.pth";
    assert_eq!(read(good, "5").unwrap()[0].target, Target::Class(5));
    assert_eq!(
        read("../../mnist_png_training_5_0/checkpoints/model_final.pth", "5").unwrap().len(),
        1,
        "inside the root"
    );
    for name in [
        "mnist_png_training_5_0/../../../etc/passwd",
        "mnist_png_training_5_0/checkpoints/..",
        "mnist_png_training_5_0//model_final.pth",
        "/etc/passwd",
        "",
        "a/b/c",
        "mnist_png_training_5_0/checkpoints/model\\u0000.pth",
        "mnist_png_training_5_0/checkpoints/..\\\\..\\\\x",
    ] {
        assert!(read(name, "5").is_err(), "{name}");
    }
    for label in ["4", "-5", "\"x\"", "5, 5", "5.5", "null", "99999999999"] {
        assert!(read(good, label).is_err(), "{label}");
    }
    let twice = r#"{"train": ["TRAIN"], "val": [], "test": ["TRAIN"]}"#.replace("TRAIN", good);
    let message = mnist.read(twice.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("every net once, found mnist_png_training_5_0 twice"), "{message}");
    let missing =
        r#"{"train": ["mnist_png_training_5_9/checkpoints/model_final.pth"], "val": [], "test": []}"#;
    assert!(
        mnist.read(missing.as_bytes()).unwrap_err().to_string().contains("model_final.pth: No such file")
    );
    assert!(mnist.read(&b"[".repeat(1 << 20)).is_err(), "deep nesting");
}

#[test]
fn bad_inrs_of_published_formats_are_left_out_if_that_is_asked_for() {
    let net =
        |format: &str, name: &str, file: &str| Victim::new(serde_json::from_str(format).unwrap(), name, file);
    for (victim, n_good) in [
        (
            net(
                r#"{"kind": "dws_mnist", "on_bad_net": "skip"}"#,
                "mnist-inrs",
                "mnist_png_training_1_40/checkpoints/model_final.pth",
            ),
            3,
        ),
        (net(r#"{"kind": "dws_fmnist", "on_bad_net": "skip"}"#, "fmnist_inrs", "train/model_8.pth"), 2),
        (
            net(
                r#"{"kind": "nfn_cifar", "on_bad_net": "skip"}"#,
                "siren_cifar_wts",
                "randinit_smaller_3s/net14.pth",
            ),
            2,
        ),
    ] {
        let message = victim.read(b"no net").unwrap_err().to_string();
        let dataset = victim.format.open(victim.folder.path()).unwrap();
        let dataset = dataset.checked(|_, _| {}, &false.into()).unwrap();
        assert_eq!((dataset.source.len(), dataset.skipped.len()), (n_good, 1), "{message}");
        assert!(message.ends_with(&dataset.skipped[0].why), "{message}");
    }
}

/// The whole test process stays far below what the hostile headers ask for, reserved memory included.
pub(crate) fn assert_modest_memory() {
    if cfg!(target_os = "linux") {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmPeak:")).unwrap();
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kilobytes < 8 << 20, "{line}");
    }
}
