//! `sgmn zoo` on a few nets and images.

use std::path::Path;

#[cfg(unix)]
use super::stop_and_continue;
use super::{Place, refuse, succeed};

/// A folder with MNIST's four files: 40 images to train on and 20 to test on, a bright pixel for every class.
fn folder_of_images(place: &Place) -> String {
    let folder = place.path("tiny.images");
    std::fs::create_dir(&folder).unwrap();
    for (part, n) in [("train", 40u8), ("t10k", 20)] {
        let mut images = vec![0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 28, 0, 0, 0, 28];
        let mut labels = vec![0, 0, 8, 1, 0, 0, 0, n];
        for i in 0..n {
            images.extend((0..784u32).map(|pixel| if pixel / 78 == u32::from(i % 10) { 200 + i } else { 0 }));
            labels.push(i % 10);
        }
        for (kind, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
            std::fs::write(Path::new(&folder).join(format!("{part}-{kind}-ubyte")), bytes).unwrap();
        }
    }
    folder
}

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_folder_of_images_becomes_a_zoo_that_the_toolbox_reads() {
    let place = Place::new();
    let (images, out) = (folder_of_images(&place), place.path("zoo"));
    let zoo =
        ["zoo", "--images", &images, "--n", "6", "--epochs", "2", "--checkpoints", "0,9", "--out", &out];
    let said = succeed(&zoo);
    for words in ["trained 6 CNNs in ", " images/s", "test accuracy ", "wrote "] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let names: Vec<String> = files(&out).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["layout.csv", "metrics.csv.gz", "tiny-images_split.csv", "weights.npy"]);
    for step in ["0", "2"] {
        let said = succeed(&["inspect", &out, "--option", &format!("step={step}")]);
        assert!(said.contains("6 nets") && said.contains("train 2, val 1, test 3"), "{said}");
    }

    // What stands is not replaced, and the other activation is another zoo.
    assert!(refuse(&zoo).contains("expected a new or empty folder"));
    let relu = place.path("relu");
    succeed(&[&zoo[..9], &["--activation", "relu", "--out", &relu]].concat());
    let tanh = ["inspect", &relu, "--option", "step=2", "--option", "activation=tanh"];
    assert!(refuse(&tanh).contains("expected at least one net, found none"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_zoo_is_continued_to_the_same_bytes() {
    let place = Place::new();
    let [whole, parts] = ["whole", "parts"].map(|name| place.path(name));
    let zoo = |out| {
        ["zoo", "--images", "mini", "--n", "12", "--epochs", "3", "--checkpoints", "none", "--out", out]
    };
    succeed(&zoo(&whole));

    stop_and_continue(&zoo(&parts), &parts, 20_000);
    assert_eq!(files(&whole), files(&parts));
}

#[test]
fn faults_of_a_request_are_one_line_each() {
    let place = Place::new();
    let (images, out) = (folder_of_images(&place), place.path("zoo"));
    for (arguments, expected) in [
        (["--images", "nowhere", "--n", "4"], "nowhere/train-images-idx3-ubyte: expected this file"),
        (["--images", &images, "--n", "0"], "n_nets: expected 1 to"),
        (["--n", "4", "--images", &images], "batch_size: expected 1 to 4, a tenth of 40 images"),
    ] {
        let batch = if expected.starts_with("batch") { ["--batch", "5"] } else { ["--batch", "2"] };
        let message = refuse(&[&["zoo", "--out", &out], &arguments[..], &batch].concat());
        assert!(message.contains(expected), "{message}");
    }
    std::fs::write(&out, "a file").unwrap();
    assert!(refuse(&["zoo", "--images", &images, "--n", "4", "--out", &out]).contains("found a file"));
}

#[test]
fn a_wild_zoo_is_one_file_from_which_a_net_can_be_taken() {
    let place = Place::new();
    let out = place.path("wild");
    let zoo =
        ["zoo", "--kind", "wild", "--images", "mini", "--n", "4", "--epochs", "1", "--per-architecture", "2"];
    let said = succeed(&[&zoo[..], &["--out", &out]].concat());
    for words in ["trained 4 nets in ", " images/s", "test accuracy ", "nets.flows and ", "metrics.csv"] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let nets = format!("{out}/nets.flows");
    let said = succeed(&["inspect", &nets, "--item", "3"]);
    for words in
        ["4 nets of 2 architectures", "test_accuracy: ", "item 3: architecture 1", "optimizer ", "[input]"]
    {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    assert!(refuse(&["inspect", &nets, "--item", "4"]).contains("expected a number below 4"));

    // One of them is a file like any other.
    let [net, architecture, twin] =
        ["net.safetensors", "net.toml", "twin.safetensors"].map(|name| place.path(name));
    assert!(refuse(&["convert", &nets, &net]).contains("expected which of 4 nets"));
    succeed(&["convert", &nets, &net, "--item", "3"]);
    assert!(refuse(&["convert", &nets, &net, "--item", "3"]).contains("--force replaces it"));
    let described = ["--architecture", &architecture];
    assert!(succeed(&[&["inspect", &net], &described[..]].concat()).contains("units that may be reordered"));
    succeed(&[&["twin", &net, "--out", &twin], &described[..]].concat());
    succeed(&[&["equal", &net, &twin], &described[..]].concat());
    assert!(refuse(&["stats", &nets]).contains("`sgmn convert` takes out one"));
}

#[test]
fn options_of_one_kind_of_zoo_are_refused_for_the_other() {
    let place = Place::new();
    let out = place.path("zoo");
    let refused = |options: &[&str]| {
        refuse(&[&["zoo", "--images", "mini", "--n", "4", "--out", &out], options].concat())
    };
    assert!(
        refused(&["--per-architecture", "2"]).contains("--per-architecture: expected with --kind wild only")
    );
    for option in ["--checkpoints=none", "--batch=8", "--activation=relu"] {
        let name = option.split('=').next().unwrap();
        assert!(
            refused(&["--kind", "wild", option]).contains(&format!("{name}: expected with --kind cnn only"))
        );
    }
}
